"""Figures of results: paired differences and their intervals; surfaces and estimates as in their frames."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import stats

from zslcore import plots
from zslcore.errors import InputError
from zslcore.methods import DISPLAY_NAMES, display_name
from zslcore.methods import METHODS as STUDY

METHODS = list(STUDY)


class TestForest:
    def frame(self, rng, methods, seeds):
        rows = itertools.product(("clean", "paper"), methods, range(seeds))
        frame = pd.DataFrame(rows, columns=["protocol", "method", "seed"])
        frame["lam"] = np.where(frame["method"].str.startswith("cross_"), 0.0, 10.0)
        return frame.assign(H=rng.normal(60, 2, size=len(frame)))

    @pytest.mark.parametrize(("methods", "seeds"), [(METHODS[:2], 1), (METHODS, 1), (METHODS, 5)])
    def test_shows_every_difference_and_the_interval_of_the_mean(self, rng, methods, seeds, render, assert_labelled):
        frame = self.frame(rng, methods, seeds)
        figure = render(plots.forest(frame, "H", label="H (points)"))
        assert_labelled(figure)
        assert figure.get_supxlabel() == "difference from cross entropy: H (points)"
        for axis, protocol in zip(figure.axes, ("clean", "paper"), strict=True):
            values = frame[frame["protocol"] == protocol].pivot(index="seed", columns="method", values="H")
            base = values[methods[0]]
            assert axis.get_title() == f"{protocol} protocol\ncross entropy: {base.mean():.1f}"
            zero, *lines = axis.lines
            assert list(zero.get_xdata()) == [0, 0]
            dots = [line for line in lines if line.get_marker() == "."]
            for method, line, container in zip(methods[1:], dots, axis.containers, strict=True):
                difference = values[method] - base
                np.testing.assert_allclose(line.get_xdata(), difference)
                mark, caps, bars = container
                assert mark.get_xdata() == [pytest.approx(difference.mean())]
                assert mark.get_color() == plots.METHOD_LOOKS[method].color
                if seeds > 1:
                    (bar,) = bars
                    expected = stats.t.interval(0.95, seeds - 1, loc=difference.mean(), scale=stats.sem(difference))
                    assert tuple(bar.get_segments()[0][:, 0]) == pytest.approx(expected)
                else:
                    assert not caps
                    assert not bars
        names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert [name.split(", λ = ")[0] for name in names] == [*map(display_name, methods[1:])]
        assert figure.axes[0].yaxis_inverted()  # the first group on top

    def test_lambda_is_named_where_there_is_one(self, rng):
        figure = plots.forest(self.frame(rng, ["cross_entropy", "cross_entropy_tuned", "mse"], 2), "H", label="H")
        names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert names == ["cross entropy, tuned scale", "+ MSE, λ = 10"]

    def test_a_baseline_by_name_and_other_losses_in_one_grey(self, rng, render):
        frame = self.frame(rng, ["bmc", "mine", "remse", "mse"], 3)
        figure = render(plots.forest(frame, "H", label="H (points)", baseline="mse"))
        assert "cross" not in figure.get_supxlabel()
        marks = [(to_hex(c[0].get_color()), c[0].get_marker()) for c in figure.axes[0].containers]
        assert marks == [("#6e6e6e", "o"), ("#6e6e6e", "o"), ("#de8f05", "D")]

    def test_only_seeds_of_both_are_compared(self, rng):
        frame = self.frame(rng, ["mse", "remse"], 3)
        frame = frame[(frame["method"] == "mse") | (frame["seed"] > 0)]
        (dots, _), _ = [
            [line for line in axis.lines if line.get_marker() in (".", "D")]
            for axis in plots.forest(frame, "H", label="H").axes
        ]
        assert len(dots.get_xdata()) == 2

    @pytest.mark.parametrize("baseline", ["mse", "remse"])
    def test_nothing_to_compare(self, rng, baseline):
        with pytest.raises(InputError, match=r"frame must hold runs of .* and of another method"):
            plots.forest(self.frame(rng, ["mse"], 2), "H", label="H", baseline=baseline)


class TestPairedDifferences:
    @pytest.fixture
    def frame(self, rng):
        rows = itertools.product(["T1", "H", "AUSUC", "test_seen_theil"], METHODS[:4])
        frame = pd.DataFrame(rows, columns=["measure", "against"])
        frame["difference"] = rng.normal(size=len(frame))
        return frame.assign(low=frame["difference"] - 0.5, high=frame["difference"] + 0.6)

    def test_a_panel_for_each_measure_and_a_line_for_each_method(self, frame, render, assert_labelled):
        figure = render(plots.paired_differences(frame.set_index(["measure", "against"]), method="remse"))
        assert_labelled(figure)
        assert [" ".join(axis.get_title().split()) for axis in figure.axes] == [
            "T1",
            "H",
            "AUSUC",
            "Theil index, seen classes",
        ]
        assert [axis.get_xlabel() for axis in figure.axes] == ["points", "points", "points", "difference"]
        assert figure.axes[0].get_ylabel() == "+ ReMSE minus"
        names = [" ".join(tick.get_text().split()) for tick in figure.axes[0].get_yticklabels()]
        assert names == [*map(display_name, METHODS[:4])]
        for axis, (_, part) in zip(figure.axes, frame.groupby("measure", sort=False), strict=True):
            zero, *lines = axis.lines
            assert list(zero.get_xdata()) == [0, 0]
            for place, (row, bar, mark) in enumerate(zip(part.itertuples(), lines[::2], lines[1::2], strict=True)):
                assert list(bar.get_xdata()) == [row.low, row.high]
                assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([row.difference], [place])
                assert (mark.get_color(), mark.get_marker()) == plots.METHOD_LOOKS[row.against][:2]
            assert axis.yaxis_inverted()

    def test_each_series_has_its_own_colour_and_marker(self, frame, render):
        both = pd.concat([frame.assign(series="SYNTH"), frame.assign(series="CUB100")])
        figure = render(plots.paired_differences(both, method="remse"))
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["SYNTH", "CUB100"]
        marks = figure.axes[0].lines[2::2]
        assert len({(mark.get_color(), mark.get_marker()) for mark in marks}) == 2
        places = sorted(mark.get_ydata()[0] for mark in marks)
        assert min(np.diff(places)) > 0.3

    def test_one_measure_against_every_loss(self, rng, render):
        losses = [key for key, name in DISPLAY_NAMES.items() if name[0] == "+" and key != "remse"]
        frame = pd.DataFrame({"measure": "H", "against": losses, "difference": 1.0, "low": -1.0, "high": 2.0})
        render(plots.paired_differences(frame, method="remse"))

    def test_no_row(self, frame):
        with pytest.raises(InputError, match="at least one difference, got none"):
            plots.paired_differences(frame.iloc[:0], method="remse")


class TestExponentSurface:
    def frame(self, rng, exponents, seeds):
        rows = itertools.product(exponents, exponents, range(seeds))
        return pd.DataFrame(rows, columns=["p", "p2", "seed"]).assign(H=lambda rows: rng.normal(60, 2, len(rows)))

    def shown(self, axis):
        """The numbers on the cells, p upwards and p2 to the right."""
        places = {(text.get_position()[1], text.get_position()[0]): float(text.get_text()) for text in axis.texts}
        return [places[place] for place in sorted(places)]

    @pytest.mark.parametrize("exponents", [[0.0, 1.0], [0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0], [*np.arange(11) / 4]])
    def test_mean_and_spread_of_each_pair(self, rng, render, assert_labelled, exponents):
        frame = self.frame(rng, exponents, 3)
        figure = render(plots.exponent_surface(frame, "H", label="H (%)"))
        assert_labelled(figure)
        mean, spread = figure.axes[:2]
        cells = [frame[(frame["p"] == p) & (frame["p2"] == p2)]["H"] for p in exponents for p2 in exponents]
        assert self.shown(mean) == [round(np.mean(cell), 1) for cell in cells]
        assert self.shown(spread) == [round(np.std(cell, ddof=1), 1) for cell in cells]
        assert mean.get_title() == "mean over 3 seeds"
        assert spread.get_title() == "standard deviation over 3 seeds"
        assert [bar.get_ylabel() for bar in figure.axes[2:]] == ["H (%)"] * 2
        assert mean.get_ylim()[0] < mean.get_ylim()[1]  # p grows upwards
        assert [tick.get_text() for tick in mean.get_xticklabels()] == [f"{exponent}" for exponent in exponents]

    def test_pairs_that_were_not_run_stay_empty(self, rng, render):
        frame = self.frame(rng, [0.0, 0.5, 1.0], 2).drop(index=[0, 1, 2])  # one pair, and a seed of the next
        figure = render(plots.exponent_surface(frame, "H", label="H (%)"))
        assert len(self.shown(figure.axes[0])) == 8
        assert len(self.shown(figure.axes[1])) == 7
        assert figure.axes[0].get_title().endswith("1 to 2 seeds")

    def test_one_seed_has_no_spread(self, rng, render):
        figure = render(plots.exponent_surface(self.frame(rng, [0.0, 1.0], 1), "H", label="H (%)"))
        assert len(figure.axes) == 2  # the surface and its colour bar
        assert figure.axes[0].get_title().endswith("mean over one seed")

    def test_bad_frames(self, rng):
        frame = self.frame(rng, [0.0, 1.0], 2)
        for bad in (frame.iloc[:0], pd.concat([frame, frame.iloc[:1]])):
            with pytest.raises(InputError, match="one row for each p, p2 and seed"):
                plots.exponent_surface(bad, "H", label="H (%)")


class TestIntervals:
    @pytest.fixture
    def frame(self, rng):
        rows = itertools.product(["seen classes", "unseen classes"], [*METHODS, "theil", "constant"])
        frame = pd.DataFrame(rows, columns=["group", "name"]).assign(estimate=lambda rows: rng.normal(size=len(rows)))
        return frame.assign(low=frame["estimate"] - 0.2, high=frame["estimate"] + 0.3)

    def test_every_row_under_its_group(self, frame, render, assert_labelled):
        figure = render(plots.intervals(frame, label="correlation", reference=0.1))
        assert_labelled(figure)
        (axis,) = figure.axes
        names = [*map(display_name, METHODS), "Theil index", "null: constant"]
        ticks = axis.get_yticklabels()
        assert [tick.get_text() for tick in ticks] == ["seen classes", *names, "unseen classes", *names]
        assert [tick.get_text() for tick in ticks if tick.get_fontweight() == "bold"] == frame[
            "group"
        ].unique().tolist()
        reference, *lines = axis.lines
        assert reference.get_xdata() == [0.1, 0.1]
        for row, bar, mark in zip(frame.itertuples(), lines[::2], lines[1::2], strict=True):
            assert list(bar.get_xdata()) == [row.low, row.high]
            assert mark.get_xdata() == [row.estimate]
            assert ticks[int(mark.get_ydata()[0])].get_text() == plots.measure_name(row.name)
            hollow = mark.get_markerfacecolor() == "white"
            assert hollow == (row.name == "constant")
            if row.name in METHODS:
                assert to_hex(mark.get_color()) == to_hex(plots.METHOD_LOOKS[row.name].color)
        assert axis.yaxis_inverted()

    def test_no_interval_and_no_method(self, render):
        nan = float("nan")
        rows = [("g", "a", 1.0, nan, nan), ("g", "b", 2.0, 1.5, 2.5)]
        frame = pd.DataFrame(rows, columns=["group", "name", "estimate", "low", "high"])
        assert plots.intervals(frame, label="x").axes[0].lines[2].get_xdata() == [1.0]

    def test_no_row(self, frame):
        with pytest.raises(InputError, match="at least one estimate"):
            plots.intervals(frame.iloc[:0], label="x")

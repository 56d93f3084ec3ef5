"""Figures: they render without a warning, name their axes, and show the numbers that they are given."""

import io
import itertools
import re
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from scipy import stats

from zslcore import plots
from zslcore.metrics import seen_unseen_curve
from zslcore.results import METHOD_NAMES

mpl.use("Agg")
import matplotlib.pyplot as plt

NAMES = [f"has_{group}::{value}" for group in ("crown_color", "wing", "size") for value in "abcd"]
METHODS = list(METHOD_NAMES.values())


@pytest.fixture(autouse=True)
def _clean_style():
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="vert: bool was deprecated")  # between seaborn and matplotlib
        plots.use_style()
        yield
    plt.close("all")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def render(figure):
    """The figure, drawn as a PNG of some size, with a label on every axis that shows a scale."""
    assert isinstance(figure, Figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    picture = plt.imread(io.BytesIO(buffer.getvalue()))
    assert picture[..., :3].std() > 0.02  # not a blank page
    assert min(picture.shape[:2]) > 30
    return figure


def assert_labelled(figure):
    """Every axis has a name, its own or that of the axis it shares; names of categories explain themselves."""
    visible = [axis for axis in figure.axes if axis.axison]
    assert visible
    for side in ("x", "y"):
        for axis in visible:
            label = getattr(axis, f"get_{side}label")()
            ticks = [tick.get_text() for tick in getattr(axis, f"get_{side}ticklabels")()]
            bare = not any(ticks) or any(re.match(r"[A-Za-z+]", text) for text in ticks)
            shared = getattr(figure.axes[0], f"get_shared_{side}_axes")().joined(axis, figure.axes[0])
            assert label or bare or (shared and getattr(figure.axes[0], f"get_{side}label")()), (side, ticks)


def errors_of(methods, rng, shape=(6, 12)):
    return {method: rng.gamma(0.7, 0.02, size=shape) for method in methods}


def some_curve(rng, *, shift=0.0):
    """A curve with mistakes of all kinds: 3 seen and 2 unseen classes."""
    score_seen, score_unseen = rng.normal(size=(30, 5)), rng.normal(size=(20, 5))
    labels_seen, labels_unseen = np.arange(30) % 3, 3 + np.arange(20) % 2
    score_seen[np.arange(30), labels_seen] += 1 + shift
    score_unseen[np.arange(20), labels_unseen] += 1 + shift
    return seen_unseen_curve(score_seen, labels_seen, score_unseen, labels_unseen, num_seen=3)


class TestImageGrid:
    @pytest.mark.parametrize(("count", "columns"), [(1, 6), (6, 6), (7, 3)])
    def test_shows_every_picture_under_its_title(self, rng, count, columns):
        images = rng.random((count, 8, 10, 3))
        titles = [f"picture {index} of a very long name of a bird" for index in range(count)]
        figure = render(plots.image_grid(list(images), titles, columns=columns))
        shown = [axis for axis in figure.axes if axis.images]
        assert [" ".join(axis.get_title().split()) for axis in shown] == titles
        for axis, image in zip(shown, images, strict=True):
            np.testing.assert_array_equal(axis.images[0].get_array(), image)
        assert len(figure.axes) % columns == 0
        assert not any(axis.axison for axis in figure.axes)


class TestAttributeHeatmap:
    def test_shows_the_matrix_and_parts_groups_and_classes(self, rng):
        values = 100 * rng.random((9, 12))
        figure = render(plots.attribute_heatmap(values, NAMES, unit="%", num_seen=6))
        assert_labelled(figure)
        axis, bar = figure.axes
        np.testing.assert_array_equal(axis.images[0].get_array(), values)
        assert [text.get_text() for text in axis.get_xticklabels()] == ["crown color", "wing", "size"]
        lines = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines]
        assert lines == [(0, 5.5), (3.5, 0), (7.5, 0)]  # classes parted below the sixth, groups of four
        assert axis.get_ylabel() == "class (6 seen, then 3 unseen)"
        assert bar.get_ylabel() == "%"

    @pytest.mark.parametrize("names", [["a"], [f"has_part{index}::x" for index in range(60)]], ids=["one", "many"])
    def test_one_group_or_too_many_are_not_named(self, rng, names):
        figure = render(plots.attribute_heatmap(rng.random((5, len(names))), names, unit="share", num_seen=4))
        assert_labelled(figure)
        assert figure.axes[0].get_xlabel() == "attribute"
        assert len(figure.axes[0].lines) == 1

    def test_no_unseen_class(self, rng):
        figure = render(plots.attribute_heatmap(rng.random((5, 12)), NAMES, unit="share", num_seen=5))
        assert figure.axes[0].get_ylabel() == "class (5 seen, then 0 unseen)"


class TestLabelDistribution:
    def test_counts_all_values_and_shows_quantiles(self, rng):
        values = rng.gamma(0.5, 10, size=(21, 12))
        figure = render(plots.label_distribution(values, unit="%"))
        assert_labelled(figure)
        left, right = figure.axes
        assert sum(patch.get_height() for patch in left.patches) == values.size
        assert left.get_xlabel() == "label value (%)"
        assert left.get_yscale() == "log"
        order = np.argsort(values.mean(0))
        np.testing.assert_allclose(right.lines[0].get_ydata(), np.median(values, axis=0)[order])

    def test_equal_values(self):
        render(plots.label_distribution(np.full((3, 12), 0.5), unit="share"))


class TestErrorAgainstLabel:
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS], ids=["one", "all"])
    @pytest.mark.parametrize("splits", [["seen classes"], ["seen classes", "unseen classes"]], ids=["seen", "both"])
    def test_shows_the_means_of_bins_of_equal_count(self, rng, methods, splits):
        values = {split: rng.random((6, 12)) for split in splits}
        errors = {method: {split: rng.random((6, 12)) for split in splits} for method in methods}
        figure = render(plots.error_against_label(values, errors, bins=4))
        assert_labelled(figure)
        assert [axis.get_title() for axis in figure.axes] == splits
        for axis, split in zip(figure.axes, splits, strict=True):
            order = np.argsort(values[split], axis=None)
            for container, method in zip(axis.containers, methods, strict=True):
                parts = np.split(errors[method][split].ravel()[order], 4)
                line, _, (bars,) = container
                np.testing.assert_allclose(line.get_ydata(orig=False), [part.mean() for part in parts])
                assert to_hex(line.get_color()) == to_hex(plots.METHOD_COLORS[method])
                assert container.get_label() == method
                heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
                np.testing.assert_allclose(heights, [2 * stats.sem(part) for part in parts])

    def test_many_equal_labels_share_a_bin(self, rng):
        """Most attributes of a class are 0: fewer bins, none of them empty."""
        values = np.where(rng.random((6, 12)) < 0.7, 0, rng.random((6, 12)))
        errors = {"+ ReMSE": {"seen": rng.random((6, 12))}}
        (container,) = render(plots.error_against_label({"seen": values}, errors)).axes[0].containers
        line = container[0]
        assert 1 < len(line.get_xdata(orig=False)) < 12
        assert np.isfinite(line.get_ydata(orig=False)).all()
        assert line.get_xdata(orig=False)[0] == pytest.approx(0, abs=0.05)


class TestErrorHeatmaps:
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS[:3]], ids=["one", "three"])
    def test_share_one_scale_and_leave_zeros_white(self, rng, methods):
        errors = errors_of(methods, rng)
        errors[methods[0]][2, 3] = 0
        figure = render(plots.error_heatmaps(errors, rows="class", columns="attribute"))
        assert_labelled(figure)
        panels = [axis for axis in figure.axes if axis.images]
        assert [axis.get_title() for axis in panels] == methods
        everything = np.concatenate([matrix[matrix > 0] for matrix in errors.values()])
        for axis in panels:
            assert axis.images[0].get_clim() == (everything.min(), everything.max())
        np.testing.assert_array_equal(np.argwhere(panels[0].images[0].get_array().mask), [[2, 3]])


class TestErrorByAttribute:
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS], ids=["one", "all"])
    def test_boxes_in_order_of_the_first_methods_median(self, rng, methods):
        errors = errors_of(methods, rng)
        errors[methods[-1]][0, 0] = 0  # has no place on a logarithmic axis
        figure = render(plots.error_by_attribute(errors, NAMES))
        assert_labelled(figure)
        (axis,) = figure.axes
        names = [text.get_text() for text in axis.get_xticklabels()]
        order = np.argsort(-np.median(errors[methods[0]], axis=0))
        assert names == [plots.pretty(NAMES[index]) for index in order]
        boxes = [patch for patch in axis.patches if isinstance(patch, PathPatch)]  # the legend's are rectangles
        colors = [to_hex(patch.get_facecolor()) for patch in boxes]
        assert {color: colors.count(color) for color in colors} == {
            to_hex(plots.METHOD_COLORS[method]): len(NAMES) for method in methods
        }
        assert [text.get_text() for text in axis.get_legend().get_texts()] == methods

    def test_not_more_than_shown(self, rng):
        names = [f"attribute {index}" for index in range(100)]
        figure = render(plots.error_by_attribute(errors_of(METHODS[:2], rng, (4, 100)), names, shown=10))
        assert len(figure.axes[0].get_xticklabels()) == 10


class TestSeenUnseenCurves:
    def test_shows_curves_in_percent_with_their_best_points(self, rng):
        curves = {method: some_curve(rng, shift=index) for index, method in enumerate(METHODS)}
        figure = render(plots.seen_unseen_curves(curves, {"clean": (0.4, 0.6)}))
        assert_labelled(figure)
        lines = figure.axes[0].lines
        for (method, curve), line, star in zip(curves.items(), lines[:-1:2], lines[1:-1:2], strict=True):
            np.testing.assert_allclose(line.get_xdata(), 100 * curve.unseen)
            np.testing.assert_allclose(line.get_ydata(), 100 * curve.seen)
            seen, unseen, harmonic, _ = curve.best()
            assert (star.get_xdata(), star.get_ydata()) == ([pytest.approx(100 * unseen)], [pytest.approx(100 * seen)])
            assert f"{100 * harmonic:.1f}" in star.get_label()
            assert {line.get_color(), star.get_color()} == {plots.METHOD_COLORS[method]}
        assert lines[-1].get_xdata() == [40]
        assert lines[-1].get_ydata() == [60]

    def test_one_curve_of_any_name_without_points(self, rng):
        assert_labelled(render(plots.seen_unseen_curves({"mine": some_curve(rng)})))


class TestNoiseFloor:
    def test_lines_are_theory_and_dots_are_simulated(self):
        expected, simulated = {1: [1.5, 2.0, 3.0], 2: [1.2, 1.6, 2.1]}, {1: [1.6, 2.1, 2.9], 2: [1.1, 1.7, 2.0]}
        figure = render(plots.noise_floor([2, 16, 312], expected, simulated))
        assert_labelled(figure)
        lines = figure.axes[0].lines
        assert [list(line.get_ydata()) for line in lines] == [expected[1], simulated[1], expected[2], simulated[2]]
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["1 shot", "2 shots"]
        assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()


class TestTrainingHistory:
    @pytest.mark.parametrize("epochs", [2, 30])
    def test_shows_both_trainings_in_percent(self, epochs):
        steps = np.arange(epochs)
        parts = [
            pd.DataFrame(
                {"epoch": steps, "classification_loss": np.exp(-steps / 9), "T1": value, "H": 0.5, "task": task}
            )
            for task, value in (("validation", 0.7), ("test", 0.6))
        ]
        figure = render(plots.training_history(pd.concat(parts)))
        assert_labelled(figure)
        left, right = figure.axes
        shown = {line.get_label(): list(line.get_ydata()) for line in (*left.lines, *right.lines)}
        assert shown["T1, validation"] == [70] * epochs
        assert shown["T1, test"] == [60] * epochs
        assert shown["H, test"] == [50] * epochs
        np.testing.assert_allclose(shown["cross entropy, test"], np.exp(-steps / 9))


class TestForest:
    def frame(self, rng, methods, seeds):
        rows = itertools.product(("clean", "paper"), methods, range(seeds))
        frame = pd.DataFrame(rows, columns=["protocol", "method", "seed"])
        frame["lam"] = np.where(frame["method"].str.startswith("cross"), 0.0, 10.0)
        return frame.assign(H=rng.normal(60, 2, size=len(frame)))

    @pytest.mark.parametrize(("methods", "seeds"), [(METHODS[:1], 1), (METHODS, 1), (METHODS, 5)])
    def test_shows_every_run_and_the_interval_of_the_mean(self, rng, methods, seeds):
        frame = self.frame(rng, methods, seeds)
        figure = render(plots.forest(frame, "H", label="H (%)"))
        assert_labelled(figure)
        (axis,) = figure.axes
        assert len(axis.containers) == 2 * len(methods)
        names = [text.get_text() for text in axis.get_yticklabels()]
        for position, container in enumerate(axis.containers):
            protocol, method = ["clean", "paper"][position // len(methods)], methods[position % len(methods)]
            numbers = frame[(frame["protocol"] == protocol) & (frame["method"] == method)]["H"]
            assert names[position].startswith(f"{protocol}: {method}")
            mark, _, (bar,) = container
            assert mark.get_xdata() == [pytest.approx(numbers.mean())]
            assert mark.get_color() == plots.METHOD_COLORS[method]
            low, high = bar.get_segments()[0][:, 0]
            if seeds > 1:
                expected = stats.t.interval(0.95, seeds - 1, loc=numbers.mean(), scale=stats.sem(numbers))
                assert (low, high) == pytest.approx(expected)
            else:
                assert low == high == pytest.approx(numbers.mean())
        dots = [line for line in axis.lines if line.get_marker() == "."]
        np.testing.assert_allclose(np.concatenate([line.get_xdata() for line in dots]), frame["H"])
        assert axis.yaxis_inverted()  # the first group on top

    def test_lambda_is_named_where_there_is_one(self, rng):
        figure = plots.forest(self.frame(rng, ["cross entropy", "+ MSE"], 2), "H", label="H (%)")
        names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert names[:2] == ["clean: cross entropy", "clean: + MSE, λ = 10"]


def test_every_method_has_a_colour_and_a_marker_of_its_own():
    assert list(plots.METHOD_COLORS) == list(plots.METHOD_MARKERS) == METHODS
    assert len({to_hex(color) for color in plots.METHOD_COLORS.values()}) == len(METHODS)
    assert len(set(plots.METHOD_MARKERS.values())) == len(METHODS)

"""Curves: the numbers in percent, both calibrations marked on each curve."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from zslcore import plots
from zslcore.errors import InputError
from zslcore.methods import DISPLAY_NAMES, display_name
from zslcore.methods import METHODS as STUDY
from zslcore.metrics import seen_unseen_curve

METHODS = list(STUDY)


@pytest.fixture
def some_curve(rng):
    """Curves with mistakes of all kinds: 3 seen and 2 unseen classes."""

    def make(*, shift=0.0):
        score_seen, score_unseen = rng.normal(size=(30, 5)), rng.normal(size=(20, 5))
        labels_seen, labels_unseen = np.arange(30) % 3, 3 + np.arange(20) % 2
        score_seen[np.arange(30), labels_seen] += 1 + shift
        score_unseen[np.arange(20), labels_unseen] += 1 + shift
        return seen_unseen_curve(score_seen, labels_seen, score_unseen, labels_unseen, num_seen=3)

    return make


class TestSeenUnseenCurves:
    def test_shows_curves_in_percent_with_their_best_points(self, some_curve, render, assert_labelled):
        curves = {method: some_curve(shift=index / 2) for index, method in enumerate([*METHODS, "mine"])}
        figure = render(plots.seen_unseen_curves(curves, {"uncalibrated": (0.4, 0.6)}))
        assert_labelled(figure)
        axis = figure.axes[0]
        *lines, point = axis.lines[: len(curves) + 1]
        for (method, curve), line in zip(curves.items(), lines, strict=True):
            np.testing.assert_allclose(line.get_xdata(), 100 * curve.unseen)
            np.testing.assert_allclose(line.get_ydata(), 100 * curve.seen)
            seen, unseen, harmonic, _ = curve.best()
            (best,) = line.get_markevery()
            assert (line.get_xdata()[best], line.get_ydata()[best]) == pytest.approx((100 * unseen, 100 * seen))
            assert axis.get_xlim()[0] <= 100 * unseen
            assert axis.get_ylim()[0] <= 100 * seen
            text = f"{display_name(method)}\nH {100 * harmonic:.1f} oracle; AUSUC {100 * curve.ausuc:.1f}"
            assert text in [label.get_text() for label in axis.texts]
            assert (line.get_color(), line.get_marker()) == plots.method_looks(curves)[method][:2]
        assert (point.get_xdata(), point.get_ydata(), point.get_label()) == ([40], [60], "uncalibrated")
        texts = [text.get_text() for text in axis.get_legend().get_texts()]
        assert texts == ["uncalibrated", "best H on the test images (oracle)"]

    def test_labels_are_in_the_order_of_the_left_ends(self, some_curve, render):
        curves = {f"curve {index}": some_curve(shift=shift) for index, shift in enumerate((1.0, 0.0, 2.0))}
        axis = render(plots.seen_unseen_curves(curves)).axes[0]
        left, places = axis.get_xlim()[0], {}
        for label in axis.texts:
            key = label.get_text().split("\n")[0]
            places[label.get_position()[1]] = np.interp(left, 100 * curves[key].unseen, 100 * curves[key].seen)
        ends = [places[place] for place in sorted(places)]
        assert ends == sorted(ends)

    def test_the_calibration_of_the_clean_protocol_is_an_open_mark_on_its_curve(self, some_curve, render):
        curves = {method: some_curve(shift=index) for index, method in enumerate(METHODS[:2])}
        gamma = curves[METHODS[1]].best()[3] + 0.5
        axis = render(plots.seen_unseen_curves(curves, clean={METHODS[1]: gamma})).axes[0]
        mark, _ = [line for line in axis.lines if line.get_markerfacecolor() == "white"]  # the second is in the legend
        seen, unseen, harmonic, _ = curves[METHODS[1]].at(gamma)
        assert (mark.get_xdata(), mark.get_ydata()) == ([pytest.approx(100 * unseen)], [pytest.approx(100 * seen)])
        assert to_hex(mark.get_color()) == to_hex(plots.METHOD_LOOKS[METHODS[1]].color)
        texts = {label.get_text().split("\n")[0]: label.get_text() for label in axis.texts}
        assert f"H {100 * harmonic:.1f} clean, " in texts[display_name(METHODS[1])]
        assert "clean" not in texts[display_name(METHODS[0])]
        assert [text.get_text() for text in axis.get_legend().get_texts()] == [
            "best H on the test images (oracle)",
            "γ chosen on folds of the seen classes (clean)",
        ]

    def test_one_curve_of_any_name_without_points(self, some_curve, render, assert_labelled):
        assert_labelled(render(plots.seen_unseen_curves({"mine": some_curve()})))

    def test_every_loss_of_the_study_fits_the_legend(self, some_curve, render):
        losses = [key for key, name in DISPLAY_NAMES.items() if name[0] == "+"]
        assert len(losses) >= 19
        render(plots.seen_unseen_curves({loss: some_curve() for loss in losses}, clean=dict.fromkeys(losses, 0.0)))

    def test_a_gamma_without_a_curve(self, some_curve):
        with pytest.raises(InputError, match="clean must be for curves among mine, got yours"):
            plots.seen_unseen_curves({"mine": some_curve()}, clean={"yours": 0.0})


class TestNoiseFloor:
    def test_lines_are_theory_and_dots_are_simulated(self, render, assert_labelled):
        expected, simulated = {1: [1.5, 2.0, 3.0], 2: [1.2, 1.6, 2.1]}, {1: [1.6, 2.1, 2.9], 2: [1.1, 1.7, 2.0]}
        figure = render(plots.noise_floor([2, 16, 312], expected, simulated))
        assert_labelled(figure)
        lines = figure.axes[0].lines
        assert [list(line.get_ydata()) for line in lines] == [expected[1], simulated[1], expected[2], simulated[2]]
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["1 shot", "2 shots"]
        assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()


class TestTrainingHistory:
    @pytest.mark.parametrize("epochs", [2, 30])
    def test_shows_both_trainings_in_percent(self, epochs, render, assert_labelled):
        steps = np.arange(epochs)
        parts = [
            pd.DataFrame(
                {"epoch": steps, "classification_loss": np.exp(-steps / 9), "T1": value, "H": 0.5, "task": task}
            )
            for task, value in (("fold_1", 0.6), ("fold_2", 0.8), ("test", 0.6))
        ]
        figure = render(plots.training_history(pd.concat(parts)))
        assert_labelled(figure)
        left, right = figure.axes
        shown = {line.get_label(): list(line.get_ydata()) for line in (*left.lines, *right.lines)}
        assert shown["T1, folds"] == pytest.approx([70] * epochs)
        assert shown["T1, test"] == [60] * epochs
        assert shown["H, test"] == [50] * epochs
        np.testing.assert_allclose(shown["final training"], np.exp(-steps / 9))
        assert set(shown) == {
            *("training on folds", "final training"),  # of the loss, which has no test images
            *("T1, folds", "T1, test", "H, folds", "H, test"),
        }
        assert "training images" in left.get_ylabel()
        colors = {to_hex(line.get_color()) for line in (*left.lines, *right.lines)}
        looks = plots.method_looks([*METHODS, *(f"method {index}" for index in range(40))])
        assert colors.isdisjoint(to_hex(look.color) for look in looks.values())
        assert len({(line.get_marker(), line.get_linestyle()) for line in right.lines}) == 4  # in grey print

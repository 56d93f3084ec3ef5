"""Figures of errors: bins, boxes and ratios are those of the matrices; each null model has a panel."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch
from scipy import stats

from zslcore import plots
from zslcore.analysis import explained_share
from zslcore.data.semantics import pretty
from zslcore.errors import InputError
from zslcore.methods import METHODS as STUDY
from zslcore.methods import display_name

METHODS = list(STUDY)


class TestErrorAgainstLabel:
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS], ids=["one", "all"])
    @pytest.mark.parametrize("splits", [["seen classes"], ["seen classes", "unseen classes"]], ids=["seen", "both"])
    def test_shows_the_means_of_bins_of_equal_count(self, rng, methods, splits, render, assert_labelled):
        values = {split: rng.random((6, 12)) for split in splits}
        errors = {method: {split: rng.random((6, 12)) for split in splits} for method in methods}
        figure = render(plots.error_against_label(values, errors, bins=4))
        assert_labelled(figure)
        assert [axis.get_ylabel() for axis in figure.axes] == [f"squared error,\n{split}" for split in splits]
        for axis, split in zip(figure.axes, splits, strict=True):
            order = np.argsort(values[split], axis=None)
            for container, method in zip(axis.containers, methods, strict=True):
                parts = np.split(errors[method][split].ravel()[order], 4)
                line, _, (bars,) = container
                np.testing.assert_allclose(line.get_ydata(orig=False), [part.mean() for part in parts])
                assert to_hex(line.get_color()) == to_hex(plots.METHOD_LOOKS[method].color)
                assert container.get_label() == display_name(method)
                heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
                np.testing.assert_allclose(heights, [2 * stats.sem(part) for part in parts])

    def test_many_equal_labels_share_a_bin(self, rng, render):
        """Most attributes of a class are 0: fewer bins, none of them empty."""
        values = np.where(rng.random((6, 12)) < 0.7, 0, rng.random((6, 12)))
        errors = {"remse": {"seen": rng.random((6, 12))}}
        (container,) = render(plots.error_against_label({"seen": values}, errors)).axes[0].containers
        line = container[0]
        assert 1 < len(line.get_xdata(orig=False)) < 12
        assert np.isfinite(line.get_ydata(orig=False)).all()
        assert line.get_xdata(orig=False)[0] == pytest.approx(0, abs=0.05)

    def test_each_null_model_is_a_dashed_line_in_a_panel_of_its_own(self, rng, render):
        values, errors = {"seen": rng.random((6, 12))}, {"mine": {"seen": rng.random((6, 12))}}
        null = rng.random((6, 12))
        null[0] = np.nan  # a class without images
        nulls = {"constant": {"seen": null}, "shrinkage": {"seen": np.ones((6, 12))}}
        figure = render(plots.error_against_label(values, errors | nulls, bins=3))
        for axis, (key, matrices) in zip(figure.axes, nulls.items(), strict=True):
            (line,) = [line for line in axis.lines if line.get_linestyle() == "--"]
            known = ~np.isnan(matrices["seen"])
            parts = np.split(matrices["seen"][known][np.argsort(values["seen"][known])], 3)
            np.testing.assert_allclose(line.get_ydata(), [part.mean() for part in parts])
            share = explained_share(errors["mine"]["seen"], matrices["seen"])
            assert axis.get_title() == f"{key}\nR² = {share:.2f}"
        (legend,) = figure.legends
        assert {text.get_text() for text in legend.get_texts()} == {"mine", "null model of the panel"}

    def test_a_large_null_model_does_not_set_the_scale(self, rng, render):
        values, errors = {"seen": rng.random((6, 12))}, {"seen": rng.random((6, 12))}
        matrices = {"mse": errors, "multiplicative": {"seen": np.full((6, 12), 100.0)}}
        (axis,) = render(plots.error_against_label(values, matrices)).axes
        assert axis.get_ylim()[0] == 0
        assert errors["seen"].mean() < axis.get_ylim()[1] < 2

    def test_many_methods_with_null_models(self, rng, render):
        splits = ("seen classes", "unseen classes")
        values = {split: rng.random((6, 12)) for split in splits}
        errors = {
            name: {split: rng.random((6, 12)) for split in splits} for name in [*METHODS, "bmc", "multiplicative"]
        }
        render(plots.error_against_label(values, errors))


class TestErrorByAttribute:
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS], ids=["one", "all"])
    def test_boxes_in_order_of_the_first_methods_median(self, rng, methods, render, assert_labelled, errors_of, names):
        errors = errors_of(methods, rng)
        figure = render(plots.error_by_attribute(errors, names))
        assert_labelled(figure)
        (axis,) = figure.axes
        shown = [text.get_text() for text in axis.get_yticklabels()]
        order = np.argsort(-np.median(errors[methods[0]], axis=0))
        assert shown == [pretty(names[index]) for index in order]
        boxes = [patch for patch in axis.patches if isinstance(patch, PathPatch)]  # the legend's are rectangles
        colors = [to_hex(patch.get_facecolor()) for patch in boxes]
        assert {color: colors.count(color) for color in colors} == {
            to_hex(plots.METHOD_LOOKS[method].color): len(names) for method in methods
        }
        assert [text.get_text() for text in axis.get_legend().get_texts()] == [*map(display_name, methods)]

    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS, ["mine", "remse"]], ids=["one", "all", "mine"])
    def test_boxes_and_legend_have_the_hatch_of_their_method(self, rng, methods, errors_of, names):
        axis = plots.error_by_attribute(errors_of(methods, rng), names).axes[0]
        expected = {(to_hex(look.color), look.hatch or None) for look in plots.method_looks(methods).values()}
        boxes = [patch for patch in axis.patches if isinstance(patch, PathPatch)]
        for patches in (boxes, axis.get_legend().get_patches()):
            assert {(to_hex(patch.get_facecolor()), patch.get_hatch() or None) for patch in patches} == expected

    def test_an_absent_class_does_not_undo_the_order(self, rng, render, errors_of, names):
        errors = errors_of(METHODS[:2], rng)
        errors[METHODS[0]][2] = np.nan
        figure = render(plots.error_by_attribute(errors, names))
        shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        order = np.argsort(-np.nanmedian(errors[METHODS[0]], axis=0))
        assert shown == [pretty(names[index]) for index in order]
        assert order.tolist() != sorted(order)

    def test_zeros_lie_at_the_smallest_error_and_the_axis_says_so(self, rng, render, errors_of, names):
        errors = errors_of(METHODS[:2], rng)
        for matrix in errors.values():
            matrix += 1e-3
        assert "drawn" not in plots.error_by_attribute(errors, names).axes[0].get_xlabel()
        errors[METHODS[1]][:, 0] = 0
        errors[METHODS[0]][0, 1] = 4e-4
        axis = render(plots.error_by_attribute(errors, names)).axes[0]
        assert axis.get_xlabel() == "squared error of a class (log scale; 0 drawn as 4e-04)"
        assert axis.get_xlim()[0] > 1e-4
        assert min(np.nanmin(line.get_xdata()) for line in axis.lines if line.get_xdata().size) == 4e-4

    def test_a_method_without_an_error(self, rng, errors_of, names):
        with pytest.raises(InputError, match="above 0 for each method, got none for 'mine'"):
            plots.error_by_attribute({**errors_of(METHODS[:1], rng), "mine": np.zeros((6, 12))}, names)

    def test_one_class_is_a_line_in_the_colour_of_its_method(self, rng, errors_of, names):
        """Its box has no height, and a white median would not be seen."""
        axis = plots.error_by_attribute(errors_of(METHODS[:2], rng, (1, 12)), names).axes[0]
        for container, method in zip(axis.containers, METHODS[:2], strict=True):
            assert {line.get_color() for line in container.medians} == {plots.METHOD_LOOKS[method].color}

    def test_not_more_than_shown(self, rng, render, errors_of):
        names = [f"attribute {index}" for index in range(100)]
        figure = render(plots.error_by_attribute(errors_of(METHODS[:2], rng, (4, 100)), names, shown=10))
        assert len(figure.axes[0].get_yticklabels()) == 10

    def test_methods_of_any_name(self, rng, errors_of, render, names):
        figure = render(plots.error_by_attribute(errors_of(["mine", "mse"], rng), names))
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["mine", "+ MSE"]


class TestReductionAgainstLabel:
    @pytest.mark.parametrize("methods", [METHODS[:1], [*METHODS[2:], "mine"]], ids=["one", "four"])
    def test_every_cell_is_a_dot_and_bins_are_means(self, rng, errors_of, render, methods, assert_labelled):
        values, before = rng.random((6, 12)), rng.gamma(1, 0.02, size=(6, 12))
        after = errors_of(methods, rng)
        figure = render(plots.reduction_against_label(values, before, after, bins=4))
        assert_labelled(figure)
        assert figure.get_supxlabel() == "label value (class vectors of length 1)"
        order = np.argsort(values, axis=None)
        for axis, method in zip(figure.axes, methods, strict=True):
            assert " ".join(axis.get_title().split()) == display_name(method)
            ratio = np.log2(after[method] / before)
            dots = axis.collections[0].get_offsets()
            np.testing.assert_allclose(dots, np.stack([values.ravel(), ratio.ravel()], axis=1))
            (line, _, _), *_ = axis.containers
            parts = np.split(ratio.ravel()[order], 4)
            np.testing.assert_allclose(line.get_ydata(orig=False), [part.mean() for part in parts])
            assert to_hex(line.get_color()) == to_hex(plots.method_looks(methods)[method].color)

    def looks(self, rng, after):
        """Colour and marker of the line in each panel."""
        values, before = rng.random((6, 12)), rng.gamma(1, 0.02, size=(6, 12))
        figure = plots.reduction_against_label(values, before, after)
        return [(to_hex(axis.containers[0][0].get_color()), axis.containers[0][0].get_marker()) for axis in figure.axes]

    def test_other_losses_keep_their_own_colours(self, rng, errors_of):
        names = ["bmc", "gai"]
        expected = [look[:2] for look in plots.method_looks(names).values()]
        assert self.looks(rng, errors_of(names, rng)) == expected

    @pytest.mark.parametrize("size", [1e-6, 0.02, 0.1, 3.0])
    def test_ticks_do_not_overlap_at_any_size_of_change(self, rng, render, size):
        after = {"mse": size * rng.random((6, 12))}
        render(plots.reduction_against_label(rng.random((6, 12)), size * rng.random((6, 12)), after))

    def test_half_and_twice_the_error_are_equally_far_from_1(self, rng, render):
        before = np.ones((6, 12))
        after = np.where(rng.random((6, 12)) < 0.5, 0.5, 2.0)
        after[0, 0] = 1e-9  # one cell does not stretch the axis
        figure = render(plots.reduction_against_label(rng.random((6, 12)), before, {"mse": after}, relative_to="MSE"))
        axis = figure.axes[0]
        assert axis.get_ylabel() == "squared error relative\nto MSE (log scale)"
        assert axis.get_ylim() == (-1, 1)
        shown = dict(zip(axis.get_yticks(), [tick.get_text() for tick in axis.get_yticklabels()]))
        assert shown.items() >= {-1: "1/2", 0: "1", 1: "2"}.items()

    def test_cells_without_an_error_are_left_out(self, rng, render):
        before, after = rng.random((6, 12)), {"mse": rng.random((6, 12))}
        before[0, 0], after["mse"][0, 1], before[1] = 0, 0, np.nan
        figure = render(plots.reduction_against_label(rng.random((6, 12)), before, after))
        assert np.ma.count(figure.axes[0].collections[0].get_offsets()[:, 1]) == 72 - 2 - 12

    def test_equal_errors_have_a_scale(self, rng, render):
        errors = rng.random((6, 12))
        render(plots.reduction_against_label(errors, errors, {"mse": errors}))

    def test_no_error_in_common(self):
        before, after = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
        with pytest.raises(InputError, match="before and after must both be above 0 in some cell, got none"):
            plots.reduction_against_label(before, before, {"mse": after})


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "c", "d"]])
def test_every_attribute_has_a_name(names):
    message = rf"^attribute_names must name 3 attributes, got {len(names)} names$"
    with pytest.raises(InputError, match=message):
        plots.error_by_attribute({"mse": np.ones((4, 3))}, names)


def test_attributes_of_equal_names_have_a_box_each(rng, render):
    """Before, seaborn drew them as one box, and refused the name error."""
    names, errors = ["wing", "has_wing", "error"], rng.uniform([1, 2, 3], [2, 3, 4], size=(9, 3))
    (axis,) = render(plots.error_by_attribute({"mse": errors}, names)).axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["error", "wing", "wing"]
    (container,) = axis.containers
    medians = [line.get_xdata()[0] for line in container.medians]
    np.testing.assert_allclose(medians, np.median(errors, axis=0)[::-1])

"""Figures of errors: bins, boxes and reductions are those of the matrices; null models are grey."""

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import PathPatch
from scipy import stats

from zslcore import plots
from zslcore.data.semantics import pretty
from zslcore.errors import InputError
from zslcore.methods import METHOD_NAMES

METHODS = list(METHOD_NAMES.values())


class TestErrorAgainstLabel:
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS], ids=["one", "all"])
    @pytest.mark.parametrize("splits", [["seen classes"], ["seen classes", "unseen classes"]], ids=["seen", "both"])
    def test_shows_the_means_of_bins_of_equal_count(self, rng, methods, splits, render, assert_labelled):
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

    def test_many_equal_labels_share_a_bin(self, rng, render):
        """Most attributes of a class are 0: fewer bins, none of them empty."""
        values = np.where(rng.random((6, 12)) < 0.7, 0, rng.random((6, 12)))
        errors = {"+ ReMSE": {"seen": rng.random((6, 12))}}
        (container,) = render(plots.error_against_label({"seen": values}, errors)).axes[0].containers
        line = container[0]
        assert 1 < len(line.get_xdata(orig=False)) < 12
        assert np.isfinite(line.get_ydata(orig=False)).all()
        assert line.get_xdata(orig=False)[0] == pytest.approx(0, abs=0.05)

    def test_null_models_are_grey_lines_without_marks(self, rng, render):
        values, errors = {"seen": rng.random((6, 12))}, {"mine": {"seen": rng.random((6, 12))}}
        null = rng.random((6, 12))
        null[0] = np.nan  # a class without images
        nulls = {"constant noise": {"seen": null}, "shrinkage to the mean": {"seen": np.ones((6, 12))}}
        figure = render(plots.error_against_label(values, errors, bins=3, nulls=nulls))
        lines = {line.get_label(): line for line in figure.axes[0].lines if not line.get_label().startswith("_")}
        assert list(lines) == list(nulls)
        assert {line.get_marker() for line in lines.values()} == {"None"}
        assert len({line.get_linestyle() for line in lines.values()}) == 2
        red, green, blue = to_rgb(lines["constant noise"].get_color())
        assert red == green == blue
        order = np.argsort(values["seen"][1:], axis=None)
        parts = np.split(null[1:].ravel()[order], 3)
        np.testing.assert_allclose(lines["constant noise"].get_ydata(), [part.mean() for part in parts])
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["mine", *nulls]

    def test_many_methods_with_null_models(self, rng, render):
        splits = ("seen classes", "unseen classes")
        values = {split: rng.random((6, 12)) for split in splits}
        errors = {name: {split: rng.random((6, 12)) for split in splits} for name in [*METHODS, "+ BMC", "+ focal MSE"]}
        nulls = {"multiplicative noise": errors["+ BMC"]}
        render(plots.error_against_label(values, errors, nulls=nulls))


class TestErrorByAttribute:
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS], ids=["one", "all"])
    def test_boxes_in_order_of_the_first_methods_median(self, rng, methods, render, assert_labelled, errors_of, names):
        errors = errors_of(methods, rng)
        figure = render(plots.error_by_attribute(errors, names))
        assert_labelled(figure)
        (axis,) = figure.axes
        shown = [text.get_text() for text in axis.get_xticklabels()]
        order = np.argsort(-np.median(errors[methods[0]], axis=0))
        assert shown == [pretty(names[index]) for index in order]
        boxes = [patch for patch in axis.patches if isinstance(patch, PathPatch)]  # the legend's are rectangles
        colors = [to_hex(patch.get_facecolor()) for patch in boxes]
        assert {color: colors.count(color) for color in colors} == {
            to_hex(plots.METHOD_COLORS[method]): len(names) for method in methods
        }
        assert [text.get_text() for text in axis.get_legend().get_texts()] == methods

    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS, ["mine", "+ ReMSE"]], ids=["one", "all", "mine"])
    def test_boxes_and_legend_have_the_hatch_of_their_method(self, rng, methods, errors_of, names):
        axis = plots.error_by_attribute(errors_of(methods, rng), names).axes[0]
        styles, hatches = plots.method_styles(methods), plots.method_hatches(methods)
        expected = {(to_hex(styles[method]["color"]), hatches[method] or None) for method in methods}
        boxes = [patch for patch in axis.patches if isinstance(patch, PathPatch)]
        for patches in (boxes, axis.get_legend().get_patches()):
            assert {(to_hex(patch.get_facecolor()), patch.get_hatch() or None) for patch in patches} == expected

    def test_an_absent_class_does_not_undo_the_order(self, rng, render, errors_of, names):
        errors = errors_of(METHODS[:2], rng)
        errors[METHODS[0]][2] = np.nan
        figure = render(plots.error_by_attribute(errors, names))
        shown = [text.get_text() for text in figure.axes[0].get_xticklabels()]
        order = np.argsort(-np.nanmedian(errors[METHODS[0]], axis=0))
        assert shown == [pretty(names[index]) for index in order]
        assert order.tolist() != sorted(order)

    def test_zeros_lie_at_the_smallest_error_and_the_axis_says_so(self, rng, render, errors_of, names):
        errors = errors_of(METHODS[:2], rng)
        for matrix in errors.values():
            matrix += 1e-3
        assert "drawn" not in plots.error_by_attribute(errors, names).axes[0].get_ylabel()
        errors[METHODS[1]][:, 0] = 0
        errors[METHODS[0]][0, 1] = 4e-4
        axis = render(plots.error_by_attribute(errors, names)).axes[0]
        assert axis.get_ylabel() == "squared error of a class (log scale)\n0 drawn as 4e-04"
        assert axis.get_ylim()[0] > 1e-4
        assert min(np.nanmin(line.get_ydata()) for line in axis.lines if line.get_ydata().size) == 4e-4

    def test_a_method_without_an_error(self, rng, errors_of, names):
        with pytest.raises(InputError, match="above 0 for each method, got none for 'mine'"):
            plots.error_by_attribute({**errors_of(METHODS[:1], rng), "mine": np.zeros((6, 12))}, names)

    def test_not_more_than_shown(self, rng, render, errors_of):
        names = [f"attribute {index}" for index in range(100)]
        figure = render(plots.error_by_attribute(errors_of(METHODS[:2], rng, (4, 100)), names, shown=10))
        assert len(figure.axes[0].get_xticklabels()) == 10

    def test_methods_of_any_name(self, rng, errors_of, render, names):
        figure = render(plots.error_by_attribute(errors_of(["mine", "+ MSE"], rng), names))
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
            assert " ".join(axis.get_title().split()) == method
            fall = before - after[method]
            dots = axis.collections[0].get_offsets()
            np.testing.assert_allclose(dots, np.stack([values.ravel(), fall.ravel()], axis=1))
            (line, _, _), *_ = axis.containers
            parts = np.split(fall.ravel()[order], 4)
            np.testing.assert_allclose(line.get_ydata(orig=False), [part.mean() for part in parts])
            assert to_hex(line.get_color()) == to_hex(plots.method_styles(methods)[method]["color"])

    def looks(self, rng, after, **options):
        """Colour and marker of the line in each panel."""
        values, before = rng.random((6, 12)), rng.gamma(1, 0.02, size=(6, 12))
        figure = plots.reduction_against_label(values, before, after, **options)
        return [(to_hex(axis.containers[0][0].get_color()), axis.containers[0][0].get_marker()) for axis in figure.axes]

    def test_stages_of_a_method_look_like_it(self, rng, errors_of):
        after = errors_of(["after 1 epoch", "chosen epoch"], rng)
        assert self.looks(rng, after, method="+ ReMSE") == [("#de8f05", "D")] * 2

    def test_stages_of_no_named_method_look_like_no_method(self, rng, errors_of):
        one, other = self.looks(rng, errors_of(["after 1 epoch", "chosen epoch"], rng))
        assert one == other
        styles = plots.method_styles([*METHODS, *(f"method {index}" for index in range(40))])
        assert one[0] not in {to_hex(style["color"]) for style in styles.values()}

    def test_other_losses_keep_their_own_colours(self, rng, errors_of):
        names = ["+ BMC", "+ GAI"]
        expected = [(style["color"], style["marker"]) for style in plots.method_styles(names).values()]
        assert self.looks(rng, errors_of(names, rng)) == expected

    @pytest.mark.parametrize("size", [1e-6, 0.02, 0.1, 3.0])
    def test_ticks_do_not_overlap_at_any_size_of_change(self, rng, render, size):
        after = {"+ MSE": size * rng.random((6, 12))}
        render(plots.reduction_against_label(rng.random((6, 12)), size * rng.random((6, 12)), after))

    def test_nothing_changed(self, rng):
        errors = rng.random((6, 12))
        with pytest.raises(InputError, match="after must differ from before"):
            plots.reduction_against_label(errors, errors, {"+ MSE": errors})

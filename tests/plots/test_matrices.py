"""Matrices as colour: errors of the first method, ratios to it, groups in order, marginal means."""

import numpy as np
import pytest

from zslcore import plots
from zslcore.errors import InputError
from zslcore.methods import METHODS as STUDY
from zslcore.methods import display_name

METHODS = list(STUDY)


class TestErrorHeatmaps:
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS[:3]], ids=["one", "three"])
    def test_errors_of_the_first_and_ratios_of_the_others_on_one_scale_around_1(
        self, rng, methods, render, assert_labelled, errors_of
    ):
        errors = errors_of(methods, rng)
        first = errors[methods[0]]
        first[2, 3] = 0
        figure = render(plots.error_heatmaps(errors, rows="class", columns="attribute"))
        assert_labelled(figure)
        one, *others = [axis for axis in figure.axes if axis.images]
        assert one.get_title() == display_name(methods[0])
        assert one.images[0].get_clim() == (np.quantile(first[first > 0], 0.01, method="lower"), first.max())
        scales = set()
        for axis, method in zip(others, methods[1:], strict=True):
            assert (
                " ".join(axis.get_title().split()) == f"{display_name(method)} relative to {display_name(methods[0])}"
            )
            shown, known = axis.images[0].get_array(), first > 0
            np.testing.assert_allclose(shown[known], np.log2(errors[method][known] / first[known]))
            scales.add(axis.images[0].get_clim())
        for low, high in scales:
            assert low == -high
        assert len(scales) == min(len(others), 1)
        for axis in (one, *others):
            np.testing.assert_array_equal(np.argwhere(axis.images[0].get_array().mask), [[2, 3]])

    def test_a_few_errors_near_zero_do_not_stretch_the_scale(self, rng, errors_of):
        errors = errors_of(METHODS[:2], rng, (20, 30))
        errors[METHODS[0]][0, 0] = 1e-30
        norm = plots.error_heatmaps(errors, rows="class", columns="attribute").axes[0].images[0].norm
        assert norm.vmin > 1e-10
        assert norm.vmax == errors[METHODS[0]].max()

    @pytest.mark.parametrize("shape", [(50, 56), (100, 312)], ids=["SynthBirds", "CUB100"])
    @pytest.mark.parametrize("methods", [METHODS[:1], METHODS], ids=["one", "all"])
    def test_groups_are_parted_and_named_below_the_last(self, rng, errors_of, render, assert_labelled, shape, methods):
        names, groups = group_names(shape[1])
        errors = errors_of(methods, rng, shape)
        errors[methods[0]][4] = np.nan  # an absent class
        figure = render(plots.error_heatmaps(errors, rows="class", columns="attribute", attribute_names=names))
        assert_labelled(figure)
        panels = [axis for axis in figure.axes if axis.images]
        titles = [f"{display_name(method)} relative to {display_name(methods[0])}" for method in methods[1:]]
        assert [axis.get_title() for axis in panels] == [display_name(methods[0]), *titles]
        starts = [sum(groups[:index]) - 0.5 for index in range(1, len(groups))]
        for axis in panels:
            walls = [
                line.get_xdata()[0]
                for line in axis.lines
                if line.get_color() == ("white" if axis is panels[0] else "black")
                and len(set(line.get_xdata())) == 1
                and list(line.get_ydata()) == [0, 1]
            ]
            assert walls == starts
        assert [tick.get_text() for tick in panels[-1].get_xticklabels()] == [f"part{i} x" for i in range(len(groups))]
        assert panels[0].images[0].get_array().mask[4].all()
        ends = [panels[-1].transData.transform((0, 0))[0]] + [axis.get_position().x0 for axis in panels]
        assert np.ptp(ends[1:]) == 0  # one column of panels

    def test_scattered_groups_are_brought_together(self, rng):
        names = ["has_a::1", "has_b::1", "has_a::2"]
        matrix = rng.random((4, 3)) + 0.1
        figure = plots.error_heatmaps({"mse": matrix}, rows="class", columns="attribute", attribute_names=names)
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), matrix[:, [0, 2, 1]])

    def test_sorted_by_mean_error_within_groups(self, render):
        names = ["has_a::1", "has_a::2", "has_b::1", "has_b::2"]
        one = np.array([[1.0, 2.0, 9.0, 8.0], [5.0, 6.0, 9.0, 8.0], [np.nan] * 4])
        errors = {"mse": one, "remse": one / 2}
        settings = {"rows": "class", "columns": "attribute", "attribute_names": names, "sort": True}
        panels = render(plots.error_heatmaps(errors, **settings)).axes
        expected = [[6, 5, 9, 8], [2, 1, 9, 8]]
        np.testing.assert_array_equal(panels[0].images[0].get_array()[:2], expected)
        np.testing.assert_array_equal(panels[1].images[0].get_array()[:2], -np.ones((2, 4)))
        assert panels[0].images[0].get_array().mask[2].all()  # the absent class comes last
        assert [axis.get_ylabel() for axis in panels[:2]] == ["class,\nby mean error"] * 2  # ticks are ranks
        assert panels[1].get_xlabel() == "attribute group"

    @pytest.mark.parametrize("names", [None, ["has_a::1", "has_a::2", "has_a::3"]], ids=["no names", "one group"])
    def test_ranks_are_not_labelled_as_numbers(self, rng, render, errors_of, names):
        errors = errors_of(METHODS[:3], rng, (5, 3))
        settings = {"rows": "class", "columns": "attribute", "attribute_names": names}
        for sort, ending in ((True, ",\nby mean error"), (False, "")):
            figure = render(plots.error_heatmaps(errors, **settings, sort=sort))
            panels = [axis for axis in figure.axes if axis.images]
            assert (panels[-1].get_xlabel() or figure.get_supxlabel()) == f"attribute{ending}"
            assert panels[0].get_ylabel() == f"class{ending}"

    def test_five_methods_side_by_side(self, rng, errors_of, render):
        render(plots.error_heatmaps(errors_of(METHODS, rng), rows="class", columns="attribute"))

    def test_equal_errors_have_a_scale(self, render):
        render(plots.error_heatmaps({"mse": np.full((3, 4), 0.5)}, rows="class", columns="attribute"))

    def test_bad_input(self, rng):
        with pytest.raises(InputError, match="errors must hold a value above 0"):
            plots.error_heatmaps({}, rows="class", columns="attribute")
        with pytest.raises(InputError, match="errors must hold a value above 0"):
            plots.error_heatmaps({"mse": np.zeros((3, 4))}, rows="class", columns="attribute")
        matrix = {"mse": rng.random((3, 4))}
        with pytest.raises(InputError, match="one for each of 4 attributes, got 2"):
            plots.error_heatmaps(matrix, rows="class", columns="attribute", attribute_names=["a", "b"])


def group_names(count):
    """As many attributes in groups of 4 to 15, as CUB has them, some of the small ones in a row."""
    sizes, cycle = [], [9, 15, 15, 4, 6, 4, 4, 4, 15]
    while sum(sizes) < count:
        sizes.append(min(cycle[len(sizes) % len(cycle)], count - sum(sizes)))
    return [f"has_part{i}_x::{value}" for i, size in enumerate(sizes) for value in range(size)], sizes


class TestWeightMatrix:
    @pytest.mark.parametrize("shape", [(50, 56), (100, 312)], ids=["SynthBirds", "CUB100"])
    def test_shows_the_weights_and_their_means(self, rng, render, assert_labelled, shape):
        weights = 1 + rng.gamma(1, 0.6, size=shape)
        weights[3] = np.nan
        figure = render(plots.weight_matrix(weights, attribute_names=group_names(shape[1])[0]))
        assert_labelled(figure)
        axis, above, beside, bar = figure.axes
        np.testing.assert_array_equal(axis.images[0].get_array().filled(np.nan), weights)
        (over_classes,), (over_attributes,) = above.patches, beside.patches
        np.testing.assert_allclose(over_classes.get_data().values, np.nanmean(weights, axis=0))
        present = np.arange(shape[0]) != 3
        np.testing.assert_allclose(over_attributes.get_data().values[present], weights[present].mean(1))
        assert np.isnan(over_attributes.get_data().values[3])
        assert bar.get_ylabel() == "weight"
        assert above.get_xlim() == axis.get_xlim()
        assert beside.get_ylim() == axis.get_ylim()

    def test_without_names(self, rng, render):
        figure = render(plots.weight_matrix(1 + rng.random((16, 20)), rows="class of the batch"))
        assert figure.axes[0].get_xlabel() == "attribute"
        assert figure.axes[0].get_ylabel() == "class of the batch"
        assert not figure.axes[0].lines

    def test_no_weight(self):
        with pytest.raises(InputError, match="weights must hold a number"):
            plots.weight_matrix(np.full((2, 3), np.nan))

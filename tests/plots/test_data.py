"""Figures of a data set: the pictures and numbers that are given, groups parted and named."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from zslcore import plots
from zslcore.errors import InputError


class TestImageGrid:
    @pytest.mark.parametrize(("count", "columns"), [(1, 6), (6, 6), (7, 3)])
    def test_shows_every_picture_under_its_title(self, rng, count, columns, render):
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
    def test_shows_the_matrix_and_parts_groups_and_classes(self, rng, render, assert_labelled, names):
        values = 100 * rng.random((9, 12))
        figure = render(plots.attribute_heatmap(values, names, unit="%", num_seen=6))
        assert_labelled(figure)
        axis, bar = figure.axes
        groups = [4 * group + np.argsort(-values[:, 4 * group : 4 * group + 4].mean(0)) for group in range(3)]
        np.testing.assert_array_equal(axis.images[0].get_array(), values[:, np.concatenate(groups)])
        assert [text.get_text() for text in axis.get_xticklabels()] == ["crown color", "wing", "size"]
        lines = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines if line.get_color() == "white"]
        assert lines == [(0, 5.5), (3.5, 0), (7.5, 0)]  # classes parted below the sixth, groups of four
        assert axis.get_ylabel() == "class (6 seen, then 3 unseen)"
        assert bar.get_ylabel() == "%"

    @pytest.mark.parametrize("names", [["a"], [f"has_part{index}::x" for index in range(60)]], ids=["one", "many"])
    def test_one_group_or_too_many_are_not_named(self, rng, names, render, assert_labelled):
        figure = render(plots.attribute_heatmap(rng.random((5, len(names))), names, unit="share", num_seen=4))
        assert_labelled(figure)
        assert figure.axes[0].get_xlabel() == "attribute"
        assert len(figure.axes[0].lines) == 1

    def test_no_unseen_class(self, rng, render, names):
        figure = render(plots.attribute_heatmap(rng.random((5, 12)), names, unit="share", num_seen=5))
        assert figure.axes[0].get_ylabel() == "class (5 seen, then 0 unseen)"


class TestLabelDistribution:
    def test_counts_all_values_and_shows_quantiles(self, rng, render, assert_labelled):
        values = rng.gamma(0.5, 10, size=(21, 12))
        figure = render(plots.label_distribution(values, unit="%"))
        assert_labelled(figure)
        left, right = figure.axes
        assert sum(patch.get_height() for patch in left.patches) == values.size
        assert left.get_xlabel() == "label value (%)"
        assert left.get_yscale() == "log"
        order = np.argsort(values.mean(0))
        np.testing.assert_allclose(right.lines[0].get_ydata(), np.median(values, axis=0)[order])

    def test_equal_values(self, render):
        render(plots.label_distribution(np.full((3, 12), 0.5), unit="share"))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.image_grid([], []), "images must be at least one"),
        (lambda: plots.image_grid([np.zeros((2, 2))], ["a", "b"]), "each with a title, got 1 and 2 titles"),
        (lambda: plots.attribute_heatmap(np.eye(3), ["a", "b"], unit="%", num_seen=2), "one for each of 3 attributes"),
        (lambda: plots.attribute_heatmap(np.eye(2), ["a", "b"], unit="%", num_seen=3), "at most the 2 classes, got 3"),
        (lambda: plots.label_distribution(np.array([[0.5, np.nan]]), unit="%"), "values must be finite"),
    ],
)
def test_what_does_not_fit_is_refused(draw, message):
    with pytest.raises(InputError, match=message):
        draw()


@pytest.mark.parametrize("name", ["5 $ to 10 $", "$^ and $$$", "one $"])
def test_dollar_signs_in_names_make_no_formula(name):
    """Before, two of them made a formula, which matplotlib drew in italics or could not read."""
    squares, frame = np.ones((3, 3)), pd.DataFrame({"group": [name], "value": 0.5, "low": 0, "high": 1, "chance": 0.1})
    figures = [
        plots.image_grid([squares], [name]),
        plots.attribute_heatmap(squares, [f"{name}::a", f"{name}::b", "other::c"], unit="%", num_seen=2),
        plots.error_by_attribute({"mse": squares}, [name, "b", "c"]),
        plots.attention_maps(squares, squares[None], [name]),
        plots.measured_attention({"remse": frame}, label="share"),
    ]
    for figure in figures:
        figure.canvas.draw()
        drawn = [text._preprocess_math(text.get_text()) for text in figure.findobj(Text)]
        assert (name, False) in drawn  # as it is, and no formula

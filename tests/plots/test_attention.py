"""Attention in pictures: what is looked at shows, true parts lie where they are, bars are the measured shares."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from zslcore import plots
from zslcore.analysis import energy_inside
from zslcore.errors import InputError
from zslcore.methods import display_name


class TestAttentionMaps:
    @pytest.mark.parametrize(("maps", "columns"), [(1, 6), (5, 6), (11, 6), (3, 2)])
    def test_the_image_then_a_map_for_each_attribute(self, rng, render, maps, columns):
        image, attention = rng.random((32, 48, 3)), rng.random((maps, 7, 7)) + 0.01
        names = [f"underparts color {index}: of a long name" for index in range(maps)]
        figure = render(plots.attention_maps(image, attention, names, columns=columns))
        shown = [axis for axis in figure.axes if axis.images]
        assert [" ".join(axis.get_title().split()) for axis in shown] == ["image", *names]
        for axis in shown:
            np.testing.assert_array_equal(axis.images[0].get_array(), image)
            assert all(list(layer.get_extent()) == [0, 48, 32, 0] for layer in axis.images)
        assert len(shown[0].images) == 1
        for axis, cells in zip(shown[1:], attention, strict=True):
            veil = axis.images[1].get_array()[..., 3]
            assert veil[np.unravel_index(cells.argmax(), cells.shape)] == 0  # the peak is seen as it is
            np.testing.assert_allclose(1 - veil / veil.max(), (cells - cells.min()) / (cells.max() - cells.min()))
            assert axis.get_xlabel() == f"peak {cells.max() / cells.mean():.1f} × even"

    def test_a_peak_clears_the_pixels_of_its_cell(self, render):
        """The veil is brought to the size of the image with row and column in their places."""
        attention = np.zeros((1, 4, 4))
        attention[0, 0, 3] = 1.0  # top right
        figure = plots.attention_maps(np.zeros((64, 64, 3)), attention, ["a"], columns=2)
        axis = figure.axes[1]
        render(figure)
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., 0]
        corner, opposite = (axis.transData.transform(place).astype(int) for place in ((58, 6), (6, 58)))
        assert pixels[-1 - corner[1], corner[0]] < 40
        assert pixels[-1 - opposite[1], opposite[0]] > 150

    def test_boxes_and_positions_of_true_parts(self, rng, render):
        boxes = np.array([[4.0, 6.0, 20.0, 16.0], [np.nan] * 4])
        positions = np.array([[10.0, 12.0], [np.nan] * 2])
        attention = rng.random((2, 7, 7))
        figure = render(
            plots.attention_maps(rng.random((32, 32, 3)), attention, "ab", boxes=boxes, positions=positions)
        )
        _, first, second = figure.axes[:3]
        for patch in first.patches:
            assert (*patch.get_xy(), patch.get_width(), patch.get_height()) == (4, 6, 16, 10)
        (line,) = first.lines
        assert (line.get_xdata(), line.get_ydata()) == ([10], [12])
        colors = {to_hex(patch.get_edgecolor()) for patch in first.patches}
        assert colors == {"#000000", "#ffffff"}  # one of them is seen on any picture, and no method is white
        assert not second.patches
        assert not second.lines

    def test_boxes_of_several_parts(self, rng, render):
        boxes = np.array([[[4.0, 6.0, 20.0, 16.0], [8.0, 2.0, 12.0, 30.0]], [[np.nan] * 4, [1.0, 1.0, 9.0, 9.0]]])
        figure = render(plots.attention_maps(rng.random((32, 32, 3)), rng.random((2, 7, 7)), "ab", boxes=boxes))
        drawn = [{tuple(patch.get_bbox().extents) for patch in axis.patches} for axis in figure.axes[1:3]]
        assert drawn == [{(4, 6, 20, 16), (8, 2, 12, 30)}, {(1, 1, 9, 9)}]

    @pytest.mark.usefixtures("unchecked")
    def test_bad_input(self, rng):
        image, attention = rng.random((8, 8, 3)), np.ones((2, 4, 4))
        with pytest.raises(InputError, match="names must be one for each of 2 maps, got 1"):
            plots.attention_maps(image, attention, ["a"])
        with pytest.raises(InputError, match="boxes must be one for each of 2 maps, got 3"):
            plots.attention_maps(image, attention, ["a", "b"], boxes=np.zeros((3, 4)))
        with pytest.raises(InputError, match="above 0 somewhere in each map"):
            plots.attention_maps(image, attention * 0, ["a", "b"])


class TestMeasuredAttention:
    @pytest.fixture
    def measured(self, rng):
        """Two groups with a part, and a background."""
        boxes = np.array([[[0, 0, 10, 20], [5, 5, 30, 30], [0, 0, 40, 40]]] * 8, dtype=np.float64)
        groups = ["crown_color", "wing_color", "habitat"]
        return lambda: energy_inside(rng.random((8, 3, 4, 4)), boxes, 40, names=groups)

    @pytest.mark.parametrize("methods", [["remse"], ["cross_entropy", "remse", "untrained"]])
    def test_bars_intervals_and_chance(self, measured, render, assert_labelled, methods):
        frames = {method: measured() for method in methods}
        figure = render(plots.measured_attention(frames, label="energy inside the part"))
        assert_labelled(figure)
        (axis,) = figure.axes
        assert [tick.get_text() for tick in axis.get_yticklabels()] == ["crown color", "wing color", "habitat"]
        intervals, ticks = axis.collections[::2], axis.collections[1::2]
        parts = zip(frames.items(), axis.containers, intervals, ticks, strict=True)
        for (method, frame), bars, interval, chance in parts:
            np.testing.assert_allclose([bar.get_width() for bar in bars], frame["value"])
            ends = np.array([segment[:, 0] for segment in interval.get_segments()[:2]])
            np.testing.assert_allclose(ends, frame[["low", "high"]][:2])
            places = [segment[0, 0] for segment in chance.get_segments()[:2]]
            np.testing.assert_allclose(places, frame["chance"][:2])
            look = plots.method_looks(methods)[method]
            assert to_hex(bars[0].get_facecolor()) == look.color
            assert {bar.get_hatch() or "" for bar in bars} == {look.hatch}
        assert [text.get_text() for text in axis.texts] == ["nothing to measure"]
        assert axis.texts[0].get_position()[1] == 2  # at the background
        assert [text.get_text() for text in axis.get_legend().get_texts()] == ["chance", *map(display_name, methods)]
        assert axis.get_xlim() == (0, 1)
        assert axis.yaxis_inverted()

    def test_bars_of_one_group_lie_apart(self, measured):
        axis = plots.measured_attention({"a": measured(), "b": measured()}, label="x").axes[0]
        spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bars in axis.containers for bar in bars)
        assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans))

    def test_groups_that_differ(self, measured):
        frame = measured()
        with pytest.raises(InputError, match="at least one method, got none"):
            plots.measured_attention({}, label="pointing accuracy")
        with pytest.raises(InputError, match="the same groups in the same order"):
            plots.measured_attention({"a": frame, "b": pd.concat([frame[1:], frame[:1]])}, label="x")

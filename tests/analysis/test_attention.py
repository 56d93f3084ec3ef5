"""Measured attention: against brute force over pixels and cells, closed forms, permutations; what is left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from zslcore.analysis import energy_inside, group_index, pointing_accuracy
from zslcore.data.semantics import attribute_groups
from zslcore.errors import InputError

MEASURES = pytest.mark.parametrize("measure", [pointing_accuracy, energy_inside])
VALUES = ["value", "low", "high", "chance"]


def some_boxes(rng, images, groups, *, width=60, height=40):
    """Boxes of whole pixels, at least one wide, some of them up to the border."""
    left, top = rng.integers(0, width, (images, groups)), rng.integers(0, height, (images, groups))
    right, bottom = rng.integers(left + 1, width + 1), rng.integers(top + 1, height + 1)
    return np.stack([left, top, right, bottom], axis=-1).astype(np.float32)


def energy_by_pixels(cells, box, *, width, height):
    """Mass of the pixels in the box, each pixel of a cell having an equal part of its attention."""
    rows, columns = cells.shape
    pixels = cells.repeat(height // rows, axis=0).repeat(width // columns, axis=1)
    left, top, right, bottom = box.astype(int)
    return pixels[top:bottom, left:right].sum() / pixels.sum()


def pointing_by_cells(cells, box, *, width, height, tolerance=0.5):
    """Distance of each peak cell's centre to the box in cells, one cell after the other."""
    rows, columns = cells.shape
    left, top, right, bottom = box
    hits = []
    for row, column in zip(*np.nonzero(cells == cells.max()), strict=True):
        x, y = (column + 0.5) * width / columns, (row + 0.5) * height / rows
        away_x, away_y = max(left - x, x - right) * columns / width, max(top - y, y - bottom) * rows / height
        hits.append(max(away_x, away_y) < tolerance)
    return np.mean(hits)


class TestAgainstBruteForce:
    def test_energy_is_that_of_the_pixels(self, rng):
        attention, boxes = rng.random((9, 3, 4, 5)), some_boxes(rng, 9, 3)
        found = energy_inside(attention, boxes, (60, 40))
        for group in range(3):
            each = [
                energy_by_pixels(attention[i, group], boxes[i, group], width=60, height=40)
                for i in range(9)
                if tuple(boxes[i, group]) != (0, 0, 60, 40)
            ]
            assert found["value"][group] == pytest.approx(np.mean(each))
            assert found["images"][group] == len(each)
            interval = stats.bootstrap((each,), np.mean, method="percentile", rng=np.random.default_rng(0))
            assert (found["low"][group], found["high"][group]) == pytest.approx(tuple(interval.confidence_interval))

    def test_pointing_is_that_of_the_cells_with_ties(self, rng):
        attention = rng.integers(0, 3, (40, 2, 4, 5)).astype(np.float32)  # several cells share most peaks
        boxes = some_boxes(rng, 40, 2)
        found = pointing_accuracy(attention, boxes, (60, 40))
        for group in range(2):
            each, chance = [], []
            for cells, box in zip(attention[:, group], boxes[:, group], strict=True):
                share = pointing_by_cells(np.ones((4, 5)), box, width=60, height=40)
                if share < 1:
                    each.append(pointing_by_cells(cells, box, width=60, height=40))
                    chance.append(share)
            assert found["value"][group] == pytest.approx(np.mean(each))
            assert found["chance"][group] == pytest.approx(np.mean(chance))
            assert found["images"][group] == len(each)

    @pytest.mark.parametrize(
        ("measure", "reference"), [(energy_inside, energy_by_pixels), (pointing_accuracy, pointing_by_cells)]
    )
    def test_the_attributes_of_a_group_count_alike(self, rng, measure, reference):
        attention, boxes = rng.random((6, 5, 4, 5)), some_boxes(rng, 6, 2)
        groups = np.array([1, 0, 1, -1, 1])
        found = measure(attention, boxes, (60, 40), groups=groups)
        for group, members in ((0, [1]), (1, [0, 2, 4])):
            each = [reference(attention[i, a], boxes[i, group], width=60, height=40) for i in range(6) for a in members]
            assert found["value"][group] == pytest.approx(np.mean(each))


class TestSeveralParts:
    """Groups with several boxes, some of them missing: a pixel or a cell inside any of them counts once."""

    @pytest.fixture
    def boxes(self, rng):
        boxes = some_boxes(rng, 30, 3).reshape(30, 1, 3, 4)  # they often overlap
        boxes[rng.random((30, 1, 3)) < 0.3] = np.nan
        return boxes

    def test_energy_is_that_of_the_pixels_of_the_union(self, rng, boxes):
        attention, each, chance = rng.random((30, 1, 4, 5)), [], []
        for cells, parts in zip(attention[:, 0], boxes[:, 0], strict=True):
            inside = np.zeros((40, 60), dtype=bool)
            for left, top, right, bottom in parts[~np.isnan(parts).any(1)].astype(int):
                inside[top:bottom, left:right] = True
            pixels = cells.repeat(10, axis=0).repeat(12, axis=1)
            if inside.any() and not inside.all():
                each.append(pixels[inside].sum() / pixels.sum())
                chance.append(inside.mean())
        (found,) = energy_inside(attention, boxes, (60, 40)).itertuples()
        assert found.images == len(each)
        assert found.value == pytest.approx(np.mean(each))
        assert found.chance == pytest.approx(np.mean(chance))

    def test_pointing_is_a_peak_in_any_box(self, rng, boxes):
        attention, each, chance = rng.random((30, 1, 4, 5)), [], []
        for cells, parts in zip(attention[:, 0], boxes[:, 0], strict=True):
            hits = np.zeros((4, 5))
            for box in parts[~np.isnan(parts).any(1)]:
                for row, column in np.ndindex(4, 5):
                    one = np.zeros((4, 5))
                    one[row, column] = 1
                    hits[row, column] = max(hits[row, column], pointing_by_cells(one, box, width=60, height=40))
            if hits.any() and not hits.all():
                each.append(hits[np.unravel_index(cells.argmax(), cells.shape)])
                chance.append(hits.mean())
        (found,) = pointing_accuracy(attention, boxes, (60, 40)).itertuples()
        assert found.images == len(each)
        assert found.value == pytest.approx(np.mean(each))
        assert found.chance == pytest.approx(np.mean(chance))

    @MEASURES
    def test_a_part_that_is_missing_or_marked_twice_changes_nothing(self, rng, measure):
        attention, single = rng.random((8, 2, 4, 5)), some_boxes(rng, 8, 2)
        missing = np.stack([np.full_like(single, np.nan), single], axis=2)
        twice = np.stack([single, single], axis=2)
        found = measure(attention, single, (60, 40))
        for boxes in (missing, twice):
            np.testing.assert_allclose(measure(attention, boxes, (60, 40))[VALUES], found[VALUES])


class TestClosedForms:
    @MEASURES
    @settings(max_examples=30, deadline=None)
    @given(
        rows=st.integers(1, 8),
        columns=st.integers(1, 8),
        box=st.tuples(*[st.floats(0, 99, width=32)] * 2, *[st.floats(0.5, 99, width=32)] * 2),
    )
    def test_uniform_attention_gets_what_chance_gets(self, measure, rows, columns, box):
        left, top, width, height = box
        boxes = np.array([[[left, top, min(left + width, 100), min(top + height, 100)]]])
        (found,) = measure(np.full((1, 1, rows, columns), 0.3), boxes, 100).itertuples()
        if found.images:
            assert found.value == pytest.approx(found.chance)
            if measure is energy_inside:
                area = (boxes[0, 0, 2] - left) * (boxes[0, 0, 3] - top) / 100**2
                assert found.chance == pytest.approx(area)

    def test_one_cell_of_attention_is_inside_as_far_as_it_is_covered(self):
        attention = np.zeros((1, 3, 4, 4))
        attention[0, :, 1, 2] = 5.0  # x 20 to 30, y 10 to 20
        boxes = np.array([[[20, 10, 30, 20], [20, 10, 25, 40], [0, 0, 20, 40]]], dtype=np.float64)
        assert energy_inside(attention, boxes, 40)["value"].tolist() == [1.0, 0.5, 0.0]

    @pytest.mark.parametrize(
        ("box", "value"),
        [
            ((21, 11, 22, 12), 1.0),  # within the peak's cell, though not at its centre
            ((31, 10, 40, 20), 0.0),  # a neighbouring cell
            ((30, 10, 40, 20), 0.0),  # where its border is the cell's
            ((24, 21, 26, 30), 0.0),  # below the cell: columns are x, rows are y
        ],
    )
    def test_every_cell_that_the_box_partly_covers_is_a_hit(self, box, value):
        attention = np.zeros((1, 1, 4, 4))
        attention[0, 0, 1, 2] = 1.0
        found = pointing_accuracy(attention, np.array([[box]], dtype=np.float64), 40)
        assert found["value"].item() == value

    def test_chance_of_pointing_is_the_share_of_cells_that_the_box_covers_some_of(self):
        boxes = np.array([[[21.0, 11.0, 38.0, 12.0]]])  # two cells of sixteen
        assert pointing_accuracy(np.ones((1, 1, 4, 4)), boxes, 40)["chance"].item() == 2 / 16

    def test_random_peaks_hit_by_chance(self, rng):
        """Attention that knows nothing of the parts: chance lies in the interval."""
        attention, boxes = rng.random((2000, 1, 4, 5)), some_boxes(rng, 2000, 1)
        for measure in (pointing_accuracy, energy_inside):
            (found,) = measure(attention, boxes, (60, 40)).itertuples()
            assert found.low < found.chance < found.high
            assert found.high - found.low < 0.05


class TestLaws:
    @MEASURES
    def test_order_of_images_and_groups_does_not_matter(self, rng, measure):
        attention, boxes = rng.random((8, 3, 4, 5)), some_boxes(rng, 8, 3)
        found = measure(attention, boxes, (60, 40))
        image, group = rng.permutation(8), np.array([2, 0, 1])
        other = measure(attention[image], boxes[image][:, group], (60, 40), groups=np.array([1, 2, 0]))
        columns = ["images", "value", "chance"]
        np.testing.assert_allclose(other[columns], found[columns].iloc[group])

    @MEASURES
    def test_mirrored_images(self, rng, measure):
        attention, boxes = rng.random((8, 2, 4, 5)), some_boxes(rng, 8, 2)
        mirrored = boxes[..., [2, 1, 0, 3]] * [-1, 1, -1, 1] + [60, 0, 60, 0]
        found, other = measure(attention, boxes, (60, 40)), measure(attention[..., ::-1], mirrored, (60, 40))
        np.testing.assert_allclose(other[["value", "chance"]], found[["value", "chance"]])

    @MEASURES
    def test_the_size_of_attention_and_the_unit_of_pixels_do_not_matter(self, rng, measure):
        attention, boxes = rng.random((8, 2, 4, 5)), some_boxes(rng, 8, 2)
        scaled = attention * rng.uniform(1, 9, (8, 2, 1, 1))
        found, other = measure(attention, boxes, (60, 40)), measure(scaled, 2 * boxes, (120, 80))
        np.testing.assert_allclose(other[["value", "chance"]], found[["value", "chance"]])
        np.testing.assert_allclose(other[["low", "high"]], found[["low", "high"]], atol=2e-3)  # resampled

    def test_names(self, rng):
        attention, boxes = rng.random((8, 2, 4, 5)), some_boxes(rng, 8, 2)
        found = energy_inside(attention, boxes, (60, 40), names=["crown", "leg"])
        assert found["group"].tolist() == ["crown", "leg"]
        assert energy_inside(attention, boxes, (60, 40))["group"].tolist() == [0, 1]


class TestLeftOut:
    @MEASURES
    def test_hidden_missing_and_outside_parts(self, measure):
        attention = np.zeros((5, 1, 4, 4))
        attention[:, 0, 0, 0] = 1
        near, far = [0, 0, 10, 10], [30, 30, 40, 40]
        boxes = np.array([[near], [far], [far], [[np.nan] * 4], [[41, 0, 50, 10]]])
        visible = np.array([[1.0], [0.49], [0.5], [1.0], [1.0]])
        counts = ["images", "value"]
        assert measure(attention, boxes, 40, visible)[counts].values.tolist() == [[2, 0.5]]
        assert measure(attention, boxes, 40)["images"].item() == 3

    @MEASURES
    def test_the_background_measures_nothing(self, measure):
        """A box over the whole image: every attention is inside, so none is reported as right."""
        boxes = np.array([[[0, 0, 40, 40], [0, 0, 10, 10]]] * 3, dtype=np.float32)
        found = measure(np.ones((3, 2, 4, 4)), boxes, 40)
        assert found["images"].tolist() == [0, 3]
        assert found.loc[0, VALUES].isna().all()
        assert found.loc[1, VALUES].notna().all()

    @MEASURES
    def test_a_group_without_attributes(self, measure):
        boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 10]]] * 3, dtype=np.float64)
        found = measure(np.ones((3, 1, 4, 4)), boxes, 40, groups=np.array([1]))
        assert found["images"].tolist() == [0, 3]
        assert found.loc[0, VALUES].isna().all()

    @MEASURES
    def test_no_resamples_give_no_interval(self, rng, measure):
        attention, boxes = rng.random((8, 1, 4, 5)), some_boxes(rng, 8, 1)
        (found,), (full,) = (measure(attention, boxes, (60, 40), resamples=n).itertuples() for n in (0, 99))
        assert np.isnan([found.low, found.high]).all()
        assert found.value == full.value
        assert full.low < full.value < full.high

    @MEASURES
    def test_one_image_has_no_interval(self, measure):
        found = measure(np.ones((1, 1, 4, 4)), np.array([[[0.0, 0.0, 10.0, 10.0]]]), 40)
        assert found[["low", "high"]].isna().all(axis=None)
        assert found["value"].item() == 1 / 16


@MEASURES
@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    def call(self, measure, attention=None, boxes=None, size=40, visible=None, **settings):
        attention = np.ones((2, 1, 4, 4)) if attention is None else attention
        boxes = np.array([[[0.0, 0.0, 10.0, 10.0]]] * 2) if boxes is None else boxes
        return measure(attention, boxes, size, visible, **settings)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 0.0])
    def test_attention(self, measure, value):
        attention = np.ones((2, 1, 4, 4))
        attention[1] = value
        with pytest.raises(InputError, match="attention must be finite, at least 0, and above 0 somewhere"):
            self.call(measure, attention)

    @pytest.mark.parametrize("shape", [(2, 1, 16), (0, 1, 4, 4), (3, 1, 4, 4)])
    def test_shapes(self, measure, shape):
        with pytest.raises(InputError, match=r"attention must have shape .* got"):
            self.call(measure, np.ones(shape))

    def test_maps_without_groups(self, measure):
        with pytest.raises(InputError, match="one map for each of 1 boxes, or groups, got 3 maps"):
            self.call(measure, np.ones((2, 3, 4, 4)))

    @pytest.mark.parametrize("groups", [[0, 1, 0], [0, -2, 0], [0, 0]])
    def test_groups(self, measure, groups):
        with pytest.raises(InputError, match=r"groups must be 3 numbers in -1\.\.0"):
            self.call(measure, np.ones((2, 3, 4, 4)), groups=np.array(groups))

    @pytest.mark.parametrize("box", [(np.nan, 0, 10, 10), (0, 0, np.inf, 10)])
    def test_boxes_that_are_not_finite(self, measure, box):
        with pytest.raises(InputError, match="a box must be four finite numbers, or four NaN"):
            self.call(measure, boxes=np.array([[box]] * 2, dtype=np.float64))

    def test_boxes_the_wrong_way_round(self, measure):
        with pytest.raises(InputError, match="left, top, right, bottom"):
            self.call(measure, boxes=np.array([[[10.0, 0.0, 5.0, 5.0]]] * 2))

    @pytest.mark.parametrize("visible", [[[1.0]], [[1.1], [0.0]], [[np.nan], [0.0]]])
    def test_visible(self, measure, visible):
        with pytest.raises(InputError, match="visible must be shares 0 to 1"):
            self.call(measure, visible=np.array(visible))

    def test_settings(self, measure):
        with pytest.raises(InputError, match="image_size must be above 0"):
            self.call(measure, size=(40, 0))
        with pytest.raises(InputError, match="names must be one for each of 1 groups, got 2"):
            self.call(measure, names=["crown", "leg"])


class TestGroupIndex:
    def test_joins_the_names_of_attributes_with_those_of_parts(self):
        """Attribute groups are called with blanks, the groups of the ground truth with underscores."""
        groups = attribute_groups(
            ["has_wing_color::red", "has_size::big", "has_wing_color::blue", "has_leg_color::red"]
        )
        np.testing.assert_array_equal(group_index(groups, ["leg_color", "wing_color"]), [1, -1, 1, 0])

    def test_no_attribute_twice_or_missing(self):
        for groups in ({"a": [0], "b": [0]}, {"a": [0, 2]}):
            with pytest.raises(InputError, match="groups must hold every attribute"):
                group_index(groups, ["a"])

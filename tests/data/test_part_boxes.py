"""Boxes of parts: by hand, through the real transform, over all groups of CUB, and of the real photographs."""

import numpy as np
import pytest
import torch
from PIL import Image

from zslcore.data.images import eval_transform, on_crop
from zslcore.data.part_boxes import around, part_boxes
from zslcore.data.part_groups import PARTS_OF_GROUPS, UNBOUND
from zslcore.data.semantics import attribute_groups
from zslcore.errors import InputError
from zslcore.synthbirds import load_ground_truth


class TestOnCrop:
    @pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (60, 60), (101, 67)])
    @pytest.mark.parametrize("ratio", [1.0, 8 / 7])
    def test_a_bright_patch_lies_where_its_box_does(self, width, height, ratio):
        left, top, right, bottom = width // 2 - 9, height // 2 - 12, width // 2 + 15, height // 2 + 6
        picture = torch.zeros(3, height, width, dtype=torch.uint8)
        picture[:, top:bottom, left:right] = 255
        seen = eval_transform(224, resize_ratio=ratio)(picture)[0].numpy()
        box = np.array([[left, top, right, bottom]], dtype=np.float64)
        (found,) = on_crop(box, (width, height), image_size=224, resize_ratio=ratio)
        rows, columns = np.nonzero(seen > 0.5)
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(found, edges, atol=1)

    def test_by_hand(self):
        # 200 x 100 to 80 x 40, of which the crop shows x 24 to 56 and y 4 to 36
        (found,) = on_crop(np.array([[100.0, 0.0, 150.0, 50.0]]), (200, 100), image_size=32, resize_ratio=1.25)
        np.testing.assert_allclose(found, [16, -4, 36, 16])


class TestAround:
    def test_a_quarter_of_the_bird_within_its_box(self):
        bird = np.array([20.0, 10.0, 60.0, 90.0])  # 40 x 80, so boxes are 10 x 20
        points = np.array([[40.0, 50.0], [21.0, 50.0], [60.0, 10.0], [np.nan, np.nan]])
        found = around(points, bird)
        np.testing.assert_allclose(found[:3], [[35, 40, 45, 60], [20, 40, 30, 60], [50, 10, 60, 30]])
        assert np.isnan(found[3]).all()


class TestGroups:
    def test_every_group_of_cub_is_bound_or_named_as_unbound(self, real_benchmark):
        names = real_benchmark("CUB").attribute_names
        assert sorted([*PARTS_OF_GROUPS, *UNBOUND]) == sorted(attribute_groups(names))

    def test_parts_are_those_of_cub(self, real_benchmark):
        named = {part for parts in PARTS_OF_GROUPS.values() for part in parts}
        assert named == set(real_benchmark("CUB100").parts().names)


class TestRealPhotographs:
    def test_every_visible_point_lies_in_the_crop_and_in_its_box(self, real_benchmark):
        benchmark = real_benchmark("CUB100")
        images = np.arange(0, len(benchmark.labels), 11)
        parts, found = benchmark.parts(), part_boxes(benchmark, images, image_size=224)
        for group, members in PARTS_OF_GROUPS.items():
            column = found.groups.index(group)
            for number, part in enumerate(members):
                points = parts.positions[images, parts.names.index(part)] * 224 / 176
                box = found.boxes[:, column, number]
                marked = ~np.isnan(points).any(1)
                assert marked.sum() > 100
                np.testing.assert_array_equal(marked, ~np.isnan(box).any(1))
                points, box = points[marked], box[marked]
                assert ((box[:, :2] - 1e-3 <= points) & (points <= box[:, 2:] + 1e-3)).all()
                assert box.min() >= 0
                assert box.max() <= 224
                np.testing.assert_allclose(box[:, 2:] - box[:, :2], 56)
            shown = ~np.isnan(found.boxes[:, column]).all((1, 2))
            np.testing.assert_array_equal(found.visible[:, column], shown)


class TestCub:
    @pytest.fixture
    def marked(self, tiny):
        """Three parts in the first two pictures of TINY, which are 60 x 40."""
        folder = tiny.root / "TINY"
        (folder / "parts").mkdir(parents=True)
        names = [path.relative_to(folder / "images").as_posix() for path in tiny.image_paths]
        (folder / "images.txt").write_text("".join(f"{row + 1} {name}\n" for row, name in enumerate(names)))
        (folder / "parts" / "parts.txt").write_text("1 left wing\n2 right wing\n3 tail\n")
        (folder / "parts" / "part_locs.txt").write_text("1 1 30 20 1\n1 2 6 20 1\n1 3 0 0 0\n2 1 0 0 0\n2 3 54 36 1\n")
        for path in tiny.image_paths[:2]:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (60, 40)).save(path)
        return folder

    @pytest.mark.usefixtures("marked")
    def test_groups_have_the_boxes_of_their_visible_parts(self, tiny):
        found = part_boxes(tiny.load(), np.array([0, 1]), image_size=80)
        assert found.groups == tuple(name for name in PARTS_OF_GROUPS if "wing" in name or "tail" in name)
        wings, tail = found.groups.index("wing color"), found.groups.index("tail shape")
        # 60 x 40 to 120 x 80, of which the crop shows x 20 to 100; boxes of 15 x 10, the second moved inside
        np.testing.assert_allclose(found.boxes[0, wings], [[25, 30, 55, 50], [-20, 30, 10, 50]])
        np.testing.assert_allclose(found.boxes[1, tail, 0], [70, 60, 100, 80])
        assert np.isnan(found.boxes[1, tail, 1]).all()
        np.testing.assert_array_equal(found.visible[:, [wings, tail]], [[1, 0], [0, 1]])

    def test_boxes_of_whole_photographs_are_a_quarter_of_the_bird(self, tiny, marked):
        (marked / "bounding_boxes.txt").write_text("1 10.0 12.0 40.0 16.0\n2 0.0 0.0 60.0 40.0\n")
        found = part_boxes(tiny.load(), np.array([0, 1]), image_size=40)
        wings = found.groups.index("wing color")
        # the crop shows x 10 to 50; boxes of 10 x 4 around (30, 20) and, moved inside the bird, (6, 20)
        np.testing.assert_allclose(found.boxes[0, wings], [[15, 18, 25, 22], [0, 18, 10, 22]])

    def test_other_names_of_parts_bind_nothing(self, tiny, marked):
        (marked / "parts" / "parts.txt").write_text("1 door\n2 window\n3 roof\n")
        with pytest.raises(InputError, match="parts of TINY must be named as those of CUB, got door, window, roof"):
            part_boxes(tiny.load(), np.array([0]), image_size=80)


def test_synth_has_the_boxes_of_its_ground_truth(small_synth):
    truth, images = load_ground_truth(small_synth.root), np.array([3, 50])
    found = part_boxes(small_synth, images, image_size=96)
    assert found.groups == tuple(name.replace("_", " ") for name in truth.group_names)
    for group, part in enumerate(truth.group_parts):
        at = truth.part_names.index(part)
        np.testing.assert_allclose(found.boxes[:, group, 0], 2 * truth.extents[images][:, at])
        np.testing.assert_allclose(found.visible[:, group], truth.visible[images][:, at])

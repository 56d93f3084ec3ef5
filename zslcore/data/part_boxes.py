"""Boxes of the parts that show attribute groups, in pixels of the image that a network sees.

SynthBirds knows the extent of each part. CUB marks each part with a point. Its box is a quarter as wide and as high as
the bird and is moved inside the bird's box, as in the released code of APN (Xu et al., "Attribute prototype network for
zero-shot learning", NeurIPS 2020; ``scale=4`` in ``model/CAM_utils.py`` of github.com/wenjiaXu/APN-ZSL).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from zslcore.data.benchmark import Benchmark
from zslcore.data.images import on_crop, picture_size
from zslcore.errors import InputError

SHARE = 0.25  # side of a box, as a share of the bird's


@dataclass(frozen=True, eq=False)
class PartBoxes:
    """Where the parts of G attribute groups are in n images; groups that belong to no part are left out.

    Attributes:
        groups: names, as those of :func:`zslcore.data.semantics.attribute_groups`.
        boxes: (n, G, P, 4) left, top, right, bottom for each of the at most P parts of a group; NaN for no part and
            for a part that is not marked. They may reach beyond the image.
        visible: (n, G) largest visible share of the group's parts, 0 to 1.
    """

    groups: tuple[str, ...]
    boxes: Float[np.ndarray, "n G P 4"]
    visible: Float[np.ndarray, "n G"]


def part_boxes(
    benchmark: Benchmark, images: Int[np.ndarray, " n"], *, image_size: int, resize_ratio: float = 1.0
) -> PartBoxes:
    """Boxes of the parts of images, on the crop that :func:`zslcore.data.images.eval_transform` makes of them.

    Args:
        benchmark: a benchmark with part positions.
        images: positions in ``benchmark.labels``.
        image_size, resize_ratio: those of the transform.

    Raises:
        InputError: if there are no part positions, no attribute group is bound to a part, or a picture is missing.

    Example:
        >>> found = part_boxes(benchmark, np.array([0, 3]), image_size=224)
        >>> found.groups[:2], found.boxes.shape, found.visible.shape
        (('bill shape', 'crown color'), (2, 10, 1, 4), (2, 10))
    """
    parts = benchmark.parts()
    groups = {name: members for name, members in parts.groups.items() if set(members) <= set(parts.names)}
    if not groups:
        raise InputError(f"the parts of {benchmark.name} must be named as those of CUB, got {', '.join(parts.names)}")
    of_parts = np.full((len(images), len(parts.names), 4), np.nan)
    for row, image in enumerate(images):
        size = picture_size(benchmark.image_paths[image])
        if parts.extents is None:
            bird = np.array([0.0, 0.0, *size]) if parts.birds is None else parts.birds[image]
            extents = around(parts.positions[image], bird)
        else:
            extents = parts.extents[image]
        of_parts[row] = on_crop(extents, size, image_size=image_size, resize_ratio=resize_ratio)
    boxes = np.full((len(images), len(groups), max(map(len, groups.values())), 4), np.nan)
    visible = np.zeros((len(images), len(groups)))
    for group, members in enumerate(groups.values()):
        columns = [parts.names.index(member) for member in members]
        boxes[:, group, : len(columns)] = of_parts[:, columns]
        visible[:, group] = np.nan_to_num(parts.visible[images][:, columns]).max(1)
    return PartBoxes(tuple(groups), boxes, visible)


def around(points: Float[np.ndarray, "P 2"], bird: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "P 4"]:
    """Boxes around points, with a quarter of the bird's width and height, moved to lie inside the bird's box.

    Example:
        >>> around(np.array([[40.0, 50.0], [3.0, 99.0]]), np.array([0.0, 0.0, 80.0, 100.0])).tolist()
        [[30.0, 37.5, 50.0, 62.5], [0.0, 75.0, 20.0, 100.0]]
    """
    sides = SHARE * (bird[2:] - bird[:2])
    start = np.clip(points - sides / 2, bird[:2], bird[2:] - sides)
    return np.concatenate([start, start + sides], axis=1)

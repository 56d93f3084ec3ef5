"""Attention on parts: how often its peak lies on a part, which share of it lies inside, and both by chance.

Attention over H x W locations divides the image into H x W equal cells. Boxes are (left, top, right, bottom) in pixels;
the image spans (0, 0) to (width, height), with y pointing down. A group that shows on several parts, such as two wings,
has several boxes; attention inside any of them counts.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis.intervals import bootstrap, percentile_interval
from zslcore.errors import InputError

COLUMNS = ["group", "images", "value", "low", "high", "chance"]
EDGE = 1e-6  # share of the image's side: a box that ends where a cell begins does not touch it, despite rounding
TOLERANCE = 0.5  # cells: every cell that a box partly covers is a hit
MIN_VISIBLE = 0.5  # share of a part that must be visible for an image to count
RESAMPLES = 9999  # of the bootstrap


def group_index(groups: Mapping[str, Sequence[int]], names: Sequence[str]) -> Int[np.ndarray, " A"]:
    """Position in ``names`` of the group of each attribute, -1 for a group that is not in ``names``.

    Args:
        groups: attributes by group, see :func:`zslcore.data.semantics.attribute_groups`; must hold every attribute
            0..A-1 once.
        names: group names; underscores and blanks are equivalent.

    Example:
        >>> group_index({"crown color": [0, 1], "size": [2], "leg color": [3]}, ["leg_color", "crown_color"])
        array([ 1,  1, -1,  0])
    """
    members = [attribute for attributes in groups.values() for attribute in attributes]
    if sorted(members) != list(range(len(members))):
        raise InputError(f"groups must hold every attribute 0..{len(members) - 1} once, got {members}")
    position = {name.replace("_", " "): index for index, name in enumerate(names)}
    found = np.full(len(members), -1)
    for name, attributes in groups.items():
        found[list(attributes)] = position.get(name.replace("_", " "), -1)
    return found


@takes_tables
def pointing_accuracy(
    attention: Float[np.ndarray, "n A H W"],
    boxes: Float[np.ndarray, "n G 4"] | Float[np.ndarray, "n G P 4"],
    image_size: int | tuple[int, int],
    visible: Float[np.ndarray, "n G"] | None = None,
    *,
    groups: Int[np.ndarray, " A"] | None = None,
    names: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Share of images in which the peak of the attention falls on the part, for each attribute group.

    The pointing game of Zhang et al., "Top-down neural attention by excitation backprop", IJCV 2018: a hit is a peak
    in a cell that a box partly covers. If k cells share the peak, each counts 1/k. Chance is the share of cells that
    would hit. An image does not count where the group has no box (NaN), its boxes lie outside the image, it is less
    than half visible, or if every cell would hit.

    Args:
        attention: a map for each image and attribute; at least 0, and above 0 somewhere.
        boxes: the part of each image and group, or its P parts; NaN if there is none.
        image_size: (width, height) in pixels, or the side of a square image.
        visible: visible share of the part of each group, 0 to 1.
        groups: column of ``boxes`` for each attribute, -1 for none (see :func:`group_index`). Needed unless there is
            one attribute for each group.
        names: names of the groups; their numbers by default.
        resamples: number of bootstrap resamples; 0 for no interval.

    Returns:
        A row for each group: ``group``, ``images`` (number that count), ``value`` (mean over these images, in [0, 1]),
        ``low`` and ``high`` (its 95 % bootstrap interval over images) and ``chance``. NaN if no image counts; a single
        image has no interval.

    Example:
        >>> attention, box = np.full((1, 1, 4, 4), 0.02), np.array([[[45.0, 25.0, 55.0, 35.0]]])
        >>> attention[0, 0, 1, 2] = 0.7  # row 1, column 2: x 40 to 60, y 20 to 40
        >>> pointing_accuracy(attention, box, 80)[["images", "value", "chance"]].values.tolist()
        [[1.0, 1.0, 0.0625]]
    """
    boxes, size = _checked(attention, boxes, image_size, visible)
    peaks = attention == attention.max((2, 3), keepdims=True)
    return _per_group(peaks, boxes, _hits, size, visible, groups, names, resamples)


@takes_tables
def energy_inside(
    attention: Float[np.ndarray, "n A H W"],
    boxes: Float[np.ndarray, "n G 4"] | Float[np.ndarray, "n G P 4"],
    image_size: int | tuple[int, int],
    visible: Float[np.ndarray, "n G"] | None = None,
    *,
    groups: Int[np.ndarray, " A"] | None = None,
    names: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Share of the attention that lies inside the boxes of the part, for each attribute group.

    The energy-based pointing game of Wang et al., "Score-CAM", CVPR-W 2020: a cell counts by the share of it that the
    boxes cover together. Chance is their share of the image area. Arguments and result are those of
    :func:`pointing_accuracy`, but an image is left out only if its boxes cover the whole image, not if every cell hits.

    Example:
        >>> uniform = np.ones((3, 1, 7, 7))
        >>> energy_inside(uniform, np.array([[[0.0, 0.0, 64.0, 32.0]]] * 3), 128)["value"].round(12).tolist()
        [0.125]
    """
    boxes, size = _checked(attention, boxes, image_size, visible)
    return _per_group(attention, boxes, _covered, size, visible, groups, names, resamples)


def _hits(
    boxes: Float[np.ndarray, "n P 4"], size: tuple[float, float], rows: int, columns: int
) -> Float[np.ndarray, "n rows columns"]:
    """1 for each cell that at least one of the boxes partly covers."""
    width, height = size
    x, y = (np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows
    wide, high = (TOLERANCE / columns - EDGE) * width, (TOLERANCE / rows - EDGE) * height
    inside_x = (x > boxes[..., :1] - wide) & (x < boxes[..., 2:3] + wide)
    inside_y = (y > boxes[..., 1:2] - high) & (y < boxes[..., 3:] + high)
    return (inside_y[..., :, None] & inside_x[..., None, :]).any(1).astype(np.float64)


def _covered(
    boxes: Float[np.ndarray, "n P 4"], size: tuple[float, float], rows: int, columns: int
) -> Float[np.ndarray, "n rows columns"]:
    """Share of each cell that the boxes cover together.

    The sides of all boxes divide the image into tiles that do not overlap. A tile is covered if its centre is in a box.
    """
    x, y = np.sort(boxes[..., 0::2].reshape(len(boxes), -1)), np.sort(boxes[..., 1::2].reshape(len(boxes), -1))
    middle_x, middle_y = (x[:, None, 1:] + x[:, None, :-1]) / 2, (y[:, None, 1:] + y[:, None, :-1]) / 2
    inside_x = (middle_x > boxes[..., :1]) & (middle_x < boxes[..., 2:3])
    inside_y = (middle_y > boxes[..., 1:2]) & (middle_y < boxes[..., 3:])
    tiles = (inside_y[..., :, None] & inside_x[..., None, :]).any(1)
    across, down = _overlap(x, size[0], columns), _overlap(y, size[1], rows)
    return np.einsum("nji,njr,nic->nrc", tiles.astype(np.float64), down, across)


def _overlap(edges: Float[np.ndarray, "n k"], side: float, cells: int) -> Float[np.ndarray, "n k-1 cells"]:
    """Share of each of the cells along one side that lies between an edge and the next."""
    borders = np.arange(cells + 1) * side / cells
    start, end = edges[:, :-1, None], edges[:, 1:, None]
    return np.clip((np.minimum(end, borders[1:]) - np.maximum(start, borders[:-1])) * cells / side, 0, 1)


def _per_group(
    mass: np.ndarray,
    boxes: np.ndarray,
    inside_boxes: Callable[[np.ndarray, tuple[float, float], int, int], np.ndarray],
    size: tuple[float, float],
    visible: np.ndarray | None,
    groups: np.ndarray | None,
    names: Sequence[str] | None,
    resamples: int,
) -> pd.DataFrame:
    """Share of the mass inside the boxes, and that of uniform mass, for each group."""
    attributes, count = mass.shape[1], boxes.shape[1]
    if groups is None and attributes != count:
        raise InputError(f"attention must have one map for each of {count} boxes, or groups, got {attributes} maps")
    groups = np.arange(count) if groups is None else groups
    if groups.shape != (attributes,) or not -1 <= groups.min() <= groups.max() < count:
        raise InputError(f"groups must be {attributes} numbers in -1..{count - 1}, got shape {groups.shape}")
    names = range(count) if names is None else names
    if len(names) != count:
        raise InputError(f"names must be one for each of {count} groups, got {len(names)}")
    rows, counted = [], _counted(boxes, size, visible)
    boxes = np.nan_to_num(boxes.astype(np.float64))  # a box without area covers nothing
    for group, name in enumerate(names):
        images = counted[:, group]
        inside = inside_boxes(boxes[images, group], size, *mass.shape[2:])
        can_miss = inside.min((1, 2)) < 1 - 1e-9
        inside, maps = inside[can_miss], mass[images][can_miss][:, groups == group].astype(np.float64)
        if not maps.size:
            rows.append((name, 0, np.nan, np.nan, np.nan, np.nan))
            continue
        value, low, high = ((maps * inside[:, None]).sum((2, 3)) / maps.sum((2, 3))).mean(1), np.nan, np.nan
        if len(value) > 1 and resamples:
            low, high = percentile_interval(bootstrap(lambda v: v.mean(-1), value, resamples=resamples, seed=0))
        rows.append((name, len(value), value.mean(), low, high, inside.mean()))
    return pd.DataFrame(rows, columns=COLUMNS)


def _counted(boxes: np.ndarray, size: tuple[float, float], visible: np.ndarray | None) -> np.ndarray:
    """Which groups (n, G) have a box with an area inside the image and are visible enough."""
    clipped = np.clip(boxes, 0, np.array([*size, *size]))
    has_area = ((clipped[..., 2:] > clipped[..., :2]).all(-1)).any(-1)  # False for NaN
    return has_area if visible is None else has_area & (visible >= MIN_VISIBLE)


def _checked(
    attention: np.ndarray, boxes: np.ndarray, image_size: int | tuple[int, int], visible: np.ndarray | None
) -> tuple[np.ndarray, tuple[float, float]]:
    """Boxes as (n, G, P, 4), and width and height of the image, after checking the arguments."""
    fit = boxes.ndim in (3, 4) and boxes.shape[0] == len(attention) and boxes.shape[-1] == 4
    if attention.ndim != 4 or not attention.size or not fit:
        raise InputError(
            "attention must have shape (images, attributes, height, width) and boxes (images, groups, 4) or (images, "
            f"groups, parts, 4), with at least one image, got {attention.shape} and {boxes.shape}"
        )
    if not (np.isfinite(attention) & (attention >= 0)).all() or not attention.any((2, 3)).all():
        raise InputError("attention must be finite, at least 0, and above 0 somewhere in each map")
    missing = np.isnan(boxes)
    if (missing.any(-1) != missing.all(-1)).any() or np.isinf(boxes).any():
        raise InputError("a box must be four finite numbers, or four NaN if there is no part")
    if (boxes[..., :2] > boxes[..., 2:]).any():
        raise InputError("boxes must be left, top, right, bottom, got one that ends before it begins")
    if visible is not None and (visible.shape != boxes.shape[:2] or not ((visible >= 0) & (visible <= 1)).all()):
        raise InputError(f"visible must be shares 0 to 1 of shape {boxes.shape[:2]}, got shape {visible.shape}")
    width, height = np.broadcast_to(image_size, 2)
    if min(width, height) <= 0:
        raise InputError(f"image_size must be above 0, got {image_size}")
    return boxes.reshape(*boxes.shape[:2], -1, 4), (float(width), float(height))

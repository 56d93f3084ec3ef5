"""Where attention looks: how often its peak falls on a part, and how much of its mass, each beside chance.

Attention over H x W locations parts the image into H x W equal cells, and a location stands for the centre of its
cell. Boxes are left, top, right, bottom in pixels, x to the right and y down; the image reaches from (0, 0) to
(width, height).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from zslcore.analysis.correlation import bootstrap_mean
from zslcore.errors import InputError

COLUMNS = ["group", "images", "value", "low", "high", "chance"]
EDGE = 1e-6  # of the image's side: a box that ends where a cell begins does not touch it, whatever the rounding


def group_index(groups: Mapping[str, Sequence[int]], names: Sequence[str]) -> Int[np.ndarray, " A"]:
    """Position in ``names`` of the group of each attribute, -1 for a group that is not among them.

    ``groups`` maps a name to its attributes, as :func:`zslcore.data.semantics.attribute_groups` gives them; together
    they hold every attribute 0..A-1 once. Underscores and blanks are alike. Raises InputError for other ``groups``.

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


def pointing_accuracy(
    attention: Float[np.ndarray, "n A H W"],
    boxes: Float[np.ndarray, "n G 4"],
    image_size: int | tuple[int, int],
    visible: Float[np.ndarray, "n G"] | None = None,
    *,
    groups: Int[np.ndarray, " A"] | None = None,
    names: Sequence[str] | None = None,
    min_visible: float = 0.5,
    tolerance: float = 0.5,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Share of images where the peak of the attention falls on the part, per attribute group, beside chance.

    The pointing game of Zhang et al., "Top-down neural attention by excitation backprop", IJCV 2018: a hit is a peak
    (the centre of its cell) inside the box, widened by ``tolerance`` cells on all sides; the default of half a cell
    hits with every cell that the box covers some of. Of k cells that share the peak, the hits among them count 1/k
    each, as if one were drawn. Chance is the share of all cells that would hit, and what uniform attention gets.

    ``image_size``: (width, height) in pixels, or the side of a square. ``groups``: the column of ``boxes`` that each
    attribute belongs to, -1 for none (:func:`group_index` makes it); without it the attention must have one map for
    each of the G groups. The attributes of a group count alike. ``names`` name the groups, else their numbers do.

    A frame with a row for each group, and the columns

    - ``group``; ``images``: how many count. Those do not where the box is NaN (no such part) or lies outside the
      image, less than ``min_visible`` (share, 0 to 1) of the part is ``visible``, or every cell would hit, such as
      with a box over the whole image (SynthBirds' background): nothing is measured there.
    - ``value``: mean over these images, in [0, 1]; ``low``, ``high``: its bootstrap interval, images taken as
      independent (:func:`zslcore.analysis.bootstrap_mean`); ``chance``: its mean over the same images.

    All four are NaN for a group without attributes or without images, the interval for a single image. Raises
    InputError for shapes that do not agree, attention that is negative, not finite or zero all over a map, boxes that
    are NaN in part or end before they begin, and ``visible`` outside 0 to 1.

    >>> attention = np.zeros((2, 1, 4, 4))
    >>> attention[0, 0, 1, 2], attention[1, 0, 3, 0] = 0.7, 0.7  # row 1, column 2: x 40 to 60, y 20 to 40
    >>> box = np.array([[[45.0, 25.0, 55.0, 35.0]]] * 2)
    >>> pointing_accuracy(attention + 0.02, box, 80)[["images", "value", "chance"]].values.tolist()
    [[2.0, 0.5, 0.0625]]
    """
    if not 0 <= tolerance < np.inf:
        raise InputError(f"tolerance must be finite and at least 0, got {tolerance!r}")
    width, height = _checked(attention, boxes, image_size, visible, min_visible)

    def hits(box: np.ndarray, rows: int, columns: int) -> np.ndarray:
        x, y = (np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows
        wide, high = tolerance * width / columns, tolerance * height / rows
        inside_x = (x > box[:, :1] - wide + EDGE * width) & (x < box[:, 2:3] + wide - EDGE * width)
        inside_y = (y > box[:, 1:2] - high + EDGE * height) & (y < box[:, 3:] + high - EDGE * height)
        return (inside_y[:, :, None] & inside_x[:, None, :]).astype(np.float64)

    peaks = attention == attention.max((2, 3), keepdims=True)
    counted = _counted(boxes, (width, height), visible, min_visible)
    return _per_group(peaks, boxes, hits, counted, groups, names, confidence, seed)


def energy_inside(
    attention: Float[np.ndarray, "n A H W"],
    boxes: Float[np.ndarray, "n G 4"],
    image_size: int | tuple[int, int],
    visible: Float[np.ndarray, "n G"] | None = None,
    *,
    groups: Int[np.ndarray, " A"] | None = None,
    names: Sequence[str] | None = None,
    min_visible: float = 0.5,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Share of the attention's mass that lies in the part's box, per attribute group, beside chance.

    The energy-based pointing game of Wang et al., "Score-CAM", CVPR-W 2020: a cell counts by the share of it that
    the box covers, and each map by its own sum. Chance is the box's share of the image's area, exactly what uniform
    attention gets. Arguments, result and errors as of :func:`pointing_accuracy`; only the last reason to leave an image
    out is here a box over the whole image.

    >>> uniform = np.ones((3, 1, 7, 7))
    >>> energy_inside(uniform, np.array([[[0.0, 0.0, 64.0, 32.0]]] * 3), 128)["value"].round(12).tolist()
    [0.125]
    """
    width, height = _checked(attention, boxes, image_size, visible, min_visible)

    def covered(box: np.ndarray, rows: int, columns: int) -> np.ndarray:
        x = _overlap(box[:, 0], box[:, 2], width, columns)
        y = _overlap(box[:, 1], box[:, 3], height, rows)
        return y[:, :, None] * x[:, None, :]

    counted = _counted(boxes, (width, height), visible, min_visible)
    return _per_group(attention, boxes, covered, counted, groups, names, confidence, seed)


def _overlap(start: np.ndarray, end: np.ndarray, side: float, cells: int) -> Float[np.ndarray, "n cells"]:
    """Share of each of the cells along one side that lies between start and end."""
    edges = np.arange(cells + 1) * side / cells
    inside = np.minimum(end[:, None], edges[1:]) - np.maximum(start[:, None], edges[:-1])
    return np.clip(inside * cells / side, 0, 1)


def _per_group(
    mass: np.ndarray,
    boxes: np.ndarray,
    inside_box: Callable[[np.ndarray, int, int], np.ndarray],
    counted: np.ndarray,
    groups: np.ndarray | None,
    names: Sequence[str] | None,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """Share of the mass inside the boxes and that of uniform mass, group by group."""
    groups = _check_groups(groups, names, mass.shape[1], boxes.shape[1])
    rows = []
    for group, name in enumerate(range(boxes.shape[1]) if names is None else names):
        images = counted[:, group]
        inside = inside_box(boxes[images, group].astype(np.float64), *mass.shape[2:])
        can_miss = inside.min((1, 2)) < 1 - 1e-9  # elsewhere all attention is inside
        inside, maps = inside[can_miss], mass[images][can_miss][:, groups == group].astype(np.float64)
        if not maps.size:
            rows.append((name, 0, *[np.nan] * 4))
            continue
        shares = (maps * inside[:, None]).sum((2, 3)) / maps.sum((2, 3))
        value = shares.mean(1)
        rows.append(
            (name, len(value), value.mean(), *bootstrap_mean(value, confidence=confidence, seed=seed), inside.mean())
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _counted(boxes: np.ndarray, size: tuple[float, float], visible: np.ndarray | None, least: float) -> np.ndarray:
    """Which parts (n, G) have a box with an area inside the image, and are visible enough."""
    clipped = np.clip(boxes, 0, np.array([*size, *size]))
    has_area = (clipped[..., 2] > clipped[..., 0]) & (clipped[..., 3] > clipped[..., 1])  # False for NaN
    return has_area if visible is None else has_area & (visible >= least)


def _checked(
    attention: np.ndarray,
    boxes: np.ndarray,
    image_size: int | tuple[int, int],
    visible: np.ndarray | None,
    min_visible: float,
) -> tuple[float, float]:
    """Width and height of the image; InputError for arguments that cannot be measured."""
    if attention.ndim != 4 or not attention.size or boxes.shape != (len(attention), *boxes.shape[1:2], 4):
        raise InputError(
            "attention must have shape (images, attributes, height, width) and boxes (images, groups, 4), of at least "
            f"one image, got {attention.shape} and {boxes.shape}"
        )
    if not (np.isfinite(attention) & (attention >= 0)).all() or not attention.any((2, 3)).all():
        raise InputError("attention must be finite, at least 0, and above 0 somewhere in each map")
    missing = np.isnan(boxes)
    if (missing.any(2) != missing.all(2)).any() or np.isinf(boxes).any():
        raise InputError("a box must be four finite numbers, or NaN throughout for a part that is not there")
    if (boxes[..., :2] > boxes[..., 2:]).any():
        raise InputError("boxes must be left, top, right, bottom, got one that ends before it begins")
    if visible is not None and (visible.shape != boxes.shape[:2] or not ((visible >= 0) & (visible <= 1)).all()):
        raise InputError(f"visible must be shares 0 to 1 of shape {boxes.shape[:2]}, got shape {visible.shape}")
    if not 0 <= min_visible <= 1:
        raise InputError(f"min_visible must be a share in [0, 1], got {min_visible!r}")
    width, height = np.broadcast_to(image_size, 2)
    if min(width, height) <= 0:
        raise InputError(f"image_size must be above 0, got {image_size}")
    return float(width), float(height)


def _check_groups(groups: np.ndarray | None, names: Sequence[str] | None, attributes: int, count: int) -> np.ndarray:
    """The group of each map; InputError where it is not that of a box."""
    if groups is None:
        if attributes != count:
            raise InputError(f"attention must have one map for each of {count} boxes, or groups, got {attributes} maps")
        groups = np.arange(count)
    if groups.shape != (attributes,) or (attributes and not -1 <= groups.min() <= groups.max() < count):
        raise InputError(f"groups must be {attributes} numbers in -1..{count - 1}, got shape {groups.shape}")
    if names is not None and len(names) != count:
        raise InputError(f"names must be one for each of {count} groups, got {len(names)}")
    return groups

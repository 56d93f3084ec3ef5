"""Attribute groups along the columns of a matrix: order, separating lines, and names that do not overlap."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from scipy.optimize import isotonic_regression

from zslcore.data.semantics import attribute_groups
from zslcore.errors import InputError
from zslcore.plots.style import plain

MOST_GROUPS = 40  # more than that are attributes without groups, as in AWA2 and SUN
Spans = dict[str, tuple[int, int]]  # first and last column of each group


def columns_in_groups(
    names: Sequence[str] | None, count: int, *, largest_first: Float[np.ndarray, " A"] | None = None
) -> tuple[Int[np.ndarray, " A"], Spans]:
    """Order of ``count`` attributes that puts those of a group side by side, and the columns of each group.

    Without names there is one group. With ``largest_first``, attributes of a group are sorted by these values.

    >>> order, spans = columns_in_groups(["has_wing::a", "has_leg::a", "has_wing::b"], 3)
    >>> order.tolist(), spans
    ([0, 2, 1], {'wing': (0, 1), 'leg': (2, 2)})
    """
    if names is not None and len(names) != count:
        raise InputError(f"attribute_names must be one for each of {count} attributes, got {len(names)}")
    order, spans = [], {}
    groups = {"": range(count)} if names is None else attribute_groups(names)
    for name, members in groups.items():
        if largest_first is not None:
            members = sorted(members, key=lambda index: -largest_first[index])
        spans[name] = (len(order), len(order) + len(members) - 1)
        order.extend(members)
    return np.array(order), spans


def mark_groups(axis: Axes, spans: Spans, *, named: bool = True, color: str = "white") -> None:
    """Draw lines of a colour between groups and their names below. A single group or too many groups get neither.

    Of panels below each other only the last is ``named``.
    """
    axis.set_xlabel("attribute" if named else "")
    if not 1 < len(spans) <= MOST_GROUPS:
        return
    for start, _ in list(spans.values())[1:]:
        axis.axvline(start - 0.5, color=color, linewidth=0.6)
    if not named:
        axis.tick_params(axis="x", bottom=False, labelbottom=False)
        return
    dense, columns = len(spans) > 15, max(end for _, end in spans.values()) + 1
    size, angle = (7, 90) if dense else (7, 40)
    inches = 0.8 * axis.get_figure().get_figwidth()  # approximate width of the matrix beside colour bar and labels
    distance = 1.2 * size / np.sin(np.radians(angle)) / 72 / inches * columns
    centres = np.array([(start + end) / 2 for start, end in spans.values()])
    shown = spread(centres, distance, low=-0.5, high=columns - 0.5)
    across = axis.get_xaxis_transform()  # x in columns, y in heights of the panel
    depth = 0.12 / (axis.get_position().height * axis.get_figure().get_figheight())  # 0.12 inches
    for (start, end), centre, place in zip(spans.values(), centres, shown, strict=True):
        for x, y in (([start - 0.2, end + 0.2], [-depth / 4, -depth / 4]), ([centre, place], [-depth / 4, -depth])):
            axis.plot(x, y, color="black", linewidth=0.5, transform=across, clip_on=False)
    axis.set_xticks(shown, list(map(plain, spans)), rotation=angle, fontsize=size)
    axis.tick_params(axis="x", length=0, pad=0.12 * 72 + 1)
    for label in axis.get_xticklabels():
        label.set(ha="center" if dense else "right", va="top", rotation_mode="default" if dense else "anchor")
    axis.set_xlabel("attribute group")


def spread(positions: Float[np.ndarray, " n"], distance: float, *, low: float, high: float) -> Float[np.ndarray, " n"]:
    """The positions closest to increasing ``positions`` (least squares) that are ``distance`` apart within [low, high].

    They are closer together if there is not enough room.
    """
    steps = max(len(positions) - 1, 1)
    apart = np.arange(len(positions)) * min(distance, (high - low) / steps)
    return np.clip(isotonic_regression(positions - apart).x, low, max(low, high - apart[-1])) + apart

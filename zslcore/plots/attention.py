"""Where attention looks: maps over an image, and what is measured against the parts."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from zslcore.errors import InputError
from zslcore.plots.style import WIDTH, method_hatches, method_styles

VEIL = 0.75  # how white the picture becomes where attention is 0


def attention_maps(
    image: np.ndarray,
    attention: Float[np.ndarray, "K H W"],
    names: Sequence[str],
    *,
    boxes: Float[np.ndarray, "K 4"] | None = None,
    positions: Float[np.ndarray, "K 2"] | None = None,
    columns: int = 6,
) -> Figure:
    """The image, then one copy for each of K attributes that fades to white where its attention is low.

    Attention is brought to the size of the image (bilinear, a value at the centre of its cell) and scaled to its
    own peak; below each map stands how many times even attention the peak is, without which a map of nothing in
    particular looks like any other. ``boxes`` (left, top, right, bottom) of the true parts, white with a black edge,
    and ``positions`` (x, y), in pixels of the image, are drawn where they are given and not NaN. Raises InputError
    for numbers of names, boxes or positions other than K, and for a map without attention.

    >>> attention = np.zeros((1, 4, 4))
    >>> attention[0, 1, 2] = 1.0  # all of it in one of 16 cells
    >>> figure = attention_maps(np.zeros((64, 64, 3)), attention, ["red crown"])
    >>> [axis.get_title() for axis in figure.axes[:2]], figure.axes[1].get_xlabel()
    (['image', 'red crown'], 'peak 16.0 × even')
    """
    for name, given in (("names", names), ("boxes", boxes), ("positions", positions)):
        if given is not None and len(given) != len(attention):
            raise InputError(f"{name} must be one for each of {len(attention)} maps, got {len(given)}")
    if not (attention.max((1, 2)) > 0).all():
        raise InputError("attention must be above 0 somewhere in each map")
    image, count = np.asarray(image), len(attention) + 1
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 1.65 * rows * 6 / columns), squeeze=False)
    for axis in axes.flat[count:]:
        axis.axis("off")
    _picture(axes.flat[0], image, "image")
    for index, axis in enumerate(axes.flat[1:count]):
        cells = attention[index] / attention[index].max()
        _picture(axis, image, names[index])
        _fade(axis, cells, image.shape[:2])
        axis.set_xlabel(f"peak {cells.size / cells.sum():.1f} × even", fontsize=6, labelpad=2)
        if boxes is not None and np.isfinite(boxes[index]).all():
            left, top, right, bottom = boxes[index]
            for color, width in (("black", 2.2), ("white", 1)):  # seen on any background
                axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=color, lw=width))
        if positions is not None and np.isfinite(positions[index]).all():
            axis.plot(*positions[index], "+", color="black", markersize=6, markeredgewidth=1.2)
    return figure


def _picture(axis: Axes, image: np.ndarray, title: str) -> None:
    height, width = image.shape[:2]
    axis.imshow(image, cmap="grey" if image.ndim == 2 else None, extent=(0, width, height, 0))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.set_title(textwrap.fill(title, 17), fontsize=7, pad=3)


def _fade(axis: Axes, cells: Float[np.ndarray, "H W"], size: tuple[int, int]) -> None:
    """A white layer whose opacity falls with attention."""
    layer = np.ones((*cells.shape, 4))
    layer[..., 3] = VEIL * (1 - cells)
    axis.imshow(layer, extent=(0, size[1], size[0], 0), interpolation="bilinear")


def measured_attention(measured: pd.DataFrame | Mapping[str, pd.DataFrame], *, label: str) -> Figure:
    """Bars of the measured attention of each group, with their interval and the chance level as a black tick.

    ``measured`` is the frame of :func:`zslcore.analysis.pointing_accuracy` or :func:`zslcore.analysis.energy_inside`,
    or one for each method, of the same groups in the same order: shares in [0, 1]. A group that nothing was measured of
    (NaN) says so. ``label`` names the measure. Raises InputError for no method, other groups or another order.

    >>> frame = pd.DataFrame({"group": ["bill", "wing_color"], "value": [0.5, 0.25], "chance": [0.05, 0.2]})
    >>> (axis,) = measured_attention(frame.assign(low=0.2, high=0.6), label="pointing accuracy").axes
    >>> [float(bar.get_width()) for bar in axis.patches], [tick.get_text() for tick in axis.get_yticklabels()]
    ([0.5, 0.25], ['bill', 'wing color'])
    """
    frames = measured if isinstance(measured, Mapping) else {"": measured}
    groups = next(iter(frames.values()), {"group": pd.Series()})["group"].tolist()
    if not groups:
        raise InputError("measured must hold at least one method and group, got none")
    if any(frame["group"].tolist() != groups for frame in frames.values()):
        raise InputError("measured must hold the same groups in the same order for every method")
    height, styles, hatches = 0.8 / len(frames), method_styles(frames), method_hatches(frames)
    figure, axis = plt.subplots(figsize=(WIDTH, 0.9 + len(groups) * (0.12 + 0.16 * len(frames))))
    for index, (method, frame) in enumerate(frames.items()):
        place = np.arange(len(groups)) + (index - (len(frames) - 1) / 2) * height
        look = {"color": styles[method]["color"], "hatch": hatches[method]} if method else {"color": "0.7"}
        bars = {"height": 0.9 * height, "edgecolor": "0.2", "linewidth": 0.4, "label": method or None, **look}
        axis.barh(place, frame["value"], **bars)
        line = {"color": "black", "path_effects": [withStroke(linewidth=3, foreground="white")]}  # on dark bars too
        axis.hlines(place, frame["low"], frame["high"], linewidth=1, **line)
        tick = {"linewidth": 2, "label": "chance" if index == 0 else None}
        axis.vlines(frame["chance"], place - 0.45 * height, place + 0.45 * height, **tick, **line)
    nothing = np.all([frame["value"].isna() for frame in frames.values()], axis=0)
    for position in np.flatnonzero(nothing):
        axis.text(0.005, position, "nothing to measure", fontsize=7, va="center", color="0.3")
    axis.set_yticks(range(len(groups)), [str(group).replace("_", " ") for group in groups])
    axis.set(xlim=(0, 1), ylim=(len(groups) - 0.4, -0.6), xlabel=label)
    axis.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return figure

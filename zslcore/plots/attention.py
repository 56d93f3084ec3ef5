"""Figures of attention: maps over an image, and measured attention on parts."""

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

from zslcore.analysis._arrays import takes_tables
from zslcore.errors import InputError
from zslcore.methods import display_name
from zslcore.plots.style import WIDTH, method_looks, plain

VEIL = 0.75  # opacity of the white layer where attention is 0


@takes_tables
def attention_maps(
    image: np.ndarray,
    attention: Float[np.ndarray, "K H W"],
    names: Sequence[str],
    *,
    boxes: Float[np.ndarray, "K 4"] | Float[np.ndarray, "K P 4"] | None = None,
    positions: Float[np.ndarray, "K 2"] | None = None,
    columns: int = 6,
) -> Figure:
    """The image, then a copy for each of K attributes that fades to white where its attention is low.

    Attention is interpolated to the image and scaled by its peak. The number below a map is the ratio of the peak to
    uniform attention: 1 means that the map shows nothing.

    Args:
        image: an (H, W) or (H, W, 3) image.
        attention: a map for each attribute, above 0 somewhere.
        names: a name for each attribute.
        boxes: (left, top, right, bottom) of the true part of each attribute in pixels, or of its P parts; NaN for none.
        positions: (x, y) of the true part in pixels; NaN if there is none.
        columns: number of pictures in a row.

    Example:
        >>> figure = attention_maps(np.zeros((64, 64, 3)), np.eye(4)[None], ["red crown"])
        >>> [axis.get_title() for axis in figure.axes[:2]], figure.axes[1].get_xlabel()  # in 4 of 16 cells
        (['image', 'red crown'], 'peak 4.0 × even')
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
        extent = _picture(axis, image, names[index])
        veil = np.ones((*cells.shape, 4))
        veil[..., 3] = VEIL * (1 - cells)
        axis.imshow(veil, extent=extent, interpolation="bilinear")
        axis.set_xlabel(f"peak {cells.size / cells.sum():.1f} × even", fontsize=6, labelpad=2)
        shown = np.empty((0, 4)) if boxes is None else boxes[index].reshape(-1, 4)
        for left, top, right, bottom in shown[np.isfinite(shown).all(1)]:
            for color, width in (("black", 2.2), ("white", 1)):  # seen on any background
                axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=color, lw=width))
        if positions is not None and np.isfinite(positions[index]).all():
            axis.plot(*positions[index], "+", color="black", markersize=6, markeredgewidth=1.2)
    return figure


def _picture(axis: Axes, image: np.ndarray, title: str) -> tuple[int, int, int, int]:
    """Draw the image and return its extent."""
    extent = (0, image.shape[1], image.shape[0], 0)
    axis.imshow(image, cmap="grey" if image.ndim == 2 else None, extent=extent)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.set_title(plain(textwrap.fill(title, 17)), fontsize=7, pad=3)
    return extent


def measured_attention(measured: Mapping[str, pd.DataFrame], *, label: str) -> Figure:
    """Bars of the measured attention of each group, with their interval, and the chance level as a black tick.

    Args:
        measured: frames of :func:`zslcore.analysis.pointing_accuracy` or :func:`zslcore.analysis.energy_inside` by
            method, of the same groups in the same order.
        label: name of the measure.

    Example:
        >>> frame = pd.DataFrame({"group": ["bill", "leg_color"], "value": 0.5, "low": 0.2, "high": 0.6, "chance": 0.1})
        >>> (axis,) = measured_attention({"remse": frame}, label="pointing accuracy").axes
        >>> [float(bar.get_width()) for bar in axis.patches], [tick.get_text() for tick in axis.get_yticklabels()]
        ([0.5, 0.5], ['bill', 'leg color'])
    """
    if not measured:
        raise InputError("measured must hold at least one method, got none")
    groups = next(iter(measured.values()))["group"].tolist()
    if any(frame["group"].tolist() != groups for frame in measured.values()):
        raise InputError("measured must hold the same groups in the same order for every method")
    height, looks, outline = 0.8 / len(measured), method_looks(measured), [withStroke(linewidth=3, foreground="white")]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.9 + len(groups) * (0.12 + 0.16 * len(measured))))
    for index, (key, frame) in enumerate(measured.items()):
        place, look = np.arange(len(groups)) + (index - (len(measured) - 1) / 2) * height, looks[key]
        bars = axis.barh(place, frame["value"], height=0.9 * height, color=look.color, hatch=look.hatch)
        plt.setp(bars, edgecolor="0.2", linewidth=0.4)
        bars.set_label(display_name(key))
        axis.hlines(place, frame["low"], frame["high"], color="black", lw=1, path_effects=outline)
        low, high, chance = place - 0.45 * height, place + 0.45 * height, "chance" if index == 0 else None
        axis.vlines(frame["chance"], low, high, color="black", lw=2, path_effects=outline, label=chance)
    nothing = np.all([frame["value"].isna() for frame in measured.values()], axis=0)
    for position in np.flatnonzero(nothing):
        axis.text(0.005, position, "nothing to measure", fontsize=7, va="center", color="0.3")
    axis.set_yticks(range(len(groups)), [plain(str(group).replace("_", " ")) for group in groups])
    axis.set(xlim=(0, 1), ylim=(len(groups) - 0.4, -0.6), xlabel=label)
    axis.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return figure

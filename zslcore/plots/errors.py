"""Figures of errors: against the label value, by attribute, and how much they fell."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zslcore.analysis import error_by_label
from zslcore.data.semantics import pretty
from zslcore.errors import InputError
from zslcore.methods import display_name
from zslcore.plots.style import GREY, NULL_LINES, WIDTH, Look, method_looks, panel_title

LABEL_AXIS = "label value (class vectors of length 1)"


def error_against_label(
    values: Mapping[str, Float[np.ndarray, "C A"]],
    errors: Mapping[str, Mapping[str, Float[np.ndarray, "C A"]]],
    *,
    bins: int = 12,
) -> Figure:
    """Mean squared error in bins of the label value, with its standard error; a panel for each split.

    Args:
        values: label values by split.
        errors: error matrices by key and split. Null models are drawn as grey lines.
        bins: number of bins, see :func:`zslcore.analysis.error_by_label`. The bin of zeros may hold most cells.

    Example:
        >>> labels = np.array([[0.1, 0.2], [0.8, 0.9]])
        >>> figure = error_against_label({"seen": labels}, {"mse": {"seen": labels**2}}, bins=2)
        >>> figure.axes[0].containers[0][0].get_ydata(orig=False).round(3).tolist()  # means of two cells each
        [0.025, 0.725]
    """
    figure, axes = plt.subplots(1, len(values), figsize=(WIDTH, 3.2), sharey=True, squeeze=False)
    looks = method_looks(errors)
    for axis, (split, labels) in zip(axes[0], values.items(), strict=True):
        for key, matrices in errors.items():
            name = display_name(key)
            if key in NULL_LINES:
                binned = error_by_label(labels, matrices[split], bins=bins)
                axis.plot("value", "mean", data=binned, color=GREY, ls=NULL_LINES[key], lw=1.2, label=name, zorder=1)
            else:
                draw_means(axis, labels, matrices[split], looks[key], bins=bins, label=name)
        axis.set(title=split, xlabel=LABEL_AXIS)
    axes[0, 0].set_ylabel("squared error of the\nnormalised prediction")
    handles = dict(zip(*axes[0, 0].get_legend_handles_labels()[::-1]))  # lines come before error bars there
    shown = [handles[display_name(key)] for key in errors]
    figure.legend(handles=shown, loc="outside lower center", ncols=min(len(shown), 4), frameon=False)
    return figure


def error_by_attribute(
    errors: Mapping[str, Float[np.ndarray, "C A"]], attribute_names: Sequence[str], *, shown: int = 24
) -> Figure:
    """Distribution over classes of the error of each attribute, one box for each method.

    Attributes are sorted by their median error under the first method. At most ``shown`` are drawn; of more, every k-th
    is. A row of NaN is an absent class. The axis is logarithmic: an error of 0 is drawn as the smallest error above 0,
    and the axis label says so.

    Example:
        >>> errors = np.array([[0.1, 4.0, 1.0], [0.3, 6.0, 1.0], [np.nan, np.nan, np.nan]])
        >>> (axis,) = error_by_attribute({"mse": errors}, ["has_leg_color::red", "has_size::small", "black"]).axes
        >>> [tick.get_text() for tick in axis.get_xticklabels()]  # medians 5, 1 and 0.2
        ['size: small', 'black', 'leg color: red']
    """
    first = np.ma.masked_invalid(next(iter(errors.values())))
    order = np.argsort(-np.ma.median(first, axis=0).filled(-1))
    order = order[np.linspace(0, len(order) - 1, min(shown, len(order))).round().astype(int)]
    parts, names = [], [pretty(attribute_names[index]) for index in order]
    for key, matrix in errors.items():
        frame = pd.DataFrame(matrix[:, order], columns=names).melt(var_name="attribute", value_name="error")
        if not (frame["error"] > 0).any():
            raise InputError(f"errors must hold a value above 0 for each method, got none for {display_name(key)!r}")
        parts.append(frame.assign(method=display_name(key)))
    frame = pd.concat(parts, ignore_index=True)
    lowest = frame["error"][frame["error"] > 0].min()
    zeros = f"\n0 drawn as {lowest:.0e}" if (frame["error"] == 0).any() else ""
    frame["error"] = frame["error"].clip(lower=lowest)
    looks = method_looks(errors)
    colors = {display_name(key): look.color for key, look in looks.items()}
    figure, axis = plt.subplots(figsize=(WIDTH, 4))
    sns.boxplot(frame, x="attribute", y="error", hue="method", palette=colors, saturation=1, fliersize=1, linewidth=0.6)
    axis.set(yscale="log", xlabel="", ylabel=f"squared error of a class (log scale){zeros}")
    axis.tick_params(axis="x", rotation=90, labelsize=7)
    legend = axis.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    # white is visible on every box; a single class has no box, only its median
    one_class = frame.groupby(["method", "attribute"])["error"].count().max() == 1
    for container, patch, look in zip(axis.containers, legend.get_patches(), looks.values(), strict=True):
        plt.setp([*container.boxes, patch], hatch=look.hatch)
        plt.setp(container.medians, color=look.color if one_class else "white", linewidth=1.5)
    return figure


def reduction_against_label(
    values: Float[np.ndarray, "C A"],
    before: Float[np.ndarray, "C A"],
    after: Mapping[str, Float[np.ndarray, "C A"]],
    *,
    bins: int = 12,
    method: str | None = None,
) -> Figure:
    """How much the error of each cell fell, ``before - after``, against its label value; a panel for each of ``after``.

    A grey dot is a class and attribute. The line is the mean with its standard error, in bins of the label
    value. The scale is linear near 0 and logarithmic beyond.

    Args:
        values: label values.
        before: errors before.
        after: errors after, by method or by stage of one training, such as "after 1 epoch".
        bins: as in :func:`error_against_label`.
        method: the method whose stages these are, for the colour.

    Example:
        >>> labels, before = np.array([[0.1, 0.2], [0.8, 0.9]]), np.full((2, 2), 0.5)
        >>> (axis,) = reduction_against_label(labels, before, {"remse": before - 0.4 * (labels > 0.5)}, bins=2).axes
        >>> axis.containers[0][0].get_ydata(orig=False).round(3).tolist()  # only large labels gain
        [0.0, 0.4]
    """
    falls = {key: before.astype(np.float64) - matrix for key, matrix in after.items()}
    largest = max(np.nanmax(np.abs(fall)) for fall in falls.values())
    if not largest > 0:
        raise InputError("after must differ from before in some cell, got the same errors")
    figure, axes = plt.subplots(1, len(after), figsize=(WIDTH, 2.9), sharey=True, sharex=True, squeeze=False)
    looks = method_looks([*after, *([method] if method else [])])
    for axis, (key, fall) in zip(axes[0], falls.items(), strict=True):
        axis.scatter(values, fall, s=2, color="0.75", linewidth=0, rasterized=True)
        draw_means(axis, values, fall, looks[method or key], bins=bins)
        axis.axhline(0, color="black", lw=0.6)
        axis.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(largest) - 2))
        axis.set_title(panel_title(key, len(after)))
    axes[0, 0].set_ylabel("reduction of the squared error")
    figure.supxlabel(LABEL_AXIS, fontsize="medium")
    return figure


def draw_means(
    axis: Axes,
    values: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    look: Look,
    *,
    bins: int,
    label: str | None = None,
) -> None:
    """Draw the mean error with its standard error, in bins of the values."""
    binned = error_by_label(values, errors, bins=bins).fillna(0)  # a single cell has no error bar
    x, y, spread = binned["value"], binned["mean"], binned["sem"]
    axis.errorbar(x, y, spread, c=look.color, marker=look.marker, ms=4, lw=1, capsize=2, label=label)

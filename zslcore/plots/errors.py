"""Figures of errors: against the label value, by attribute, and how much they fell."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from jaxtyping import Float
from matplotlib.figure import Figure

from zslcore.analysis import error_by_label
from zslcore.data.semantics import pretty
from zslcore.errors import InputError
from zslcore.methods import LOSS_NAMES
from zslcore.plots.style import GREY, METHOD_COLORS, WIDTH, WINE, method_hatches, method_styles, panel_title

_LABEL = "label value (class vectors of length 1)"


def error_against_label(
    values: Mapping[str, Float[np.ndarray, "C A"]],
    errors: Mapping[str, Mapping[str, Float[np.ndarray, "C A"]]],
    *,
    bins: int = 12,
    nulls: Mapping[str, Mapping[str, Float[np.ndarray, "C A"]]] | None = None,
) -> Figure:
    """Mean squared error in bins of the label value, with its standard error; a panel per split.

    The bins lie between quantiles of the label, but equal labels share one: the bin of the zeros may hold most cells,
    and there may be fewer bins than ``bins``, see :func:`zslcore.analysis.error_by_label` (its errors too).

    ``values[split]`` holds label values, ``errors[method][split]`` the error matrices on the same classes, and
    ``nulls[model][split]`` those of null models (:func:`zslcore.analysis.null_errors`), drawn as grey lines.

    >>> labels = np.array([[0.1, 0.2], [0.8, 0.9]])
    >>> figure = error_against_label({"seen": labels}, {"+ MSE": {"seen": labels**2}}, bins=2)
    >>> line = figure.axes[0].containers[0][0]
    >>> [(round(float(x), 3), round(float(y), 3)) for x, y in zip(*line.get_data())]  # means of two cells each
    [(0.15, 0.025), (0.85, 0.725)]
    """
    figure, axes = plt.subplots(1, len(values), figsize=(WIDTH, 3.2), sharey=True, squeeze=False)
    styles, lines = method_styles(errors), ("--", ":", "-.", (0, (8, 2)))
    for axis, (split, labels) in zip(axes[0], values.items(), strict=True):
        for method, matrices in errors.items():
            binned = error_by_label(labels, matrices[split], bins=bins).fillna(0)  # a single cell has no error bar
            bars = {"yerr": binned["sem"], "capsize": 2, "markersize": 4, "lw": 1, **styles[method]}
            axis.errorbar(binned["value"], binned["mean"], label=method, **bars)
        for index, (model, matrices) in enumerate((nulls or {}).items()):
            binned = error_by_label(labels, matrices[split], bins=bins)
            dash = lines[index % len(lines)]
            axis.plot(binned["value"], binned["mean"], color=GREY, linestyle=dash, lw=1.2, label=model, zorder=1)
        axis.set(title=split, xlabel=_LABEL)
    axes[0, 0].set_ylabel("squared error of the\nnormalised prediction")
    handles = dict(zip(*axes[0, 0].get_legend_handles_labels()[::-1]))  # lines come before error bars there
    names = [*errors, *(nulls or {})]
    order = {"handles": [handles[name] for name in names], "labels": names}
    figure.legend(**order, loc="outside lower center", ncols=min(len(names), 4), frameon=False)
    return figure


def error_by_attribute(
    errors: Mapping[str, Float[np.ndarray, "C A"]], attribute_names: Sequence[str], *, shown: int = 24
) -> Figure:
    """Distribution over classes of the error of each attribute, one box per method.

    Attributes are sorted by their median error under the first method; with more than ``shown`` of them, every k-th.
    A row of NaN is an absent class and is left out. A logarithmic axis has no 0: errors of 0 are drawn as the smallest
    error above 0 that is shown, and the axis says so. Raises InputError for a method without an error above 0.

    >>> errors = np.array([[0.1, 4.0, 1.0], [0.3, 6.0, 1.0], [np.nan, np.nan, np.nan]])
    >>> (axis,) = error_by_attribute({"+ MSE": errors}, ["has_leg_color::red", "has_size::small", "black"]).axes
    >>> [tick.get_text() for tick in axis.get_xticklabels()]  # medians 5, 1 and 0.2
    ['size: small', 'black', 'leg color: red']
    """
    first = np.ma.masked_invalid(next(iter(errors.values())))
    order = np.argsort(-np.ma.median(first, axis=0).filled(-1))
    order = order[np.linspace(0, len(order) - 1, min(shown, len(order))).round().astype(int)]
    parts = []
    for method, matrix in errors.items():
        frame = pd.DataFrame(matrix[:, order], columns=[pretty(attribute_names[index]) for index in order])
        parts.append(frame.melt(var_name="attribute", value_name="error").assign(method=method))
    frame = pd.concat(parts, ignore_index=True)
    positive = frame[frame["error"] > 0]
    if absent := set(errors) - set(positive["method"]):
        raise InputError(f"errors must hold a value above 0 for each method, got none for {min(absent)!r}")
    lowest = positive["error"].min()
    zeros = f"\n0 drawn as {lowest:.0e}" if (frame["error"] == 0).any() else ""
    frame["error"] = frame["error"].clip(lower=lowest)
    figure, axis = plt.subplots(figsize=(WIDTH, 4))
    palette = {method: style["color"] for method, style in method_styles(errors).items()}
    style = {"palette": palette, "saturation": 1, "fliersize": 1, "linewidth": 0.6}
    style["medianprops"] = {"color": "white", "linewidth": 1.5}  # seen on black too, and not taken for a hatch
    sns.boxplot(frame, x="attribute", y="error", hue="method", ax=axis, **style)
    axis.set(yscale="log", xlabel="", ylabel=f"squared error of a class (log scale){zeros}")
    axis.tick_params(axis="x", rotation=90, labelsize=7)
    legend = axis.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    looks = zip(axis.containers, legend.get_patches(), method_hatches(errors).values(), strict=True)
    for container, patch, hatch in looks:
        for box in (*container.boxes, patch):
            box.set_hatch(hatch)
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

    A grey dot is a class and attribute, the line the mean with its standard error in bins as in
    :func:`error_against_label`: that of the zeros may hold most cells. The scale is shared: linear near 0,
    logarithmic over the two to three decades up to the largest change. What
    :func:`zslcore.analysis.reduction_correlation` puts into a number. Raises InputError if no error changed.

    ``after`` maps methods, or stages of one training such as "after 1 epoch". Stages share the colour and the marker
    of their ``method``, or those of no method if that is not given; without it, names are taken for stages if none of
    them is a method or a loss of the study.

    >>> labels, before = np.array([[0.1, 0.2], [0.8, 0.9]]), np.full((2, 2), 0.5)
    >>> (axis,) = reduction_against_label(labels, before, {"+ ReMSE": before - 0.4 * (labels > 0.5)}, bins=2).axes
    >>> [round(float(fall), 3) for fall in axis.containers[0][0].get_ydata()]  # only large labels gain
    [0.0, 0.4]
    """
    falls = {name: before.astype(np.float64) - matrix for name, matrix in after.items()}
    largest = max(np.nanmax(np.abs(fall)) for fall in falls.values())
    if not largest > 0:
        raise InputError("after must differ from before in some cell, got the same errors")
    figure, axes = plt.subplots(1, len(after), figsize=(WIDTH, 2.9), sharey=True, sharex=True, squeeze=False)
    styles = _styles(after, method)
    for axis, (name, fall) in zip(axes[0], falls.items(), strict=True):
        axis.scatter(values, fall, s=2, color="0.75", linewidth=0, rasterized=True)
        binned = error_by_label(values, fall, bins=bins).fillna(0)
        bars = {"yerr": binned["sem"], "capsize": 2, "markersize": 4, "lw": 1, **styles[name]}
        axis.errorbar(binned["value"], binned["mean"], **bars)
        axis.axhline(0, color="black", lw=0.6)
        axis.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(largest) - 2))
        axis.set_title(panel_title(name, len(after)))
    axes[0, 0].set_ylabel("reduction of the squared error")
    figure.supxlabel(_LABEL, fontsize="medium")
    return figure


def _styles(names: Iterable[str], method: str | None) -> dict[str, dict[str, str]]:
    """Looks of methods by their names, or one look for all stages of ``method``."""
    names = list(names)
    if method is not None:
        return {name: method_styles([method])[method] for name in names}
    if {*METHOD_COLORS, *LOSS_NAMES.values()}.isdisjoint(names):
        return {name: {"color": WINE, "marker": "o"} for name in names}
    return method_styles(names)

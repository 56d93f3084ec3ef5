"""Figures of errors: against the label value, by attribute, and how much they fell."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zslcore.analysis import error_by_label, explained_share
from zslcore.analysis._arrays import takes_tables
from zslcore.data.semantics import pretty
from zslcore.errors import InputError
from zslcore.methods import display_name
from zslcore.plots.ratios import RATIO_NAMES, RATIO_TICKS, log_ratio, ratio_limit
from zslcore.plots.style import NULL_LINES, WIDTH, Look, method_looks, panel_title, plain

LABEL_AXIS = "label value (class vectors of length 1)"


@takes_tables
def error_against_label(
    values: Mapping[str, Float[np.ndarray, "C A"]],
    errors: Mapping[str, Mapping[str, Float[np.ndarray, "C A"]]],
    *,
    bins: int = 12,
) -> Figure:
    """Mean squared error in bins of the label value, with its standard error; a row for each split.

    Each null model has a panel of its own, as a dashed line beside the measured errors. The axis is scaled to the
    measured errors, so a null model may leave the panel. R^2 is the share of the variance of the first method's errors
    that the null model explains. It is negative for a null model that is worse than the mean error.

    Args:
        values: label values by split.
        errors: error matrices by key and split: methods, then null models, if any.
        bins: number of bins, see :func:`zslcore.analysis.error_by_label`. The bin of zeros may hold most cells.

    Example:
        >>> labels = np.array([[0.1, 0.2], [0.8, 0.9]])
        >>> figure = error_against_label({"seen": labels}, {"mse": {"seen": labels**2}}, bins=2)
        >>> figure.axes[0].containers[0][0].get_ydata(orig=False).round(3).tolist()  # means of two cells each
        [0.025, 0.725]
    """
    nulls = [key for key in errors if key in NULL_LINES]
    methods = [key for key in errors if key not in NULL_LINES]
    looks, shape = method_looks(methods), (len(values), max(len(nulls), 1))
    size = (WIDTH, 1 + 1.9 * len(values))
    figure, axes = plt.subplots(*shape, figsize=size, sharex="row", sharey="row", squeeze=False)
    for row, (split, labels) in zip(axes, values.items(), strict=True):
        for axis in row:
            for key in methods:
                draw_means(axis, labels, errors[key][split], looks[key], bins=bins, label=display_name(key))
        row[0].set_ylim(0, 1.15 * row[0].dataLim.y1)
        for axis, key in zip(row, nulls, strict=False):
            null = error_by_label(labels, errors[key][split], bins=bins)
            axis.plot(
                null["value"], null["mean"], color="black", ls="--", lw=1.2, label="null model of the panel", zorder=1
            )
            share = explained_share(errors[methods[0]][split], errors[key][split])
            axis.set_title(f"{display_name(key).removeprefix('null: ')}\nR² = {share:.2f}", fontsize=9)
        row[0].set_ylabel(f"squared error,\n{split}")
        row[0].xaxis.set_major_locator(MaxNLocator(3))
    figure.supxlabel(LABEL_AXIS, fontsize="medium")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4, frameon=False)
    return figure


@takes_tables
def error_by_attribute(
    errors: Mapping[str, Float[np.ndarray, "C A"]], attribute_names: Sequence[str], *, shown: int = 12
) -> Figure:
    """Distribution over classes of the error of some attributes, one box for each method.

    Attributes are sorted by their median error under the first method, largest on top. If there are more than
    ``shown``, only every k-th is drawn. A row of NaN is an absent class. The axis is logarithmic: an error of 0 is
    drawn as the smallest error above 0, and the axis label says so.

    Example:
        >>> errors = np.array([[0.1, 4.0, 1.0], [0.3, 6.0, 1.0], [np.nan, np.nan, np.nan]])
        >>> (axis,) = error_by_attribute({"mse": errors}, ["has_leg_color::red", "has_size::small", "black"]).axes
        >>> [tick.get_text() for tick in axis.get_yticklabels()]  # medians 5, 1 and 0.2
        ['size: small', 'black', 'leg color: red']
    """
    first = np.ma.masked_invalid(next(iter(errors.values())))
    if len(attribute_names) != first.shape[1]:
        raise InputError(f"attribute_names must name {first.shape[1]} attributes, got {len(attribute_names)} names")
    order = np.argsort(-np.ma.median(first, axis=0).filled(-1))
    order = order[np.linspace(0, len(order) - 1, min(shown, len(order))).round().astype(int)]
    parts, names = [], [plain(pretty(attribute_names[index])) for index in order]
    columns = [str(index) for index in range(len(names))]  # names can be equal, as those of wing and has_wing
    for key, matrix in errors.items():
        frame = pd.DataFrame(matrix[:, order], columns=columns).melt(var_name="attribute", value_name="error")
        if not (frame["error"] > 0).any():
            raise InputError(f"errors must hold a value above 0 for each method, got none for {display_name(key)!r}")
        parts.append(frame.assign(method=display_name(key)))
    frame = pd.concat(parts, ignore_index=True)
    lowest = frame["error"][frame["error"] > 0].min()
    zeros = f"; 0 drawn as {lowest:.0e}" if (frame["error"] == 0).any() else ""
    frame["error"] = frame["error"].clip(lower=lowest)
    looks = method_looks(errors)
    colors = {display_name(key): look.color for key, look in looks.items()}
    figure, axis = plt.subplots(figsize=(WIDTH, 1 + len(names) * (0.1 + 0.12 * len(errors))))
    sns.boxplot(frame, x="error", y="attribute", hue="method", palette=colors, saturation=1, fliersize=1, linewidth=0.6)
    axis.set(xscale="log", ylabel="", xlabel=f"squared error of a class (log scale{zeros})")
    axis.set_yticks(range(len(names)), names)
    axis.grid(axis="x", linewidth=0.4)
    axis.tick_params(axis="y", length=0)
    legend = axis.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    # white is visible on every box; a single class has no box, only its median
    one_class = frame.groupby(["method", "attribute"])["error"].count().max() == 1
    for container, patch, look in zip(axis.containers, legend.get_patches(), looks.values(), strict=True):
        plt.setp([*container.boxes, patch], hatch=look.hatch)
        plt.setp(container.medians, color=look.color if one_class else "white", linewidth=1.5)
    return figure


@takes_tables
def reduction_against_label(
    values: Float[np.ndarray, "C A"],
    before: Float[np.ndarray, "C A"],
    after: Mapping[str, Float[np.ndarray, "C A"]],
    *,
    relative_to: str = "before",
    bins: int = 12,
) -> Figure:
    """The ratio of the error of each cell, ``after / before``, against its label value; a panel for each of ``after``.

    A grey dot is a class and attribute. The line is the geometric mean with its standard error, in bins of the label
    value. The axis is logarithmic, with the same length for half and for twice the error. It ends where 1 % of the
    cells lie beyond it. A cell without an error above 0 in both matrices has no ratio and is left out.

    Args:
        values: label values.
        before: errors before.
        after: errors after, by method.
        relative_to: what ``before`` is, for the axis label.
        bins: as in :func:`error_against_label`.

    Example:
        >>> labels, before = np.array([[0.1, 0.2], [0.8, 0.9]]), np.full((2, 2), 0.5)
        >>> (axis,) = reduction_against_label(labels, before, {"remse": before / (1 + (labels > 0.5))}, bins=2).axes
        >>> axis.containers[0][0].get_ydata(orig=False).tolist()  # log2: large labels have half the error
        [0.0, -1.0]
    """
    ratios = {key: log_ratio(before, matrix) for key, matrix in after.items()}
    end = ratio_limit(ratios.values())
    figure, axes = plt.subplots(1, len(after), figsize=(WIDTH, 2.9), sharey=True, sharex=True, squeeze=False)
    looks = method_looks(after)
    for axis, (key, ratio) in zip(axes[0], ratios.items(), strict=True):
        axis.scatter(values, ratio, s=2, color="0.75", linewidth=0, rasterized=True)
        axis.axhline(0, color="black", lw=0.8)
        draw_means(axis, values, ratio, looks[key], bins=bins)
        axis.set_title(panel_title(key, len(after)))
    axes[0, 0].set(ylim=(-end, end), ylabel=f"squared error relative\nto {relative_to} (log scale)")
    axes[0, 0].yaxis.set(major_locator=RATIO_TICKS, major_formatter=RATIO_NAMES)
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

"""Matrices of classes and attributes as colours: errors, their ratios between methods, and the weights of ReMSE."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from zslcore.analysis._arrays import takes_tables
from zslcore.errors import InputError
from zslcore.methods import display_name
from zslcore.plots.groups import columns_in_groups, mark_groups
from zslcore.plots.ratios import RATIO_NAMES, RATIO_TICKS, log_ratio, ratio_limit
from zslcore.plots.style import WIDTH


@takes_tables
def error_heatmaps(
    errors: Mapping[str, Float[np.ndarray, "C A"]],
    *,
    rows: str,
    columns: str,
    attribute_names: Sequence[str] | None = None,
    sort: bool = False,
) -> Figure:
    """The error matrix of the first method, and the ratio of the errors of each other method to it.

    Errors have a logarithmic scale. It ends at the largest error and starts at the 1 % quantile, because a few errors
    near 0 would stretch it. Ratios have a diverging scale around 1 that holds 99 % of the cells: red is a larger error.
    Cells without an error above 0 are grey. With ``attribute_names`` the panels are below each other and attributes are
    grouped; without, they are side by side.

    Args:
        errors: error matrices by method, each with a value above 0.
        rows, columns: labels of rows and columns.
        attribute_names: a name for each attribute.
        sort: whether to sort classes, and attributes within their group, by the mean error of the first method, largest
            first.

    Example:
        >>> errors = np.array([[0.001, 0.1, 0.0], [0.01, 0.1, 0.1]])
        >>> figure = error_heatmaps({"mse": errors, "remse": errors / 2}, rows="class", columns="attribute")
        >>> first, second, *_ = figure.axes
        >>> first.get_title(), second.get_title(), second.images[0].get_array()[1].tolist()  # log2 of the ratio
        ('+ MSE', '+ ReMSE relative to + MSE', [-1.0, -1.0, -1.0])
    """
    baseline, first = next(iter(errors.items()), ("", np.empty((0, 0))))
    if not (first > 0).any():
        raise InputError("errors must hold a value above 0 for a logarithmic scale, got none")
    ratios = {key: log_ratio(first, matrix) for key, matrix in errors.items() if key != baseline}
    classes, largest_first = np.arange(len(first)), None
    if sort:
        known = np.ma.masked_invalid(first)
        classes, largest_first = np.argsort(-known.mean(1).filled(-1)), known.mean(0).filled(-1)  # absent classes last
        rows, columns = f"{rows},\nby mean error", f"{columns},\nby mean error"
    order, spans = columns_in_groups(attribute_names, first.shape[1], largest_first=largest_first)
    count, below = len(errors), attribute_names is not None
    if below:
        figure, axes = plt.subplots(count, figsize=(WIDTH, 0.9 + 1.35 * count), sharex=True, sharey=True, squeeze=False)
    else:
        figure, axes = plt.subplots(1, count, figsize=(WIDTH, 2.8), sharey=True, squeeze=False)
    for axis, key in zip(axes.flat, errors, strict=True):
        if key == baseline:
            shown = np.ma.masked_where(~(first > 0), first)[classes][:, order]
            image = axis.imshow(shown, cmap="viridis", norm=_scale(first))
            title = display_name(key)
        else:
            end = ratio_limit(ratios.values())
            ratio = axis.imshow(ratios[key][classes][:, order], cmap="RdBu_r", vmin=-end, vmax=end)
            title = f"{display_name(key)} relative to {display_name(baseline)}"
        axis.set(facecolor="0.8", aspect="auto")
        if below:
            axis.set_title(title, fontsize=8, pad=3)
            axis.set_ylabel(rows)
            color = "white" if key == baseline else "black"
            mark_groups(axis, spans, named=axis is axes.flat[-1], color=color)
        else:
            axis.set_title(textwrap.fill(title, 64 // count), fontsize=9)
    if not below:
        figure.supxlabel(columns, fontsize="medium")
    elif sort and len(spans) == 1:
        axes.flat[-1].set_xlabel(columns)  # ranks among all attributes
    axes[0, 0].set_ylabel(rows)
    ticks = LogLocator(subs=(1, 3))
    bar = figure.colorbar(image, ax=axes.flat[0], label="mean squared\nerror", pad=0.01, ticks=ticks, extend="min")
    bar.minorticks_off()
    bar.formatter = FuncFormatter(lambda value, _: f"{value:.0e}".replace("e-0", "e-"))
    if ratios:
        bar = figure.colorbar(ratio, ax=axes.flat[1:], label="ratio of the errors", pad=0.01, extend="both")
        bar.locator, bar.formatter = RATIO_TICKS, RATIO_NAMES
    return figure


@takes_tables
def weight_matrix(
    weights: Float[np.ndarray, "C A"], *, rows: str = "class", attribute_names: Sequence[str] | None = None
) -> Figure:
    """ReMSE's weights, with the mean over classes above and the mean over attributes beside.

    Weights are those of a batch, or their mean over training; a row of NaN is an absent class. ``rows`` is the label of
    the rows. With ``attribute_names`` attributes are grouped.

    Example:
        >>> above = weight_matrix(np.array([[1.0, 3.0], [1.0, 5.0], [np.nan, np.nan]])).axes[1]
        >>> above.patches[0].get_data().values.tolist()
        [1.0, 4.0]
    """
    if np.isnan(weights).all():
        raise InputError("weights must hold a number, got NaN throughout")
    order, spans = columns_in_groups(attribute_names, weights.shape[1])
    shown = np.ma.masked_invalid(weights[:, order])
    figure = plt.figure(figsize=(WIDTH, 3.6))
    grid = figure.add_gridspec(2, 2, width_ratios=(7, 1), height_ratios=(1, 4))
    axis = figure.add_subplot(grid[1, 0])
    above = figure.add_subplot(grid[0, 0], sharex=axis)
    beside = figure.add_subplot(grid[1, 1], sharey=axis)
    image = axis.imshow(shown, aspect="auto", cmap="viridis", interpolation="nearest")
    above.stairs(shown.mean(0), np.arange(shown.shape[1] + 1) - 0.5, color="black", baseline=None)
    across = shown.mean(1).filled(np.nan)
    beside.stairs(across, np.arange(len(shown) + 1) - 0.5, color="black", baseline=None, orientation="horizontal")
    beside.tick_params(labelleft=False)
    above.yaxis.set_major_locator(MaxNLocator(2))
    beside.xaxis.set_major_locator(MaxNLocator(2))
    above.set_ylabel("mean\nweight")
    beside.set_xlabel("mean weight")
    axis.set_ylabel(rows)
    mark_groups(axis, spans)
    above.tick_params(axis="x", bottom=False, labelbottom=False)
    figure.colorbar(image, ax=beside, label="weight")
    return figure


def _scale(errors: Float[np.ndarray, "C A"]) -> LogNorm:
    low, high = np.quantile(errors[errors > 0], 0.01, method="lower"), np.nanmax(errors)
    return LogNorm(low, high) if low < high else LogNorm(low / 2, 2 * high)

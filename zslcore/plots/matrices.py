"""Matrices of classes and attributes as colours: errors of several methods, and the weights of ReMSE."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from zslcore.errors import InputError
from zslcore.methods import display_name
from zslcore.plots.groups import Spans, columns_in_groups, mark_groups
from zslcore.plots.style import WIDTH, panel_title


def error_heatmaps(
    errors: Mapping[str, Float[np.ndarray, "C A"]],
    *,
    rows: str,
    columns: str,
    attribute_names: Sequence[str] | None = None,
    sort: bool = False,
) -> Figure:
    """Error matrices of several methods on one logarithmic colour scale; zeros and absent classes (NaN) stay white.

    The scale ends at the largest error. It starts at the 1 % quantile, because a few errors near 0 would stretch it.
    With ``attribute_names`` the panels are below each other and attributes are grouped; without, they are side by side.

    Args:
        errors: error matrices by method, with a value above 0.
        rows, columns: labels of rows and columns.
        attribute_names: a name for each attribute.
        sort: whether to sort classes, and attributes within their group, by mean error over all methods, largest first.

    Example:
        >>> errors = np.array([[0.001, 0.1, 0.0], [0.01, 0.1, 0.1]])
        >>> figure = error_heatmaps({"mse": errors, "remse": errors / 2}, rows="class", columns="attribute")
        >>> [axis.get_title() for axis in figure.axes[:2]], figure.axes[0].images[0].get_clim()  # one scale for both
        (['+ MSE', '+ ReMSE'], (0.0005, 0.1))
    """
    positive = np.concatenate([np.empty(0), *(matrix[matrix > 0] for matrix in errors.values())])
    if not positive.size:
        raise InputError("errors must hold a value above 0 for a logarithmic scale, got none")
    low, high = np.quantile(positive, 0.01, method="lower"), positive.max()
    norm = LogNorm(low, high) if low < high else LogNorm(low / 2, 2 * high)
    order, spans = columns_in_groups(attribute_names, next(iter(errors.values())).shape[1])
    classes, order = _sorted(errors, order, spans) if sort else (slice(None), order)
    if sort:
        rows, columns = f"{rows},\nby mean error", f"{columns},\nby mean error"
    count, below = len(errors), attribute_names is not None
    if below:
        figure, axes = plt.subplots(count, figsize=(WIDTH, 0.9 + 1.25 * count), sharex=True, sharey=True, squeeze=False)
    else:
        figure, axes = plt.subplots(1, count, figsize=(WIDTH, 2.8), sharey=True, squeeze=False)
    for axis, (name, matrix) in zip(axes.flat, errors.items(), strict=True):
        shown = np.ma.masked_where(~(matrix > 0), matrix)[classes][:, order]
        image = axis.imshow(shown, aspect="auto", cmap="viridis", norm=norm, interpolation="nearest")
        axis.set(title=panel_title(name, count), xlabel=columns)
        if below:
            axis.set_ylabel(rows)
            axis.set_title(display_name(name), fontsize=8, pad=3)
            mark_groups(axis, spans, named=axis is axes.flat[-1])
    if below and sort and len(spans) == 1:
        axes.flat[-1].set_xlabel(columns)  # ranks among all attributes
    axes[0, 0].set_ylabel(rows)
    ticks = LogLocator(subs=(1, 3))
    bar = figure.colorbar(image, ax=axes, label="mean squared error", pad=0.01, ticks=ticks, extend="min")
    bar.minorticks_off()
    bar.formatter = FuncFormatter(lambda value, _: f"{value:.0e}".replace("e-0", "e-"))
    return figure


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


def _sorted(errors: Mapping[str, np.ndarray], order: np.ndarray, spans: Spans) -> tuple[np.ndarray, np.ndarray]:
    """Order of classes (absent ones last), and of attributes within their group, by mean error; largest first."""
    mean = np.ma.masked_invalid(np.stack(list(errors.values()))).mean(0)
    of_class, of_attribute = mean.mean(1).filled(-1), mean.mean(0).filled(-1)
    parts = (order[start : end + 1] for start, end in spans.values())
    return np.argsort(-of_class), np.concatenate([part[np.argsort(-of_attribute[part])] for part in parts])

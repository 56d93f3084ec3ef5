"""Figures of the study, one function each: arrays or tidy frames in, a matplotlib Figure out.

Methods keep their colour in every figure; the palette is readable by the colour-blind and in grey print.
"""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from jaxtyping import Float
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from zslcore.analysis import error_by_label
from zslcore.data.semantics import attribute_groups, pretty
from zslcore.metrics import SeenUnseenCurve
from zslcore.results import t_interval

WIDTH = 7.2  # inches: the text width of most journals' double column
_BLUE, _SKY, _ORANGE, _GREY = "#0173b2", "#56b4e9", "#de8f05", "#6e6e6e"  # of seaborn's "colorblind" palette
METHOD_COLORS = {
    "cross entropy": _GREY,
    "cross entropy, tuned scale": "black",
    "+ MSE": _SKY,
    "+ MSE, matched λ": _BLUE,
    "+ ReMSE": _ORANGE,
}
METHOD_MARKERS = dict(zip(METHOD_COLORS, "sPo^D", strict=True))


def use_style() -> None:
    """Set the fonts, grid and resolution of all figures; call once at the top of a notebook."""
    sns.set_theme(context="paper", style="ticks", palette="colorblind")
    plt.rcParams.update({"figure.dpi": 110, "savefig.dpi": 200, "figure.constrained_layout.use": True})
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10})


def image_grid(images: Sequence, titles: Sequence[str], *, columns: int = 6) -> Figure:
    """Pictures (anything ``imshow`` takes) in rows, each under its title."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 1.6 * rows * 6 / columns), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image)
        axis.set_title(textwrap.fill(title, 16), fontsize=7)
    return figure


def attribute_heatmap(
    attributes: Float[np.ndarray, "C A"], attribute_names: Sequence[str], *, unit: str, num_seen: int
) -> Figure:
    """Class-by-attribute matrix, attributes in their groups; the dashed line parts seen from unseen classes."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6))
    groups = attribute_groups(attribute_names)
    image = axis.imshow(attributes, aspect="auto", cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=axis, label=unit, pad=0.01)
    axis.axhline(num_seen - 0.5, color="white", linestyle="--", linewidth=1)
    axis.set_ylabel(f"class ({num_seen} seen, then {len(attributes) - num_seen} unseen)")
    if 1 < len(groups) <= 40:  # attribute groups lie side by side in the files
        starts = [min(members) for members in groups.values()]
        for start in starts[1:]:
            axis.axvline(start - 0.5, color="white", linewidth=0.6)
        shown = _spaced({name: float(np.mean(members)) for name, members in groups.items()}, attributes.shape[1] / 45)
        axis.set_xticks(
            list(shown.values()), list(shown), rotation=60, ha="right", fontsize=6 if len(groups) > 15 else 8
        )
        axis.set_xlabel("attribute group")
    else:
        axis.set_xlabel("attribute")
    return figure


def _spaced(positions: dict[str, float], distance: float) -> dict[str, float]:
    """The labels that fit side by side: each at least ``distance`` from the one before it that is kept."""
    kept: dict[str, float] = {}
    for name, position in positions.items():
        if not kept or position - list(kept.values())[-1] >= distance:
            kept[name] = position
    return kept


def label_distribution(values: Float[np.ndarray, "C A"], *, unit: str) -> Figure:
    """How often each label value occurs (log scale), and the spread of values within each attribute."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.6))
    left.hist(values.ravel(), bins=40, color=_BLUE)
    left.set(yscale="log", xlabel=f"label value ({unit})", ylabel="class-attribute pairs")
    order = np.argsort(values.mean(0))
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)[:, order]
    position = np.arange(len(order))
    right.fill_between(position, low, high, color=_BLUE, alpha=0.3, linewidth=0, label="10 % to 90 % of classes")
    right.plot(position, middle, color=_BLUE, label="median class")
    right.set(xlabel="attribute, sorted by mean value", ylabel="label value")
    right.legend(frameon=False, loc="upper left")
    return figure


def error_against_label(
    values: Mapping[str, Float[np.ndarray, "C A"]],
    errors: Mapping[str, Mapping[str, Float[np.ndarray, "C A"]]],
    *,
    bins: int = 12,
) -> Figure:
    """Mean squared error in bins of equal count of the label value, with its standard error; a panel per split.

    ``values[split]`` holds label values, ``errors[method][split]`` the error matrices on the same classes.
    """
    figure, axes = plt.subplots(1, len(values), figsize=(WIDTH, 2.9), sharey=True, squeeze=False)
    for axis, (split, labels) in zip(axes[0], values.items(), strict=True):
        for method, matrices in errors.items():
            binned = error_by_label(labels, matrices[split], bins=bins).fillna(0)  # a single cell has no error bar
            style = {"color": METHOD_COLORS[method], "marker": METHOD_MARKERS[method]}
            axis.errorbar(
                binned["value"], binned["mean"], binned["sem"], label=method, capsize=2, markersize=4, lw=1, **style
            )
        axis.set(title=split, xlabel="label value (class vectors of length 1)")
    axes[0, 0].set_ylabel("squared error of the\nnormalised prediction")
    axes[0, 0].legend(frameon=False)
    return figure


def error_heatmaps(errors: Mapping[str, Float[np.ndarray, "C A"]], *, rows: str, columns: str) -> Figure:
    """Error matrices of several methods side by side on one logarithmic colour scale; zeros are left white."""
    positive = np.concatenate([matrix[matrix > 0] for matrix in errors.values()])
    norm = LogNorm(positive.min(), positive.max())
    figure, axes = plt.subplots(1, len(errors), figsize=(WIDTH, 2.8), sharey=True, squeeze=False)
    for axis, (name, matrix) in zip(axes[0], errors.items(), strict=True):
        image = axis.imshow(np.ma.masked_equal(matrix, 0), aspect="auto", cmap="viridis", norm=norm)
        axis.set(title=name, xlabel=columns)
    axes[0, 0].set_ylabel(rows)
    bar = figure.colorbar(image, ax=axes, label="mean squared error", pad=0.01, ticks=LogLocator(subs=(1, 3)))
    bar.minorticks_off()
    bar.formatter = FuncFormatter(lambda value, _: f"{value:.0e}".replace("e-0", "e-"))
    return figure


def error_by_attribute(
    errors: Mapping[str, Float[np.ndarray, "C A"]], attribute_names: Sequence[str], *, shown: int = 24
) -> Figure:
    """Distribution over classes of the error of each attribute, one box per method.

    Attributes are sorted by their median error under the first method; with more than ``shown`` of them, every k-th.
    """
    first = next(iter(errors.values()))
    order = np.argsort(-np.median(first, axis=0))
    order = order[np.linspace(0, len(order) - 1, min(shown, len(order))).round().astype(int)]
    parts = []
    for method, matrix in errors.items():
        frame = pd.DataFrame(matrix[:, order], columns=[pretty(attribute_names[index]) for index in order])
        parts.append(frame.melt(var_name="attribute", value_name="error").assign(method=method))
    frame = pd.concat(parts)
    frame["error"] = frame["error"].clip(lower=1e-8)  # a log axis has no zero
    figure, axis = plt.subplots(figsize=(WIDTH, 3.8))
    style = {"palette": METHOD_COLORS, "saturation": 1, "fliersize": 1, "linewidth": 0.6}
    sns.boxplot(frame, x="attribute", y="error", hue="method", ax=axis, **style)
    axis.set(yscale="log", xlabel="", ylabel="squared error of a class (log scale)")
    axis.tick_params(axis="x", rotation=90, labelsize=7)
    axis.legend(frameon=False, ncols=3, loc="upper right")
    return figure


def seen_unseen_curves(
    curves: Mapping[str, SeenUnseenCurve], points: Mapping[str, tuple[float, float]] | None = None
) -> Figure:
    """Seen over unseen accuracy at every calibration, with the best harmonic mean of each curve and given points.

    ``points`` maps a label to (U, S) in [0, 1], such as the point that the clean protocol chose.
    """
    figure, axis = plt.subplots(figsize=(0.55 * WIDTH, 3.2))
    for name, curve in curves.items():
        color = METHOD_COLORS.get(name, _BLUE)
        axis.plot(
            100 * curve.unseen, 100 * curve.seen, color=color, lw=1.2, label=f"{name} (AUSUC {100 * curve.ausuc:.1f})"
        )
        seen, unseen, harmonic, _ = curve.best()
        axis.plot(
            100 * unseen, 100 * seen, "*", color=color, markersize=10, label=f"best H {100 * harmonic:.1f} (oracle)"
        )
    for index, (name, (unseen, seen)) in enumerate((points or {}).items()):
        axis.plot(
            100 * unseen, 100 * seen, "ox^v"[index % 4], color="black", markersize=6, fillstyle="none", label=name
        )
    axis.set(xlabel="accuracy on unseen classes U (%)", ylabel="accuracy on seen classes S (%)", xlim=0, ylim=0)
    axis.legend(frameon=False, fontsize=7)
    return figure


def noise_floor(
    counts: Sequence[int], expected: Mapping[int, Sequence[float]], simulated: Mapping[int, Sequence[float]]
) -> Figure:
    """Mean weight that noise alone produces against the number of cells compared: lines in theory, dots simulated.

    ``expected`` and ``simulated`` map the number of shots to one value for each of ``counts``.
    """
    figure, axis = plt.subplots(figsize=(0.6 * WIDTH, 2.8))
    colors = sns.color_palette("viridis", len(expected))
    for color, (shots, values) in zip(colors, expected.items(), strict=True):
        axis.plot(counts, values, color=color, label=f"{shots} shot" + ("s" if shots > 1 else ""))
        axis.plot(counts, simulated[shots], "o", color=color, markersize=4)
    axis.set(xscale="log", xlabel="cells that the minimum is taken over", ylabel="mean weight, nothing to rebalance")
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.minorticks_off()
    axis.legend(frameon=False)
    return figure


def training_history(history: pd.DataFrame) -> Figure:
    """Losses and accuracies over the epochs of a run, for its validation and its final training."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.6))
    for task, style in (("validation", "--"), ("test", "-")):
        part = history[history["task"] == task]
        left.plot(part["epoch"], part["classification_loss"], f".{style}", color=_GREY, label=f"cross entropy, {task}")
        for name, color in (("T1", _BLUE), ("H", _ORANGE)):
            right.plot(part["epoch"], 100 * part[name], f".{style}", color=color, label=f"{name}, {task}")
    left.set(xlabel="epoch", ylabel="training loss (nats)", yscale="log")
    right.set(xlabel="epoch", ylabel="accuracy (%)")
    for axis in (left, right):
        axis.legend(frameon=False, fontsize=7, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def forest(frame: pd.DataFrame, value: str, *, label: str) -> Figure:
    """Every run as a dot and the mean with its 95 % t-interval, one line per method and protocol.

    ``frame`` has the columns of :func:`zslcore.results.collect`.
    """
    groups = list(frame.groupby(["protocol", "method", "lam"], sort=False))
    figure, axis = plt.subplots(figsize=(WIDTH, 0.9 + 0.32 * len(groups)))
    for position, ((_, method, _), rows) in enumerate(groups):
        color, numbers = METHOD_COLORS[method], rows[value].to_numpy()
        axis.plot(numbers, np.full(len(numbers), position), ".", color=color, alpha=0.5, markersize=5)
        low, high = t_interval(rows[value])
        half = 0.0 if np.isnan(low) else (high - low) / 2
        axis.errorbar(numbers.mean(), position, xerr=half, fmt=METHOD_MARKERS[method], color=color, capsize=3)
    names = [f"{protocol}: {method}" + (f", λ = {lam:g}" if lam else "") for (protocol, method, lam), _ in groups]
    axis.set_yticks(range(len(groups)), names)
    axis.invert_yaxis()
    axis.set_xlabel(label)
    axis.grid(axis="x", linewidth=0.4)
    return figure

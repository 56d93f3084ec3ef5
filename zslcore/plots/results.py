"""Figures of results: paired differences of runs and of means, estimates with intervals, the surface of exponents."""

import textwrap
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from zslcore.analysis import t_interval
from zslcore.errors import InputError
from zslcore.methods import display_name
from zslcore.plots.style import (
    ACCURACIES,
    DATASET_LOOKS,
    GREY,
    METHOD_LOOKS,
    NULL_LINES,
    WIDTH,
    Look,
    measure_looks,
    measure_name,
    method_looks,
)


def forest(frame: pd.DataFrame, value: str, *, label: str, baseline: str = "") -> Figure:
    """Paired differences of each method from a baseline over the seeds of both; a panel for each protocol.

    A dot is a seed. The larger mark is their mean, with its 95 % t-interval; a single seed has none. The vertical line
    is the baseline, whose mean is in the title of the panel. Methods of the study have their colour, others are grey.

    Args:
        frame: a row for each run with the columns ``protocol``, ``method`` (key), ``lam``, ``seed`` and ``value``, see
            :func:`zslcore.study.results.tables.collect`. The baseline has one lambda.
        value: column that is compared.
        label: name of the value, with the unit.
        baseline: key of the method to compare with; by default the first of the frame.

    Example:
        >>> rows = [("cross_entropy", 0.0, 0, 60.0), ("mse", 10.0, 0, 61.5), ("mse", 100.0, 0, 60.5)]
        >>> frame = pd.DataFrame(rows, columns=["method", "lam", "seed", "H"]).assign(protocol="clean")
        >>> (axis,) = forest(frame, "H", label="H (points)").axes
        >>> [tick.get_text() for tick in axis.get_yticklabels()], axis.get_title()
        (['+ MSE, λ = 10', '+ MSE, λ = 100'], 'clean protocol\\ncross entropy: 60.0')
    """
    baseline = baseline or frame["method"].iloc[0]
    groups = frame[frame["method"] != baseline].groupby(["method", "lam"], sort=False)
    if baseline not in set(frame["method"]) or not len(groups):
        raise InputError(f"frame must hold runs of {baseline!r} and of another method, got {set(frame['method'])}")
    protocols, names = frame["protocol"].unique(), []
    size = (WIDTH, 1.1 + 0.3 * len(groups))
    figure, axes = plt.subplots(1, len(protocols), figsize=size, sharex=True, sharey=True, squeeze=False)
    baselines = {}
    for axis, protocol in zip(axes[0], protocols, strict=True):
        rows = frame[(frame["protocol"] == protocol) & (frame["method"] == baseline)]
        baselines[protocol] = rows.set_index("seed")[value]
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(f"{protocol} protocol\n{display_name(baseline)}: {baselines[protocol].mean():.1f}")
        axis.grid(axis="x", linewidth=0.4)
        axis.tick_params(axis="y", length=0)
    for position, ((method, lam), rows) in enumerate(groups):
        color, marker, _ = METHOD_LOOKS.get(method, Look(GREY, "o"))
        names.append(f"{display_name(method)}, λ = {lam:g}" if lam else display_name(method))
        for axis, protocol in zip(axes[0], protocols, strict=True):
            mine = rows[rows["protocol"] == protocol].set_index("seed")[value]
            difference = (mine - baselines[protocol]).dropna()
            axis.plot(difference, np.full(len(difference), position), ".", color=color, alpha=0.5, markersize=5)
            low, high = t_interval(difference)
            half = None if np.isnan(low) else (high - low) / 2
            axis.errorbar(difference.mean(), position, xerr=half, fmt=marker, color=color, capsize=3)
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel(f"difference from {display_name(baseline)}: {label}", fontsize="medium")
    return figure


def paired_differences(frame: pd.DataFrame, *, method: str) -> Figure:
    """Paired differences of one method from others with their intervals; a panel for each measure, a line at 0.

    Args:
        frame: the frame of :func:`zslcore.study.results.comparisons.compare`, with the columns or index levels
            ``measure`` and ``against`` (key of the other method) and the columns ``difference``, ``low`` and ``high``.
            Rows and panels keep its order. Differences of accuracies are in percentage points. A column ``series``,
            such as the data set, gives each of its texts a colour and marker of its own.
        method: key of the method.

    Example:
        >>> rows = [("H", "mse", 1.5, 0.5, 2.5), ("test_seen_theil", "mse", -0.02, -0.03, -0.01)]
        >>> frame = pd.DataFrame(rows, columns=["measure", "against", "difference", "low", "high"])
        >>> [axis.get_xlabel() for axis in paired_differences(frame, method="remse").axes]
        ['points', 'difference']
    """
    frame = frame if "measure" in frame else frame.reset_index()
    figure = contrasts(frame.assign(contrast=frame["against"].map(display_name)))
    figure.axes[0].set_ylabel(f"{display_name(method)} minus", fontsize=9)
    return figure


def contrasts(frame: pd.DataFrame, *, looks: Mapping[str, Look] | None = None) -> Figure:
    """Differences with their intervals; a line for each contrast, a panel for each measure, a vertical line at 0.

    Args:
        frame: the columns ``measure``, ``contrast`` (text), ``difference``, ``low`` and ``high``; rows and panels keep
            its order. A column ``unit`` gives the unit of each measure; without it, accuracies are in points. A column
            ``series``, such as the data set, gives each of its texts a colour and marker of its own.
        looks: the look of each series, by default those of data sets.

    Example:
        >>> rows = [("T1", "ReMSE − MSE", 1.5, 0.5, 2.5), ("T1", "permuted − MSE", -0.2, -0.4, 0.1)]
        >>> frame = pd.DataFrame(rows, columns=["measure", "contrast", "difference", "low", "high"])
        >>> (axis,) = contrasts(frame).axes
        >>> [tick.get_text() for tick in axis.get_yticklabels()], axis.get_xlabel()
        (['ReMSE − MSE', 'permuted − MSE'], 'points')
    """
    if frame.empty:
        raise InputError("frame must have at least one difference, got none")
    measures, names = frame["measure"].unique(), list(frame["contrast"].unique())
    series = list(frame["series"].unique()) if "series" in frame else []
    marks = looks or dict(zip(series, DATASET_LOOKS * len(series)))
    of_methods = method_looks(frame["against"]) if "against" in frame else {}
    height = 1.0 + len(names) * max(0.34, 0.2 * len(series)) + 0.25 * (len(series) > 1)
    figure, axes = plt.subplots(1, len(measures), figsize=(WIDTH, height), sharey=True, squeeze=False)
    for axis, measure in zip(axes[0], measures, strict=True):
        axis.axvline(0, color="black", linewidth=0.8)
        rows = frame[frame["measure"] == measure]
        for row in rows.itertuples():
            position, look = names.index(row.contrast), DATASET_LOOKS[0]
            if series:
                look = marks[row.series]
                position += (series.index(row.series) - (len(series) - 1) / 2) * 0.8 / len(series)
            elif of_methods:
                look = of_methods[row.against]
            axis.plot([row.low, row.high], [position, position], color=look.color, linewidth=1.6)
            axis.plot(row.difference, position, linestyle="", color=look.color, marker=look.marker, markersize=5.5)
        axis.set_title(textwrap.fill(measure_name(measure), max(64 // len(measures) - 2, 10)), fontsize=10)
        unit = rows["unit"].iloc[0] if "unit" in frame else "points" if measure in ACCURACIES else "difference"
        axis.set_xlabel(unit, fontsize=9)
        axis.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
        axis.grid(axis="x", linewidth=0.4)
        axis.tick_params(axis="y", length=0)
    labels = [textwrap.fill(name, 18 if "against" in frame else 30) for name in names]
    axes[0, 0].set_yticks(range(len(names)), labels, fontsize=9)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    if series:
        handles = [Line2D([], [], color=look.color, marker=look.marker, label=name) for name, look in marks.items()]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(marks), frameon=False, fontsize=9)
    return figure


def exponent_surface(frame: pd.DataFrame, value: str, *, label: str) -> Figure:
    """Mean over seeds of ``value`` for each p and p2, and the standard deviation beside it, as numbers on colour.

    The cell of a pair that was not run is empty, and so is the standard deviation (n - 1) of a single seed. If no pair
    has a second seed, this panel is left out. With more than eight exponents, the panels are below each other.

    Args:
        frame: one row for each run, with the columns ``p``, ``p2``, ``seed`` and ``value``.
        value: column that is shown, with one decimal.
        label: label of the colours, with the unit.

    Example:
        >>> frame = pd.DataFrame({"p": [0.0, 0.0, 0.5], "p2": 0.0, "seed": [0, 1, 0], "H": [60.0, 61.0, 62.0]})
        >>> mean, spread, *_ = exponent_surface(frame, "H", label="H (%)").axes
        >>> mean.get_title(), [text.get_text() for text in mean.texts], [text.get_text() for text in spread.texts]
        ('mean over 1 to 2 seeds', ['60.5', '62.0'], ['0.7'])
    """
    if frame.empty or frame.duplicated(["p", "p2", "seed"]).any():
        raise InputError(f"frame must hold one row for each p, p2 and seed, got {len(frame)} rows, none or some twice")
    groups = frame.groupby(["p", "p2"])[value]
    few, many = groups.size().min(), groups.size().max()
    tables = {"mean": groups.mean().unstack()}
    if many > 1:
        tables["standard deviation"] = groups.std().unstack()
    seeds = f"{few} to {many} seeds" if few < many else f"{many} seeds" if many > 1 else "one seed"
    count, panel = len(tables), max(2.2, 1 + 0.34 * len(tables["mean"]))
    if tables["mean"].shape[1] > 8:
        figure, axes = plt.subplots(count, 1, figsize=(WIDTH, panel * count), squeeze=False)
    else:
        figure, axes = plt.subplots(1, count, figsize=(WIDTH * count / 2, panel), squeeze=False)
    numbers, bar = {"fontsize": 7}, {"label": label}
    for axis, (name, table) in zip(axes.flat, tables.items(), strict=True):
        sns.heatmap(
            table, annot=True, fmt=".1f", annot_kws=numbers, cmap="viridis", linewidths=0.5, cbar_kws=bar, ax=axis
        )
        axis.set(title=f"{name} over {seeds}", xlabel="p2 (attributes within a class)")
        axis.set_ylabel("p (classes within\nan attribute)")
        axis.tick_params(axis="both", length=0, rotation=0)
        axis.invert_yaxis()
    return figure


def intervals(frame: pd.DataFrame, *, label: str, reference: float = 0.0) -> Figure:
    """Estimates with their intervals, one line each, under the heading of their group.

    Args:
        frame: the columns ``group``, ``name`` (key of a method, null model or measure), ``estimate``, ``low`` and
            ``high``, in the order in which they are drawn. A row without interval (NaN) is a mark alone. Methods have
            their colour and marker; null models are grey and hollow.
        label: axis label, with the unit.
        reference: position of the vertical line.

    Example:
        >>> rows = [("H", "remse", 1.5, 0.5, 2.5), ("H", "constant", 0.2, -0.4, 0.8)]
        >>> frame = pd.DataFrame(rows, columns=["group", "name", "estimate", "low", "high"])
        >>> [tick.get_text() for tick in intervals(frame, label="correlation").axes[0].get_yticklabels()]
        ['H', '+ ReMSE', 'null: constant']
    """
    if frame.empty:
        raise InputError("frame must hold at least one estimate, got none")
    looks, ticks = measure_looks(frame["name"]), []
    figure, axis = plt.subplots(figsize=(WIDTH, 0.7 + 0.2 * (len(frame) + frame["group"].nunique())))
    axis.axvline(reference, color="black", linewidth=0.6)
    for group, rows in frame.groupby("group", sort=False):
        ticks.append(str(group))
        for position, row in enumerate(rows.itertuples(), start=len(ticks)):
            color, marker, _ = looks[row.name]
            face = "white" if row.name in NULL_LINES else color
            axis.plot([row.low, row.high], [position, position], color=color, linewidth=1.4)
            axis.plot(row.estimate, position, ls="", color=color, marker=marker, markerfacecolor=face, markersize=5)
            ticks.append(measure_name(row.name))
    axis.set_yticks(range(len(ticks)), ticks)
    for tick in axis.get_yticklabels():
        tick.set(fontsize=8, fontweight="bold" if tick.get_text() in set(frame["group"].astype(str)) else "normal")
    axis.set(xlabel=label, ylim=(len(ticks) - 0.4, -0.6))
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", linewidth=0.4)
    return figure

"""Figures of results: runs of each method, the surface of the exponents, estimates with their intervals."""

from collections.abc import Collection

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from zslcore.analysis import t_interval
from zslcore.errors import InputError
from zslcore.plots.style import GREY, METHOD_COLORS, WIDTH, method_styles


def forest(frame: pd.DataFrame, value: str, *, label: str) -> Figure:
    """Every run as a dot and the mean with its 95 % t-interval, one line per method and protocol.

    ``frame`` has the columns of :func:`zslcore.study.tables.collect`; used are ``protocol``, ``method``, ``lam`` and
    the column ``value``, in the unit that ``label`` names. The interval is :func:`zslcore.analysis.t_interval` over the
    seeds; a single run has none. A line names its protocol where there are several.

    >>> frame = pd.DataFrame({"protocol": "clean", "method": "+ MSE", "lam": 10.0, "H": [60.0, 61.0, 62.0]})
    >>> (axis,) = forest(frame, "H", label="H (%)").axes
    >>> axis.lines[0].get_xdata().tolist(), [tick.get_text() for tick in axis.get_yticklabels()]
    ([60.0, 61.0, 62.0], ['+ MSE, λ = 10'])
    >>> (bar,) = axis.containers[0][2]  # 61 ± 4.30 (t with two degrees of freedom) × 1 / √3
    >>> bar.get_segments()[0][:, 0].round(2).tolist()
    [58.52, 63.48]
    """
    groups = list(frame.groupby(["protocol", "method", "lam"], sort=False))
    figure, axis = plt.subplots(figsize=(WIDTH, 0.9 + 0.32 * len(groups)))
    styles = method_styles(frame["method"])
    for position, ((_, method, _), rows) in enumerate(groups):
        color, numbers = styles[method]["color"], rows[value].to_numpy()
        axis.plot(numbers, np.full(len(numbers), position), ".", color=color, alpha=0.5, markersize=5)
        low, high = t_interval(rows[value])
        half = 0.0 if np.isnan(low) else (high - low) / 2
        axis.errorbar(numbers.mean(), position, xerr=half, fmt=styles[method]["marker"], color=color, capsize=3)
    told = "{protocol}: {method}" if frame["protocol"].nunique() > 1 else "{method}"  # what all share needs no saying
    names = [
        told.format(protocol=protocol, method=method) + (f", λ = {lam:g}" if lam else "")
        for (protocol, method, lam), _ in groups
    ]
    axis.set_yticks(range(len(groups)), names)
    axis.invert_yaxis()
    axis.set_xlabel(label)
    axis.grid(axis="x", linewidth=0.4)
    return figure


def exponent_surface(frame: pd.DataFrame, value: str, *, label: str) -> Figure:
    """Mean over seeds of ``value`` for each p and p2, and the standard deviation beside it, as numbers on colour.

    ``frame`` has the columns ``p``, ``p2``, ``seed`` and ``value``, a row for each run, with numbers that read well
    with one decimal, such as percent. A pair that was not run stays empty, and so does the deviation (n - 1) of a
    single seed; without a second seed there is no such panel. Raises InputError for two rows with the same p, p2 and
    seed, and for no row.

    >>> rows = [(0.0, 0.0, 0, 60.0), (0.0, 0.0, 1, 61.0), (0.5, 0.0, 0, 62.0)]
    >>> frame = pd.DataFrame(rows, columns=["p", "p2", "seed", "H"])
    >>> mean, spread, *_ = exponent_surface(frame, "H", label="H (%)").axes
    >>> mean.get_title(), [text.get_text() for text in mean.texts], [text.get_text() for text in spread.texts]
    ('mean over 1 to 2 seeds', ['60.5', '62.0'], ['0.7'])
    """
    if frame.empty or frame.duplicated(["p", "p2", "seed"]).any():
        raise InputError(f"frame must hold one row for each p, p2 and seed, got {len(frame)} rows, none or some twice")
    groups = frame.groupby(["p", "p2"])[value]
    tables = {"mean": groups.mean().unstack()}
    if groups.size().max() > 1:
        tables["standard deviation"] = groups.std().unstack()
    counts = groups.size()
    few, many = counts.min(), counts.max()
    seeds = f"{few} to {many} seeds" if few < many else f"{many} seeds" if many > 1 else "one seed"
    size = (WIDTH * len(tables) / 2, max(2.2, 1 + 0.34 * len(tables["mean"])))
    figure, axes = plt.subplots(1, len(tables), figsize=size, squeeze=False)
    style = {
        "annot": True,
        "fmt": ".1f",
        "cmap": "viridis",
        "annot_kws": {"fontsize": 7},
        "linewidths": 0.5,
        "cbar_kws": {"label": label},
    }
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        sns.heatmap(table, mask=table.isna(), ax=axis, **style)
        axis.set(title=f"{name} over {seeds}", xlabel="p2 (attributes within a class)")
        axis.set_ylabel("p (classes within\nan attribute)")
        axis.tick_params(axis="both", length=0, rotation=0)
        axis.invert_yaxis()
    return figure


def intervals(frame: pd.DataFrame, *, label: str, reference: float = 0.0, nulls: Collection[str] = ()) -> Figure:
    """Estimates with their intervals, a line each, under the heading of their group.

    ``frame`` has the columns ``group``, ``name``, ``estimate``, ``low`` and ``high``, in the order to be drawn; a
    row without an interval (NaN) is a mark alone. Methods have their colour and marker; names in ``nulls``, such as
    null models, are grey and hollow. The vertical line is at ``reference``. Raises InputError for no row.

    >>> rows = [("H", "+ ReMSE", 1.5, 0.5, 2.5), ("H", "+ MSE", 0.2, -0.4, 0.8)]
    >>> frame = pd.DataFrame(rows, columns=["group", "name", "estimate", "low", "high"])
    >>> (axis,) = intervals(frame, label="against cross entropy (points)").axes
    >>> [tick.get_text() for tick in axis.get_yticklabels()], list(map(float, axis.lines[1].get_xdata()))
    (['H', '+ ReMSE', '+ MSE'], [0.5, 2.5])
    """
    if frame.empty:
        raise InputError("frame must hold at least one estimate, got none")
    methods = [name for name in frame["name"] if name not in nulls]
    styles = method_styles(methods) if set(methods) & set(METHOD_COLORS) else {}
    places, ticks = [], []
    for group, rows in frame.groupby("group", sort=False):
        ticks += [str(group), *rows["name"]]
        places += [None, *rows.itertuples()]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.7 + 0.2 * len(ticks)))
    axis.axvline(reference, color="black", linewidth=0.6)
    for position, row in enumerate(places):
        if row is None:
            continue
        style = {"color": "0.15", "marker": "o"} | styles.get(row.name, {})
        if row.name in nulls:
            style = {"color": GREY, "marker": "o", "markerfacecolor": "white"}
        axis.plot([row.low, row.high], [position, position], color=style["color"], linewidth=1.4)
        axis.plot(row.estimate, position, markersize=5, linestyle="", **style)
    axis.set_yticks(range(len(ticks)), ticks)
    for tick, row in zip(axis.get_yticklabels(), places, strict=True):
        tick.set(fontweight="bold" if row is None else "normal", fontsize=8)
    axis.set(xlabel=label, ylim=(len(ticks) - 0.4, -0.6))
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", linewidth=0.4)
    return figure

"""Curves: seen against unseen accuracy, training, and the noise floor of the weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zslcore.errors import InputError
from zslcore.methods import display_name
from zslcore.plots.groups import spread
from zslcore.plots.style import GREY, NAVY, OLIVE, WIDTH, WINE, Look, method_looks


def seen_unseen_curves(
    curves: Mapping[str, Any],
    points: Mapping[str, tuple[float, float]] | None = None,
    *,
    clean: Mapping[str, float] | None = None,
) -> Figure:
    """Seen against unseen accuracy at every calibration, with the calibration of both protocols on each curve.

    A filled mark is the best harmonic mean on the test images (the oracle of the ``paper`` protocol), an open mark the
    calibration that was chosen on folds of the seen classes (the ``clean`` protocol). Axes start below the marks. The
    name and the results of a curve are at its left end.

    Args:
        curves: a :class:`zslcore.metrics.SeenUnseenCurve` for each method.
        points: further points (U, S) in [0, 1] by label, such as an uncalibrated classifier.
        clean: calibration constant gamma chosen on folds of the seen classes, for some or all curves.

    Example:
        >>> from zslcore.metrics import seen_unseen_curve
        >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5]])  # two seen classes, one unseen
        >>> curve = seen_unseen_curve(score, np.array([0, 1]), score[1:], np.array([2]), num_seen=2)
        >>> seen_unseen_curves({"remse": curve}, clean={"remse": 0.0}).axes[0].texts[0].get_text()
        '+ ReMSE\\nH 0.0 clean, 66.7 oracle; AUSUC 75.0'
    """
    if not curves:
        raise InputError("curves must hold at least one curve, got none")
    points, clean = points or {}, clean or {}
    if unknown := set(clean) - set(curves):
        raise InputError(f"clean must be for curves among {', '.join(curves)}, got {', '.join(sorted(unknown))}")
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6 + 0.28 * max(len(curves) - 6, 0)))
    looks, texts, marks = method_looks(curves), {}, list(points.values())
    for key, curve in curves.items():
        color, marker, _ = looks[key]
        texts[key] = f"{100 * curve.harmonic.max():.1f} oracle; AUSUC {100 * curve.ausuc:.1f}"
        seen, unseen, _, _ = curve.best()
        marks.append((unseen, seen))
        if key in clean:
            seen, unseen, harmonic, _ = curve.at(clean[key])
            axis.plot(100 * unseen, 100 * seen, marker, color=color, markersize=8, markerfacecolor="white", zorder=3)
            texts[key] = f"{100 * harmonic:.1f} clean, {texts[key]}"
            marks.append((unseen, seen))
        x, y, best = 100 * curve.unseen, 100 * curve.seen, [int(curve.harmonic.argmax())]
        axis.plot(x, y, color=color, lw=1.2, marker=marker, markersize=6, markevery=best)
    for index, (name, (unseen, seen)) in enumerate(points.items()):
        axis.plot(100 * unseen, 100 * seen, "x+1234"[index % 6], color="black", markersize=7, label=name, zorder=4)
    left, bottom = 10 * np.floor(np.clip(10 * np.min(marks, axis=0) - 0.5, 0, None))
    axis.set(xlabel="accuracy on unseen classes U (%)", ylabel="accuracy on seen classes S (%)")
    axis.set_xlim(left)
    axis.set_ylim(bottom)
    axis.yaxis.set(label_position="right", ticks_position="right")
    axis.spines["left"].set_visible(False)
    axis.spines["right"].set_visible(True)
    _label_left_ends(axis, curves, texts, looks)
    color, marker, _ = next(iter(looks.values())) if len(curves) == 1 else (GREY, "o", "")
    axis.plot([], [], marker, color=color, label="best H on the test images (oracle)")
    if clean:
        label = "γ chosen on folds of the seen classes (clean)"
        axis.plot([], [], marker, color=color, markerfacecolor="white", label=label)
    axis.legend(frameon=False, loc="lower left", fontsize=8)
    return figure


def _label_left_ends(
    axis: Axes, curves: Mapping[str, Any], texts: Mapping[str, str], looks: Mapping[str, Look]
) -> None:
    """Write name and text of each curve beside its left end; thin lines join them where labels need more room."""
    (left, _), (low, high), across = axis.get_xlim(), axis.get_ylim(), axis.get_yaxis_transform()
    ends = {key: np.interp(left, 100 * curve.unseen, 100 * curve.seen) for key, curve in curves.items()}
    keys = sorted(curves, key=ends.get)
    line = 0.3 / (0.85 * axis.get_figure().get_figheight()) * (high - low)  # two lines of text are 0.3 inches high
    for key, place in zip(keys, spread(np.array([ends[key] for key in keys]), line, low=low, high=high), strict=True):
        axis.plot([0, -0.03], [ends[key], place], color=looks[key].color, lw=0.8, transform=across, clip_on=False)
        text = f"{display_name(key)}\nH {texts[key]}"
        axis.text(-0.04, place, text, transform=across, fontsize=7, ha="right", va="center")


def noise_floor(
    counts: Sequence[int], expected: Mapping[int, Sequence[float]], simulated: Mapping[int, Sequence[float]]
) -> Figure:
    """Mean weight that noise alone produces, against the number of cells compared: lines in theory, dots simulated.

    ``expected`` and ``simulated`` hold the weight at each of ``counts`` (cells), by number of shots; see
    :func:`zslcore.analysis.noise_weight`.

    Example:
        >>> (axis,) = noise_floor([4, 16, 64], {2: [2.39, 3.77, 5.16]}, simulated={2: [2.4, 3.8, 5.1]}).axes
        >>> axis.get_xscale(), axis.lines[0].get_label(), axis.lines[0].get_ydata().tolist()
        ('log', '2 shots', [2.39, 3.77, 5.16])
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 2.8))
    colors = sns.color_palette("viridis", len(expected))
    for color, marker, (shots, values) in zip(colors, "osD^vP*X" * len(expected), expected.items(), strict=False):
        axis.plot(counts, values, color=color, label=f"{shots} shot" + ("s" if shots > 1 else ""))
        axis.plot(counts, simulated[shots], marker, color=color, markersize=4)
    axis.set(xscale="log", xlabel="cells that the minimum is taken over", ylabel="mean weight,\nnothing to rebalance")
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.minorticks_off()
    axis.legend(frameon=False)
    return figure


def training_history(history: pd.DataFrame) -> Figure:
    """Losses and accuracies of a run over its epochs: dashed for the mean of the folds, solid for the final training.

    Left is the cross entropy on the training images, right T1 and H on the folds and on the test split.
    ``history`` is that of a :class:`zslcore.training.run.Run`: a row for each task (``fold_1`` and so on, ``test``)
    and epoch, with ``classification_loss`` in nats, and ``T1`` and ``H`` in [0, 1].

    Example:
        >>> rows = [("fold_1", 0, 4.6, 0.1, 0.1), ("fold_2", 0, 4.4, 0.3, 0.1), ("test", 0, 4.5, 0.3, 0.25)]
        >>> history = pd.DataFrame(rows, columns=["task", "epoch", "classification_loss", "T1", "H"])
        >>> [line.get_ydata().tolist() for line in training_history(history).axes[1].lines]
        [[20.0], [10.0], [30.0], [25.0]]
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.6))
    final, values = history["task"] == "test", ["classification_loss", "T1", "H"]
    looks = ((~final, "folds", "training on folds", "--"), (final, "test", "final training", "-"))
    for rows, task, training, style in looks:
        part = history[rows].groupby("epoch", as_index=False)[values].mean()
        epoch, accuracy = part["epoch"], 100 * part[["T1", "H"]]
        left.plot(epoch, part["classification_loss"], f".{style}", color=NAVY, label=training)
        right.plot(epoch, accuracy["T1"], f".{style}", color=OLIVE, markersize=5, label=f"T1, {task}")
        right.plot(epoch, accuracy["H"], f"x{style}", color=WINE, markersize=5, label=f"H, {task}")
    left.set(xlabel="epoch", ylabel="cross entropy on its\ntraining images (nats)", yscale="log")
    right.set(xlabel="epoch", ylabel="accuracy (%)")
    for axis in (left, right):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(frameon=False, fontsize=7, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return figure

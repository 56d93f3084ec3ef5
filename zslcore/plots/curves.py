"""Curves: seen over unseen accuracy, training, and the noise floor of the weights."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from zslcore.errors import InputError
from zslcore.metrics import SeenUnseenCurve
from zslcore.plots.style import GREY, NAVY, OLIVE, WIDTH, WINE, method_styles


def seen_unseen_curves(
    curves: Mapping[str, SeenUnseenCurve],
    points: Mapping[str, tuple[float, float]] | None = None,
    *,
    clean: Mapping[str, float] | None = None,
) -> Figure:
    """Seen over unseen accuracy at every calibration, with the calibration of both protocols on each curve.

    A filled mark is the best harmonic mean on the curve's own test images, the oracle of the ``paper`` protocol; an
    open one the calibration constant gamma that was chosen on the validation split, given in ``clean`` by the name
    of the curve. ``points`` maps any other label to (U, S) in [0, 1], such as the uncalibrated classifier. Raises
    InputError for a gamma of a curve that is not given.
    """
    unknown = set(clean or {}) - set(curves)
    if unknown:
        raise InputError(f"clean must be for curves among {', '.join(curves)}, got {', '.join(sorted(unknown))}")
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    styles = method_styles(curves)
    for name, style in styles.items():
        curve = curves[name]
        label = f"{name}: AUSUC {100 * curve.ausuc:.1f}, best H {100 * curve.harmonic.max():.1f}"
        if name in (clean or {}):
            seen, unseen, harmonic, _ = curve.at(clean[name])
            mark = {"linestyle": "", "markersize": 8, "markerfacecolor": "white", "zorder": 3}
            axis.plot(100 * unseen, 100 * seen, **mark, **style)
            label += f", clean H {100 * harmonic:.1f}"
        best = [int(curve.harmonic.argmax())]
        axis.plot(100 * curve.unseen, 100 * curve.seen, lw=1.2, markersize=6, markevery=best, label=label, **style)
    for index, (name, (unseen, seen)) in enumerate((points or {}).items()):
        mark = "x+1234"[index % 6]
        axis.plot(100 * unseen, 100 * seen, mark, color="black", markersize=7, label=name, zorder=4)
    axis.set(xlabel="accuracy on unseen classes U (%)", ylabel="accuracy on seen classes S (%)", xlim=0, ylim=0)
    style = {"color": GREY, "marker": "o"} if len(curves) > 1 else next(iter(styles.values()))
    marks = [Line2D([], [], linestyle="", label="best H on the test images (oracle)", **style)]
    if clean:
        text = "γ chosen on the validation split (clean)"
        marks.append(Line2D([], [], linestyle="", markerfacecolor="white", label=text, **style))
    figure.legend(
        handles=[*axis.get_legend_handles_labels()[0], *marks], frameon=False, loc="outside right upper", fontsize=8
    )
    return figure


def noise_floor(
    counts: Sequence[int], expected: Mapping[int, Sequence[float]], simulated: Mapping[int, Sequence[float]]
) -> Figure:
    """Mean weight that noise alone produces against the number of cells compared: lines in theory, dots simulated.

    ``expected`` and ``simulated`` map the number of shots to one value for each of ``counts``.
    """
    figure, axis = plt.subplots(figsize=(0.6 * WIDTH, 2.8))
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
    """Losses and accuracies over the epochs of a run: dashed of its training for validation, solid of the final one.

    Left the cross entropy on the training images of each, right T1 and H on the validation and on the test split.
    The colours are those of no method.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.6))
    for task, training, style in (("validation", "training for validation", "--"), ("test", "final training", "-")):
        part = history[history["task"] == task]
        left.plot(part["epoch"], part["classification_loss"], f".{style}", color=NAVY, label=training)
        for name, color, marker in (("T1", OLIVE, "."), ("H", WINE, "x")):
            look = {"color": color, "marker": marker, "markersize": 5, "linestyle": style, "label": f"{name}, {task}"}
            right.plot(part["epoch"], 100 * part[name], **look)
    left.set(xlabel="epoch", ylabel="cross entropy on its\ntraining images (nats)", yscale="log")
    right.set(xlabel="epoch", ylabel="accuracy (%)")
    for axis in (left, right):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(frameon=False, fontsize=7, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return figure

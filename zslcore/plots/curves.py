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

    >>> import numpy as np
    >>> from zslcore.metrics import seen_unseen_curve
    >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5]])  # two seen classes, one unseen
    >>> curve = seen_unseen_curve(score, np.array([0, 1]), score[1:], np.array([2]), num_seen=2)
    >>> (axis,) = seen_unseen_curves({"+ ReMSE": curve}, clean={"+ ReMSE": 0.0}).axes
    >>> axis.lines[-1].get_label()  # from U = 0, S = 1 over the best, U = 1, S = 1/2, to U = 1, S = 0
    '+ ReMSE: AUSUC 75.0, best H 66.7, clean H 0.0'
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

    ``expected`` and ``simulated`` map the number of shots to one weight, at least 1, for each of ``counts``; see
    :func:`zslcore.analysis.noise_weight`. The axis of the counts is logarithmic: for two shots the law 1 + ln(count) is
    a straight line.

    >>> from zslcore.analysis import noise_weight
    >>> theory = [noise_weight(count, shots=2) for count in (4, 16, 64)]
    >>> (axis,) = noise_floor([4, 16, 64], {2: theory}, simulated={2: [2.4, 3.8, 5.1]}).axes
    >>> axis.get_xscale(), [round(float(y) - 1, 2) for y in axis.lines[0].get_ydata()]  # each time ln 4 more
    ('log', [1.39, 2.77, 4.16])
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
    The colours are those of no method. ``history`` is that of a run (:class:`zslcore.training.run.Run`), a row for each
    task (``validation`` or ``test``) and epoch: ``classification_loss`` in nats, ``T1`` and ``H`` as shares in [0, 1].

    >>> rows = [("validation", 0, 4.6, 0.2, 0.1), ("validation", 1, 3.9, 0.5, 0.4), ("test", 0, 4.5, 0.3, 0.25)]
    >>> history = pd.DataFrame(rows, columns=["task", "epoch", "classification_loss", "T1", "H"])
    >>> left, right = training_history(history).axes
    >>> {line.get_label(): line.get_ydata().tolist() for line in right.lines if line.get_label().startswith("H")}
    {'H, validation': [10.0, 40.0], 'H, test': [25.0]}
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

"""The two protocols: how the epoch and gamma of the reported accuracies are chosen. Accuracies are in [0, 1]."""

from collections.abc import Sequence

import numpy as np

from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import ZeroShotTask
from zslcore.training.evaluation import Evaluation

ACCURACIES = ("T1", "U", "S", "H", "gamma", "AUSUC")


def fold_config(config: RunConfig, benchmark: Benchmark, fold: ZeroShotTask) -> RunConfig:
    """Settings to train on a fold of the seen classes, with as many steps per class as the final training.

    Example:
        >>> from zslcore.data.tasks import fold_tasks
        >>> fold = fold_tasks(benchmark, 2)[0]  # trains on 2 of the 4 seen classes
        >>> fold_config(RunConfig(dataset="SYNTH", episodes=100), benchmark, fold).episodes
        50
    """
    share = fold.num_seen / len(benchmark.seen_classes)
    return config.replace(episodes=max(1, round(share * config.episodes)))


def validation_means(folds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean accuracies and gamma over the folds.

    ``folds`` has :meth:`Evaluation.best` of each fold after its last epoch.

    Example:
        >>> first = {"T1": 0.7, "U": 0.2, "S": 0.6, "H": 0.3, "gamma": 1.0, "AUSUC": 0.3}
        >>> validation_means([first, first | {"gamma": 2.0}])["gamma"]
        1.5
    """
    return {name: float(np.mean([row[name] for row in folds])) for name in ACCURACIES}


def clean_protocol(gamma: float, epoch: int, test: Evaluation) -> dict[str, float]:
    """Result: test accuracies after the last epoch, at the mean gamma of the folds.

    Args:
        gamma: mean of the best gammas of the folds.
        epoch: the last epoch, counted from 0.
        test: evaluation on the test split after that epoch.

    Example:
        >>> from zslcore.metrics import seen_unseen_curve
        >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5], [2.0, 0.0, 1.0]])  # two seen classes, one unseen
        >>> curve = seen_unseen_curve(score[:2], np.array([0, 1]), score[2:], np.array([2]), num_seen=2)
        >>> clean_protocol(0.7, 4, Evaluation(t1=1.0, curve=curve))["S"]  # at the best gamma, 1.5, it is 0.5
        0.5
    """
    return test.at(gamma) | {"epoch": epoch}


def paper_protocol(rows: list[dict[str, float]]) -> dict[str, float]:
    """Accuracies chosen on the test split: T1, (U, S, H) and AUSUC, each at its best epoch; the first one if equal.

    ``rows`` has :meth:`Evaluation.best` on the test split after each epoch. If H is NaN, T1 chooses all epochs.

    Example:
        >>> first = {"T1": 0.7, "U": 0.2, "S": 0.6, "H": 0.3, "gamma": 1.0, "AUSUC": 0.3}
        >>> paper_protocol([first, first | {"T1": 0.6, "H": 0.4, "AUSUC": 0.2}])  # doctest: +ELLIPSIS
        {'T1': 0.7, 'U': 0.2, 'S': 0.6, 'H': 0.4, 'gamma': 1.0, 'AUSUC': 0.3, 'epoch_T1': 0, 'epoch': 1, ...}
    """
    best = {"T1": int(np.argmax([row["T1"] for row in rows]))}
    for name in ("H", "AUSUC"):
        values = [row[name] for row in rows]
        best[name] = best["T1"] if np.isnan(values).all() else int(np.argmax(values))
    at_best_h = {name: rows[best["H"]][name] for name in ("U", "S", "H", "gamma")}
    accuracies = {"T1": rows[best["T1"]]["T1"], **at_best_h, "AUSUC": rows[best["AUSUC"]]["AUSUC"]}
    return accuracies | {"epoch_T1": best["T1"], "epoch": best["H"], "epoch_AUSUC": best["AUSUC"]}

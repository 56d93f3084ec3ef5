"""The two protocols: how the epoch and gamma of the reported accuracies are chosen."""

import numpy as np

from zslcore.training.evaluation import Evaluation


def clean_protocol(validation: dict[str, float], test: Evaluation, epoch: int) -> dict[str, float]:
    """Test accuracies at the epoch and gamma that were chosen on the validation split.

    Args:
        validation: the row of the validation training at the chosen epoch; only its gamma is used.
        test: the evaluation on the test split after that epoch of the final training.
        epoch: the chosen epoch, counted from 0.

    Returns:
        Accuracies in [0, 1], gamma and epoch.

    Example:
        >>> from zslcore.metrics import seen_unseen_curve
        >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5], [2.0, 0.0, 1.0]])  # two seen classes and an unseen one
        >>> curve = seen_unseen_curve(score[:2], np.array([0, 1]), score[2:], np.array([2]), num_seen=2)
        >>> clean_protocol({"gamma": 0.7}, Evaluation(t1=1.0, curve=curve), epoch=4)  # the best gamma would be 1.5
        {'T1': 1.0, 'U': 0.0, 'S': 0.5, 'H': 0.0, 'AUSUC': 0.5, 'gamma': 0.7, 'epoch': 4}
    """
    seen, unseen, harmonic, gamma = test.curve.at(validation["gamma"])
    accuracies = {"T1": test.t1, "U": unseen, "S": seen, "H": harmonic, "AUSUC": test.curve.ausuc}
    return accuracies | {"gamma": gamma, "epoch": epoch}


def paper_protocol(rows: list[dict[str, float]]) -> dict[str, float]:
    """Oracle accuracies: T1, (U, S, H) and AUSUC each at its best epoch, with the best gamma, on the test split.

    Args:
        rows: :meth:`zslcore.training.evaluation.Evaluation.best` on the test split after each epoch.

    Returns:
        Accuracies in [0, 1], gamma, and the three epochs, counted from 0; the first of equals.

    Example:
        >>> first = {"T1": 0.7, "U": 0.2, "S": 0.6, "H": 0.3, "gamma": 1.0, "AUSUC": 0.3}
        >>> second = {"T1": 0.5, "U": 0.4, "S": 0.4, "H": 0.4, "gamma": 2.0, "AUSUC": 0.2}
        >>> {name: value for name, value in paper_protocol([first, second]).items() if "epoch" not in name}
        {'T1': 0.7, 'U': 0.4, 'S': 0.4, 'H': 0.4, 'gamma': 2.0, 'AUSUC': 0.3}
    """
    best = {name: int(np.argmax([row[name] for row in rows])) for name in ("T1", "H", "AUSUC")}
    at_best_h = {name: rows[best["H"]][name] for name in ("U", "S", "H", "gamma")}
    accuracies = {"T1": rows[best["T1"]]["T1"], **at_best_h, "AUSUC": rows[best["AUSUC"]]["AUSUC"]}
    return accuracies | {"epoch_T1": best["T1"], "epoch": best["H"], "epoch_AUSUC": best["AUSUC"]}

"""The two protocols: how the epoch and gamma of the reported accuracies are chosen."""

import numpy as np

from zslcore.training.evaluation import Evaluation


def clean_protocol(validation: dict[str, float], test: Evaluation, epoch: int) -> dict[str, float]:
    """Accuracies of a test evaluation at the gamma of the validation row; both are of the chosen epoch."""
    seen, unseen, harmonic, gamma = test.curve.at(validation["gamma"])
    accuracies = {"T1": test.t1, "U": unseen, "S": seen, "H": harmonic, "AUSUC": test.curve.ausuc}
    return accuracies | {"gamma": gamma, "epoch": epoch}


def paper_protocol(rows: list[dict[str, float]]) -> dict[str, float]:
    """Oracle accuracies: T1, (U, S, H) and AUSUC each at its best epoch, with the best gamma, on the test split.

    ``rows`` has :meth:`zslcore.training.evaluation.Evaluation.best` after each epoch. The epochs are counted from 0;
    among equals the first counts.

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

"""Comparisons of methods: paired differences over seeds, their intervals, and the claims they decide."""

from collections.abc import Iterable

import pandas as pd

from zslcore.analysis import t_interval, verdict
from zslcore.errors import InputError
from zslcore.methods import METHODS, SAME_TARGETS, display_name
from zslcore.plots.style import ACCURACIES, measure_name


def paired_differences(frame: pd.DataFrame, method: str, baseline: str, value: str = "H") -> pd.Series:
    """``method`` minus ``baseline`` for each seed that both have run.

    Runs with the same seed share initialisation and episodes, so their difference varies less than their values.

    Args:
        frame: one data set and one protocol.
        method: key of the method.
        baseline: key of the method to compare with.
        value: column to compare.

    Returns:
        One difference per seed; the index holds the seeds.

    Raises:
        InputError: if a method has no run, or the two share no seed.

    Example:
        >>> frame = pd.DataFrame({"method": ["a", "b"], "seed": [0, 0], "H": [60.0, 61.5]})
        >>> paired_differences(frame, "b", "a").to_dict()
        {0: 1.5}
    """
    check_seeds(frame, ["method"])
    runs, methods = frame.set_index("seed"), list(dict.fromkeys(frame["method"]))
    for name in (method, baseline):
        if name not in methods:
            raise InputError(f"method must be one of {', '.join(sorted(methods))}, got {name!r}")
    first, second = (runs.loc[runs["method"] == name, value] for name in (method, baseline))
    difference = (first - second).dropna().sort_index()
    if difference.empty:
        raise InputError(f"{method!r} and {baseline!r} have no seed in common")
    return difference.rename("difference")


def check_seeds(frame: pd.DataFrame, keys: list[str]) -> None:
    """Raise InputError if two rows have the same seed and the same keys, because they are not repetitions."""
    repeated = frame[frame.duplicated([*keys, "seed"])] if "seed" in frame else frame[:0]
    if len(repeated):
        method, seed = repeated.iloc[0][["method", "seed"]]
        raise InputError(
            f"results must hold one run per method and seed, got two of {method} with seed {seed}: "
            "select one protocol and one group of settings first"
        )


def compare(frame: pd.DataFrame, method: str, values: Iterable[str], *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare ``method`` with every other method of a frame, by paired differences over the seeds.

    Errors are not compared with those of a method that has other class vectors as targets.

    Args:
        frame: one data set and one protocol.
        method: key of the method.
        values: columns to compare; accuracies are better if higher, everything else (errors) if lower.
        confidence: level of the t-intervals, which are not corrected for the number of comparisons.

    Returns:
        A row per value and other method, indexed by ``measure`` and ``against``: the ``claim`` that the method is
        better, the mean ``difference`` in the unit of the value, ``low``, ``high``, and the ``verdict`` on the claim.

    Raises:
        InputError: if there is no other method, or as :func:`paired_differences`.

    Example:
        >>> columns = {"method": ["a"] * 3 + ["b"] * 3, "seed": [0, 1, 2] * 2, "H": [60, 65, 70, 61, 67, 71.0]}
        >>> compare(pd.DataFrame(columns), "b", ["H"]).round(2).values.tolist()
        [['b has a higher H than a', 1.33, -0.1, 2.77, 'inconclusive']]
    """
    baselines = [name for name in dict.fromkeys(frame["method"]) if name != method]
    if not baselines:
        raise InputError(f"results must hold another method than {method!r} to compare it with")
    rows = []
    for value in values:
        for baseline in baselines:
            if not higher_is_better(value) and baseline in METHODS and baseline not in SAME_TARGETS:
                continue  # its errors are distances from other class vectors
            difference = paired_differences(frame, method, baseline, value)
            low, high = t_interval(difference, confidence=confidence)
            claim = comparison_claim(display_name(method), display_name(baseline), value)
            judgement = verdict(low, high) if higher_is_better(value) else verdict(-high, -low)
            rows.append((value, baseline, claim, difference.mean(), low, high, judgement))
    columns = ["measure", "against", "claim", "difference", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index(["measure", "against"])


def higher_is_better(measure: str) -> bool:
    """Whether a measure is an accuracy, a precision or one of attention; all others are of errors."""
    return measure in (*ACCURACIES, "labelled_T1") or measure.endswith(("_precision", "_pointing", "_energy"))


def comparison_claim(method: str, baseline: str, measure: str) -> str:
    """The claim that a method is better than a baseline, both by display name.

    Example:
        >>> comparison_claim("+ ReMSE", "+ MSE", "test_seen_theil")
        '+ ReMSE has a lower Theil index on seen classes than + MSE'
    """
    wanted = "higher" if higher_is_better(measure) else "lower"
    return f"{method} has a {wanted} {measure_name(measure).replace(', ', ' on ')} than {baseline}"

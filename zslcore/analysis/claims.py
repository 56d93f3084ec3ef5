"""The claims of the paper's abstract as sentences about error matrices, with estimates, intervals and verdicts.

Every function returns a frame with the columns ``claim`` (the sentence), ``estimate``, ``low``, ``high`` and
``verdict`` (see :func:`zslcore.analysis.verdict`). The verdict is about the sentence of its row.

Most functions take error matrices by the key of a method or null model (:func:`zslcore.analysis.matched_nulls`) and
return a row for each matrix. The first row judges whether the estimate of the first matrix is above 0. Every other row
judges whether the first estimate is larger than the estimate of this row, by the interval of their difference over
paired resamples. ``low`` and ``high`` are the 95 % interval of the row's own estimate. Intervals are not corrected for
multiple comparisons. If a class is absent (a row of NaN) from one matrix, it is left out of all matrices. ``resamples``
is the number of bootstrap resamples, and ``axis`` is ``"class"`` or ``"attribute"``.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import check_shapes, present_classes
from zslcore.analysis.inequality import inequality
from zslcore.analysis.intervals import bootstrap, percentile_interval, t_interval, verdict
from zslcore.analysis.label_value import (
    correlated_rows,
    mean_correlation,
    slope_of_rows,
)
from zslcore.errors import InputError
from zslcore.methods import display_name

Matrices = Mapping[str, Float[np.ndarray, "C A"]]
COLUMNS = ["claim", "estimate", "low", "high", "verdict"]
NAMES = {"mean": "mean error", "theil": "Theil index of the errors", "gini": "Gini index of the errors"}


@takes_tables
def label_claim(
    labels: Float[np.ndarray, "C A"],
    errors: Matrices,
    *,
    axis: str = "class",
    method: str = "pearson",
    permutations: int = 500,
    resamples: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Claim 1: the error rises with the label value.

    The estimate is :func:`zslcore.analysis.label_correlation`. It measures how closely the error follows the label.
    Noise lowers it, so use :func:`slope_claim` to compare how strongly errors depend on the label. The last row,
    ``"permuted"``, has the mean and the central 95 % of the correlations with permuted labels. All rows have the same
    permutation, because classes share hard attributes and attributes share hard classes.

    Args:
        labels: label value of each class and attribute.
        errors: error matrices by key.
        axis: ``"class"`` or ``"attribute"``.
        method: ``"pearson"`` or ``"spearman"``.
        permutations: number of permutations; with 0 there is no last row.
        resamples, seed: number of bootstrap resamples, and seed of resamples and permutations.

    Example:
        >>> labels = np.random.default_rng(0).random((8, 20))
        >>> noise = np.random.default_rng(1).random((8, 20))
        >>> label_claim(labels, {"mse": labels + noise / 2, "constant": noise})["verdict"].to_dict()
        {'mse': 'supported', 'constant': 'supported', 'permuted': 'supported'}
    """
    pairs = {key: correlated_rows(labels, matrix, axis, method) for key, matrix in _in_common(errors).items()}
    claims = [
        f"Within {_an(axis)}, the error rises with the label.",
        f"Within {_an(axis)}, the error follows the label more closely for {{}} than for {{}}.",
    ]
    frame = _compared(claims, mean_correlation, pairs, resamples, seed)
    if permutations:
        x, y = next(iter(pairs.values()))
        rng = np.random.default_rng(seed)
        null = np.array([mean_correlation(x[:, rng.permutation(x.shape[1])], y) for _ in range(permutations)])
        low, high = np.quantile(null, [0.025, 0.975])
        measured = frame["estimate"].iloc[0]
        claim = f"Within {_an(axis)}, the error follows the label more closely than permuted labels."
        frame.loc["permuted"] = [claim, null.mean(), low, high, verdict(measured - high, measured - low)]
    return frame


@takes_tables
def slope_claim(
    labels: Float[np.ndarray, "C A"], errors: Matrices, *, axis: str = "class", resamples: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Claim 1: the error has a positive slope over the label value, and a steeper one than a null model's.

    The estimate is :func:`zslcore.analysis.relative_slope`.

    Example:
        >>> labels, rng = np.random.default_rng(0).random((8, 20)), np.random.default_rng(1)
        >>> errors = {"mse": labels + rng.random((8, 20)), "constant": rng.random((8, 20))}
        >>> slope_claim(labels, errors)["claim"]["constant"]
        'Within a class, the error rises more steeply for + MSE than for null: constant.'
    """
    claims = [
        f"Within {_an(axis)}, the error rises with the label.",
        f"Within {_an(axis)}, the error rises more steeply for {{}} than for {{}}.",
    ]
    return _slopes(claims, labels, errors, axis, resamples, seed)


@takes_tables
def agreement_claim(errors: Matrices, *, resamples: int = 500, seed: int = 0) -> pd.DataFrame:
    """Claim 2: classes agree on which attributes have large errors.

    The estimate is the correlation of a class's errors with the mean errors of the other classes, averaged over
    classes. It is 0 if all attributes have the same distribution of errors, and NaN for a single class.

    Example:
        >>> hardness, rng = np.linspace(1, 3, 20), np.random.default_rng(0)
        >>> noise = rng.exponential(size=(2, 8, 20))
        >>> agreement_claim({"mse": hardness * noise[0], "constant": noise[1]})["verdict"].to_dict()
        {'mse': 'supported', 'constant': 'supported'}
    """
    pairs = {}
    for key, matrix in _in_common(errors).items():
        y = matrix[present_classes(matrix)].astype(np.float64)
        others = (y.sum(0) - y) / max(len(y) - 1, 1)  # a single class gets zeros, which have no correlation
        pairs[key] = others, y
    claims = [
        "The classes agree on which attributes have large errors.",
        "The classes agree more on this for {} than for {}.",
    ]
    return _compared(claims, mean_correlation, pairs, resamples, seed)


@takes_tables
def evenness_claim(
    method: Sequence[Float[np.ndarray, "C A"]],
    baseline: Sequence[Float[np.ndarray, "C A"]],
    *,
    names: tuple[str, str] = ("the method", "the baseline"),
) -> pd.DataFrame:
    """Claim 3: the errors of a method are smaller and more even than those of a baseline.

    A row for each statistic of all cells (:func:`zslcore.analysis.inequality`). The estimate is the change from
    baseline to method in percent, averaged over seeds, with its t-interval. A change below 0 supports the claim.

    Args:
        method: an error matrix for each seed.
        baseline: error matrices of the same seeds in the same order.
        names: keys of method and baseline, for the sentences.

    Example:
        >>> matrices = np.random.default_rng(0).exponential(size=(3, 4, 6))
        >>> frame = evenness_claim([1 + matrix for matrix in matrices], list(matrices), names=("remse", "mse"))
        >>> frame.loc["theil", ["claim", "verdict"]].tolist()
        ['The Theil index of the errors is smaller for + ReMSE than for + MSE.', 'supported']
    """
    if len(method) != len(baseline) or not len(method):
        counts = f"{len(method)} and {len(baseline)}"
        raise InputError(f"method and baseline must have one matrix for each seed, got {counts}")
    ours = pd.DataFrame([inequality(matrix).loc["cells"] for matrix in method]).reset_index(drop=True)
    theirs = pd.DataFrame([inequality(matrix).loc["cells"] for matrix in baseline]).reset_index(drop=True)
    change, rows = 100 * (ours / theirs - 1), []
    for statistic in change:
        low, high = t_interval(change[statistic])
        measure = NAMES.get(statistic, f"{statistic} of the errors")
        claim = f"The {measure} is smaller for {display_name(names[0])} than for {display_name(names[1])}."
        rows.append((claim, change[statistic].mean(), low, high, verdict(-high, -low)))
    return pd.DataFrame(rows, list(change), COLUMNS)


def _slopes(
    claims: Sequence[str], labels: np.ndarray, errors: Matrices, axis: str, resamples: int, seed: int
) -> pd.DataFrame:
    cells = {}
    for key, matrix in _in_common(errors).items():
        x, y = correlated_rows(labels, matrix, axis)
        cells[key] = (x, y) if axis == "class" else (x.T, y.T)  # classes are resampled before attributes
    statistic = slope_of_rows if axis == "class" else lambda x, y: slope_of_rows(x.T, y.T)
    return _compared(claims, statistic, cells, resamples, seed)


def _compared(
    claims: Sequence[str],
    statistic: Callable[..., float],
    arrays: Mapping[str, tuple[np.ndarray, ...]],
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """A row for each key: the first claim is about the first key, the second compares the first key with others."""
    estimates = {key: statistic(*given) for key, given in arrays.items()}
    draws = {key: bootstrap(statistic, *given, resamples=resamples, seed=seed) for key, given in arrays.items()}
    first, rows = next(iter(draws)), []
    for key, own in draws.items():
        above = own if key == first else draws[first] - own
        judgement = verdict(*percentile_interval(above.round(12)))  # equal draws may differ by rounding
        if np.isnan(estimates[first]) or np.isnan(estimates[key]):  # resamples may be defined where the estimate is not
            judgement = verdict(np.nan, np.nan)
        claim = claims[0] if key == first else claims[1].format(display_name(first), display_name(key))
        rows.append((claim, estimates[key], *percentile_interval(own), judgement))
    return pd.DataFrame(rows, list(draws), COLUMNS)


def _in_common(errors: Matrices) -> dict[str, Float[np.ndarray, "C A"]]:
    """The matrices, with a row of NaN in all of them for every class that is absent from one."""
    if not errors:
        raise InputError("errors must have at least one matrix, got none")
    first = next(iter(errors.values()))
    for matrix in errors.values():
        check_shapes(first, matrix, "error matrices")
    present = np.all([present_classes(matrix, signed=True) for matrix in errors.values()], axis=0)
    return {key: np.where(present[:, None], matrix, np.nan) for key, matrix in errors.items()}


def _an(axis: str) -> str:
    return "an attribute" if axis == "attribute" else "a class"

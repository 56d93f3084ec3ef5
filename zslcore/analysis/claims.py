"""The three claims of the paper's abstract, put as questions to error matrices: estimate, interval, verdict.

Every function takes error matrices by name. The first is judged; it is compared with each of the others, which are null
models (:func:`zslcore.analysis.matched_nulls`) or another method. Each returns a frame with a row for each name and the
columns ``estimate``, ``low``, ``high`` (its own 95 % interval) and ``verdict``: whether the first one's estimate is
larger than the row's, by the interval of the difference over the same resamples, so that what both share cancels
(:data:`zslcore.analysis.intervals.VERDICTS`). The first row's verdict is whether its own estimate is above 0. Intervals
are not corrected for their number. A class that one matrix lacks (a row of NaN) is left out of all. Raises InputError
for no matrix and for matrices of other shapes.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslcore.analysis._checks import check_shapes, present_classes
from zslcore.analysis.correlation import partial_correlation
from zslcore.analysis.inequality import inequality
from zslcore.analysis.intervals import percentile_interval, t_interval, verdict
from zslcore.analysis.label_value import (
    LabelCorrelation,
    label_correlation,
    label_partial_correlation,
)
from zslcore.analysis.slope import relative_slope, slope_of
from zslcore.errors import InputError

Matrices = Mapping[str, Float[np.ndarray, "C A"]]
COLUMNS = ["estimate", "low", "high", "verdict"]
PERMUTED = "null: permuted"


def label_claim(
    labels: Float[np.ndarray, "C A"],
    errors: Matrices,
    *,
    axis: str = "class",
    method: str = "pearson",
    permutations: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Claim 1: does the error go with the value of the label?

    The estimate is the mean correlation of :func:`zslcore.analysis.label_correlation`, whose arguments and errors these
    are: the part of the errors' variance that goes with the label, which all else that makes errors differ lowers. To
    compare how strongly the error depends on the label, see :func:`slope_claim`. A last row, ``"null: permuted"``, has
    the middle 95 % of what permuted labels give, and the verdict whether the measured correlation lies above it:
    whether there is any.

    >>> labels = np.random.default_rng(0).random((8, 20))
    >>> noise = np.random.default_rng(1).random((8, 20))
    >>> label_claim(labels, {"measured": labels + noise / 2, "null: noise": noise})["verdict"].to_dict()
    {'measured': 'holds', 'null: noise': 'holds', 'null: permuted': 'holds'}
    """
    errors, how = _in_common(errors), {"axis": axis, "method": method, "seed": seed}
    measured = label_correlation(labels, next(iter(errors.values())), permutations=permutations, **how)
    found = {name: label_correlation(labels, matrix, **how) for name, matrix in errors.items()}
    frame = _compared(found)
    if permutations:
        low, high = np.quantile(measured.null, [0.025, 0.975])
        told = verdict(measured.mean - high, measured.mean - low)
        frame.loc[PERMUTED] = [measured.null.mean(), low, high, told]
    return frame


def slope_claim(
    labels: Float[np.ndarray, "C A"], errors: Matrices, *, axis: str = "class", resamples: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Claim 1: does the error rise with the label, and more steeply than a null model's does?

    The estimate is :func:`zslcore.analysis.relative_slope`; intervals are from classes and attributes drawn anew
    together. Errors as there.

    >>> labels, rng = np.random.default_rng(0).random((8, 20)), np.random.default_rng(1)
    >>> errors = {"measured": labels + rng.random((8, 20)), "null": rng.random((8, 20))}
    >>> slope_claim(labels, errors)["verdict"].to_dict()
    {'measured': 'holds', 'null': 'holds'}
    """
    errors = _in_common(errors)
    estimates = [relative_slope(labels, matrix, axis=axis) for matrix in errors.values()]
    statistic = slope_of if axis == "class" else lambda x, y: slope_of(x.T, y.T)
    return _by_draws(errors, estimates, _joint_draws(statistic, [labels], list(errors.values()), resamples, seed))


def partial_claim(
    labels: Float[np.ndarray, "C A"], errors: Matrices, *, resamples: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Claim 1 with two other causes held fixed: |label - attribute's mean| and the attribute's variance.

    The estimate is :func:`zslcore.analysis.label_partial_correlation`; intervals are from classes and attributes drawn
    anew together, with the causes as they are in all classes. Errors as there.

    >>> labels = np.random.default_rng(0).random((8, 20))
    >>> claim = partial_claim(labels, {"measured": labels, "null: shrinkage": abs(labels - labels.mean(0))})
    >>> claim["verdict"].tolist()  # the second is one of the two causes: nothing of it is left to ask of
    ['holds', 'cannot be asked']
    """
    errors = _in_common(errors)
    estimates = [label_partial_correlation(labels, matrix) for matrix in errors.values()]
    values = labels[present_classes(next(iter(errors.values())), signed=True)].astype(np.float64)
    mean, variance = (values.mean(0), values.var(0)) if len(values) else (0.0, 0.0)
    causes = [np.abs(labels - mean), np.broadcast_to(variance, labels.shape)]

    def statistic(x: np.ndarray, distance: np.ndarray, variance: np.ndarray, matrix: np.ndarray) -> float:
        given = np.stack([distance.ravel(), variance.ravel()], axis=1)
        return partial_correlation(x.ravel(), matrix.ravel(), given)

    draws = _joint_draws(statistic, [labels, *causes], list(errors.values()), resamples, seed)
    return _by_draws(errors, estimates, draws)


def reduction_claim(
    labels: Float[np.ndarray, "C A"],
    before: Float[np.ndarray, "C A"],
    after: Float[np.ndarray, "C A"],
    *,
    axis: str = "class",
    resamples: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Does the error fall most where the label is large, and more than in proportion to what was there to lose?

    The rows are the slope (:func:`zslcore.analysis.relative_slope`) of the ``"reduction"``, ``before - after``, and
    that of ``"in proportion"``, of ``before``: had all errors fallen by one factor, the two would be the same but for
    noise. Their correlations would not, since a difference is noisier than what it is the difference of. NaN where the
    mean error did not fall. Errors as there.

    >>> labels, rng = np.random.default_rng(0).random((8, 20)), np.random.default_rng(1)
    >>> before = 1 + labels + 0.2 * rng.random((8, 20))
    >>> after = 0.7 * (1 + labels) + 0.2 * rng.random((8, 20))
    >>> reduction_claim(labels, before, after)["verdict"].tolist()
    ['holds', 'not shown']
    """
    check_shapes(before, after, "before and after")
    fall = {"reduction": before.astype(np.float64) - after, "in proportion": before}
    return slope_claim(labels, fall, axis=axis, resamples=resamples, seed=seed)


def agreement_claim(errors: Matrices, *, seed: int = 0) -> pd.DataFrame:
    """Claim 2: do attributes differ in their errors, so that the classes agree on which are hard?

    The estimate is the correlation of each class's errors with the mean errors of the other classes, its mean over the
    classes: 0 if all attributes have one distribution; NaN for a single class. Raises InputError as
    :func:`zslcore.analysis.inequality`.

    >>> hardness, rng = np.linspace(1, 3, 20), np.random.default_rng(0)
    >>> noise = rng.exponential(size=(2, 8, 20))
    >>> agreement_claim({"measured": hardness * noise[0], "null: equal": noise[1]})["verdict"].to_dict()
    {'measured': 'holds', 'null: equal': 'holds'}
    """
    found = {}
    for name, matrix in _in_common(errors).items():
        count = present_classes(matrix).sum()
        others = (np.nansum(matrix, axis=0) - np.nan_to_num(matrix)) / max(count - 1, 1)
        found[name] = label_correlation(others if count > 1 else np.zeros(matrix.shape), matrix, seed=seed)
    return _compared(found)


def evenness_claim(
    method: Sequence[Float[np.ndarray, "C A"]], baseline: Sequence[Float[np.ndarray, "C A"]]
) -> pd.DataFrame:
    """Claim 3: are a method's errors smaller and more even than a baseline's? Matrices of the same seeds, in one order.

    A row for each statistic of all cells (:func:`zslcore.analysis.inequality`): the change from the baseline's value to
    the method's in percent, its mean over the seeds and t-interval, and the verdict on "it falls". A single seed has no
    interval. Raises InputError for unequal numbers of matrices, for none, and as ``inequality`` does.

    >>> matrices = np.random.default_rng(0).exponential(size=(3, 4, 6))
    >>> evenness_claim([1 + matrix for matrix in matrices], list(matrices))["verdict"].to_dict()
    ... # doctest: +NORMALIZE_WHITESPACE
    {'mean': 'does not hold', 'standard deviation': 'not shown', 'coefficient of variation': 'holds',
     'theil': 'holds', 'gini': 'holds'}
    """
    if len(method) != len(baseline) or not len(method):
        raise InputError(f"both must hold a matrix for each seed, got {len(method)} and {len(baseline)}")
    ours, theirs = (
        pd.DataFrame([inequality(matrix).loc["cells"] for matrix in matrices]).reset_index(drop=True)
        for matrices in (method, baseline)
    )
    change = 100 * (ours / theirs - 1)
    rows = []
    for name in change:
        low, high = t_interval(change[name])
        rows.append((change[name].mean(), low, high, verdict(-high, -low)))
    return pd.DataFrame(rows, index=list(change), columns=COLUMNS)


def _compared(found: Mapping[str, LabelCorrelation]) -> pd.DataFrame:
    """Rows of correlations, the first compared with each of the others by the difference over the same draws."""
    first = next(iter(found.values()))
    rows = []
    for each in found.values():
        interval = (first.low, first.high) if each is first else first.minus(each)
        rows.append((each.mean, each.low, each.high, verdict(*interval)))
    return pd.DataFrame(rows, index=list(found), columns=COLUMNS)


def _joint_draws(
    statistic: Callable[..., float],
    known: Sequence[np.ndarray],
    matrices: Sequence[np.ndarray],
    resamples: int,
    seed: int,
) -> Float[np.ndarray, "resamples matrices"]:
    """``statistic(*known, matrix)`` of every matrix in the same resamples of the present classes and the attributes."""
    draws, present = np.full((resamples, len(matrices)), np.nan), present_classes(matrices[0], signed=True)
    known, matrices = ([part[present].astype(np.float64) for part in parts] for parts in (known, matrices))
    rng, shape = np.random.default_rng(seed), matrices[0].shape
    for draw in draws if present.any() else ():
        cells = np.ix_(*(rng.integers(size, size=size) for size in shape))
        drawn = [part[cells] for part in known]
        draw[:] = [statistic(*drawn, matrix[cells]) for matrix in matrices]
    return draws


def _by_draws(
    errors: Matrices, estimates: Sequence[float], draws: Float[np.ndarray, "resamples matrices"]
) -> pd.DataFrame:
    """Rows of estimates with their intervals, the first compared with each of the others draw by draw."""
    rows = []
    for index, estimate in enumerate(estimates):
        above = draws[:, 0] - draws[:, index] if index else draws[:, 0]
        told = verdict(*percentile_interval(above.round(12)))  # the same order may differ by a rounding
        rows.append((estimate, *percentile_interval(draws[:, index]), told))
    return pd.DataFrame(rows, index=list(errors), columns=COLUMNS)


def _in_common(errors: Matrices) -> dict[str, Float[np.ndarray, "C A"]]:
    """The matrices with rows of NaN for every class that one of them lacks, so that all speak of the same classes."""
    if not errors:
        raise InputError("errors must hold at least one matrix by name, got none")
    first = next(iter(errors.values()))
    for matrix in errors.values():
        check_shapes(first, matrix, "error matrices")
    present = np.all([present_classes(matrix, signed=True) for matrix in errors.values()], axis=0)
    return {name: np.where(present[:, None], matrix, np.nan) for name, matrix in errors.items()}

"""The three claims of the paper's abstract, put as questions to error matrices: estimate, interval, verdict.

Every function takes error matrices by name. The first is judged; it is compared with each of the others, which are null
models (:func:`zslcore.analysis.matched_nulls`) or another method. Each returns a frame with a row for each name and the
columns ``estimate``, ``low``, ``high`` (its own 95 % interval) and ``verdict``: whether the first one's estimate is
larger than the row's, by the interval of the difference over the same resamples, so that what both share cancels
(:data:`zslcore.analysis.intervals.VERDICTS`). The first row's verdict is whether its own estimate is above 0. Intervals
are not corrected for their number.
"""

from collections.abc import Mapping, Sequence

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
    reduction_correlation,
)
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
    """Claim 1: does the error go with the value of the label, and further than a null model's does?

    The estimate is the mean correlation of :func:`zslcore.analysis.label_correlation`, whose arguments and errors these
    are. A last row, ``"null: permuted"``, has the middle 95 % of what permuted labels give, and the verdict whether the
    measured correlation lies above it: whether there is any.

    >>> labels = np.random.default_rng(0).random((8, 20))
    >>> noise = np.random.default_rng(1).random((8, 20))
    >>> label_claim(labels, {"measured": labels + noise / 2, "null: noise": noise})["verdict"].to_dict()
    {'measured': 'holds', 'null: noise': 'holds', 'null: permuted': 'holds'}
    """
    how = {"axis": axis, "method": method, "seed": seed}
    measured = label_correlation(labels, _first(errors), permutations=permutations, **how)
    found = {name: label_correlation(labels, matrix, **how) for name, matrix in errors.items()}
    frame = _compared(found)
    if permutations:
        low, high = np.quantile(measured.null, [0.025, 0.975])
        told = verdict(measured.mean - high, measured.mean - low)
        frame.loc[PERMUTED] = [measured.null.mean(), low, high, told]
    return frame


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
    _first(errors)
    draws = _partial_draws(labels, list(errors.values()), resamples, seed)
    estimates = [label_partial_correlation(labels, matrix) for matrix in errors.values()]
    rows = []
    for index, estimate in enumerate(estimates):
        difference = draws[:, 0] - draws[:, index] if index else draws[:, 0]
        rows.append(
            (estimate, *percentile_interval(draws[:, index]), verdict(*percentile_interval(difference.round(12))))
        )
    return pd.DataFrame(rows, index=list(errors), columns=COLUMNS)


def reduction_claim(
    labels: Float[np.ndarray, "C A"],
    before: Float[np.ndarray, "C A"],
    after: Float[np.ndarray, "C A"],
    *,
    axis: str = "class",
    seed: int = 0,
) -> pd.DataFrame:
    """Does the error fall most where the label is large, and further than in proportion to what was there to lose?

    The rows are ``"reduction"``, of :func:`zslcore.analysis.reduction_correlation`, and ``"in proportion"``: had all
    errors fallen by one factor, the reduction would go with the label as the errors ``before`` do. Errors as there.

    >>> labels = np.random.default_rng(0).random((8, 20))
    >>> reduction_claim(labels, 1 + labels, 0.9 * (1 + labels))["verdict"].tolist()  # in proportion
    ['holds', 'not shown']
    """
    how = {"axis": axis, "seed": seed}
    fall = reduction_correlation(labels, before, after, **how)
    return _compared({"reduction": fall, "in proportion": label_correlation(labels, before, **how)})


def agreement_claim(errors: Matrices, *, seed: int = 0) -> pd.DataFrame:
    """Claim 2: do attributes differ in their errors, so that the classes agree on which are hard?

    The estimate is the correlation of each class's errors with the mean errors of the other classes, its mean over the
    classes: 0 if all attributes have one distribution. Absent classes (rows of NaN) count neither here nor there; NaN
    for a single class. Raises InputError as :func:`zslcore.analysis.inequality`, and for matrices of other shapes.

    >>> hardness, rng = np.linspace(1, 3, 20), np.random.default_rng(0)
    >>> noise = rng.exponential(size=(2, 8, 20))
    >>> agreement_claim({"measured": hardness * noise[0], "null: equal": noise[1]})["verdict"].to_dict()
    {'measured': 'holds', 'null: equal': 'holds'}
    """
    first, found = _first(errors), {}
    for name, matrix in errors.items():
        check_shapes(first, matrix, "error matrices")
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


def _partial_draws(
    labels: np.ndarray, matrices: Sequence[np.ndarray], resamples: int, seed: int
) -> Float[np.ndarray, "resamples matrices"]:
    """Partial correlation of every matrix in the same resamples of classes and attributes."""
    draws = np.full((resamples, len(matrices)), np.nan)
    present = np.all([present_classes(matrix) for matrix in matrices], axis=0)
    if not present.any():
        return draws
    labels, matrices = labels[present].astype(np.float64), [matrix[present] for matrix in matrices]
    variance = np.broadcast_to(labels.var(0), labels.shape)
    causes = np.stack([np.abs(labels - labels.mean(0)), variance], axis=2)
    rng = np.random.default_rng(seed)
    for draw in draws:
        cells = np.ix_(*(rng.integers(size, size=size) for size in labels.shape))
        x, given = labels[cells].ravel(), causes[cells].reshape(-1, 2)
        draw[:] = [partial_correlation(x, matrix[cells].ravel(), given) for matrix in matrices]
    return draws


def _first(errors: Matrices) -> Float[np.ndarray, "C A"]:
    """The matrix that is judged."""
    if not errors:
        raise InputError("errors must hold at least one matrix by name, got none")
    return next(iter(errors.values()))

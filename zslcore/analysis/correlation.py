"""What the errors go with: correlations and their intervals."""

import warnings

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats

from zslcore.analysis._checks import check_choice, check_confidence, check_shapes, present_classes
from zslcore.errors import InputError

METHODS = ("pearson", "spearman")
# Values that differ by less than this share of the largest are equal: the rounding of a float32 mean over the images of
# a class, which differs with their number. What is left of a constant error would else correlate with that number.
ROUNDING = 2e-6


def constant(values: Float[np.ndarray, "..."], axis: int) -> Bool[np.ndarray, "..."]:
    """Where the values along an axis are equal up to rounding (or there are none).

    >>> constant(np.array([[0.3, 0.1 + 0.2, 0.3], [1.0, 2.0, 3.0]]), axis=1)
    array([ True, False])
    """
    if not values.shape[axis]:
        return np.ones(np.delete(values.shape, axis), dtype=bool)
    return np.asarray(np.ptp(values, axis=axis) <= ROUNDING * np.abs(values).max(axis))


def ranks(values: Float[np.ndarray, "..."], axis: int) -> Float[np.ndarray, "..."]:
    """Ranks along an axis, ties by their mean (scipy); all equal where the values are equal up to rounding.

    >>> ranks(np.array([[0.3, 0.1 + 0.2, 0.3], [1.0, 3.0, 2.0]]), axis=1)
    array([[2., 2., 2.],
           [1., 3., 2.]])
    """
    level = np.expand_dims(constant(values, axis), axis)
    return np.where(level, (values.shape[axis] + 1) / 2, stats.rankdata(values, axis=axis))


def row_correlation(values: Float[np.ndarray, "C A"], errors: Float[np.ndarray, "C A"]) -> Float[np.ndarray, " C"]:
    """Pearson correlation of each row of ``values`` with the same row of ``errors``, in [-1, 1].

    With label values and an error matrix this is the correlation between label value and error within each class
    (claim 1 of the paper's abstract); of the transposed matrices, within each attribute. NaN for a row that is constant
    up to ``ROUNDING``, and for all rows of fewer than three columns: any two points correlate by 1 or -1. Raises
    InputError for shapes that differ.

    >>> row_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 4.0, 6.0]])).round(6)
    array([1.])
    """
    check_shapes(values, errors, "values and errors")
    if values.shape[1] < 3:
        return np.full(len(values), np.nan)
    varies = ~(constant(values, 1) | constant(errors, 1))
    values, errors = _deviations(values), _deviations(errors)
    spread = np.sqrt((values**2).sum(1) * (errors**2).sum(1))
    return np.divide((values * errors).sum(1), spread, out=np.full(len(values), np.nan), where=varies & (spread > 0))


def _deviations(rows: Float[np.ndarray, "C A"]) -> Float[np.ndarray, "C A"]:
    """Deviations from the mean of each row over the largest of them: their squares neither vanish nor overflow."""
    centred = rows - rows.mean(1, keepdims=True, dtype=np.float64)
    largest = np.abs(centred).max(1, keepdims=True)
    return centred / np.where(largest > 0, largest, 1)


def bootstrap_mean(values: Float[np.ndarray, " n"], *, confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Seeded bootstrap interval (BCa, scipy) of the mean of independent values; (NaN, NaN) for less than two.

    Too narrow for few values, as any bootstrap (of five normal ones it holds the mean in 86 of 100 cases). NaNs are
    left out. All values equal, up to ``ROUNDING``, give an interval of no width. Raises InputError for infinite
    values and a ``confidence`` that does not lie between 0 and 1.

    >>> low, high = bootstrap_mean(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> 1 < low < 2.5 < high < 4
    True
    """
    check_confidence(confidence)
    if np.isinf(values).any():
        raise InputError("values must be finite or NaN, got infinity")
    values = values[~np.isnan(values)].astype(np.float64)
    if len(values) < 2:
        return float("nan"), float("nan")
    if constant(values, 0):  # BCa divides by powers of this spread
        return (float(np.median(values)),) * 2
    result = stats.bootstrap((values,), np.mean, confidence_level=confidence, rng=np.random.default_rng(seed))
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def partial_correlation(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], given: Float[np.ndarray, "n k"], *, method: str = "pearson"
) -> float:
    """Correlation of ``x`` and ``y`` with what the columns of ``given`` explain linearly taken out of both.

    The correlation of the residuals of two least-squares fits (with a constant); of ranks for ``"spearman"``. In
    [-1, 1]; NaN where ``given`` explains ``x`` or ``y`` fully, or leaves less than two degrees of freedom, at
    which any two residuals correlate by 1. Raises InputError for an unknown method or values that are not finite.

    >>> x = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    >>> cause = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    >>> round(partial_correlation(x, 10 * cause - x, cause[:, None]), 6)
    -1.0
    """
    check_choice("method", method, METHODS)
    columns = np.column_stack([x, y, given]).astype(np.float64)
    if not np.isfinite(columns).all():
        raise InputError("x, y and given must be finite, got NaN or infinity")
    if len(columns) < 3:
        return float("nan")
    level = constant(columns, 0)
    if level[:2].any():
        return float("nan")
    if method == "spearman":
        columns = ranks(columns, 0)
    centred = columns - columns.mean(0)
    centred /= np.where(level, 1, np.abs(centred).max(0))  # columns of any unit weigh alike in the rank below
    pair, causes = centred[:, :2], centred[:, 2:][:, ~level[2:]]
    fit, _, rank, _ = np.linalg.lstsq(causes, pair, rcond=1e-10)
    residual = pair - causes @ fit
    explained = (residual**2).sum(0) <= 1e-20 * (pair**2).sum(0)
    if explained.any() or len(columns) - 1 - rank < 2:
        return float("nan")
    return float(row_correlation(residual[:, :1].T, residual[:, 1:].T)[0])


def sample_correlation(
    errors: Float[np.ndarray, "C A"], counts: Int[np.ndarray, " C"], *, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Spearman correlation of a class's mean error with its number of training samples, and its interval.

    Returns (correlation, low, high), the interval by the percentile bootstrap over classes (scipy, seeded);
    resamples in which all counts or all errors are equal have no correlation and are left out. All three are NaN
    for fewer than three classes, equal counts or equal errors. A row of NaN errors is an absent class and is left
    out. Raises InputError for negative counts, a ``confidence`` that does not lie between 0 and 1, and for errors
    as :func:`zslcore.analysis.inequality` does.

    >>> sample_correlation(np.array([[3.0], [2.0], [1.0]]), np.array([10, 20, 30]))[0]
    -1.0
    """
    check_confidence(confidence)
    if counts.shape != errors.shape[:1]:
        raise InputError(f"counts must have one entry for each of {len(errors)} classes, got shape {counts.shape}")
    if (counts < 0).any():
        raise InputError(f"counts must be at least 0, got {counts.min()}")
    present = present_classes(errors)
    mean, count = errors[present].mean(1, dtype=np.float64), counts[present].astype(np.float64)
    found = float(_spearman(mean, count)) if len(mean) >= 3 else float("nan")
    if np.isnan(found):
        return found, found, found
    settings = {"paired": True, "vectorized": True, "method": "percentile", "rng": np.random.default_rng(seed)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # of resamples without correlation
        draws = stats.bootstrap((mean, count), _spearman, batch=1000, **settings).bootstrap_distribution
    low, high = np.nanquantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return found, float(low), float(high)


def _spearman(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Spearman correlation along the last axis of arrays with any leading axes."""
    x, y = (ranks(values, axis) for values in (x, y))
    return row_correlation(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])).reshape(x.shape[:-1])

"""What the errors go with: correlations and their intervals."""

import numpy as np
from jaxtyping import Float
from scipy import stats

from zslcore.errors import InputError


def row_correlation(values: Float[np.ndarray, "C A"], errors: Float[np.ndarray, "C A"]) -> Float[np.ndarray, " C"]:
    """Pearson correlation of each row of ``values`` with the same row of ``errors``; NaN for a constant row.

    With label values and an error matrix this is the correlation between label value and error within each class
    (claim 1 of the paper's abstract); of the transposed matrices, within each attribute.

    >>> row_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 4.0, 6.0]])).round(6)
    array([1.])
    """
    if values.shape != errors.shape:
        raise InputError(f"values and errors must have one shape, got {values.shape} and {errors.shape}")
    varies = (np.ptp(values, axis=1) > 0) & (
        np.ptp(errors, axis=1) > 0
    )  # the mean of equal values may be off by one bit
    values = values - values.mean(1, keepdims=True, dtype=np.float64)
    errors = errors - errors.mean(1, keepdims=True, dtype=np.float64)
    spread = np.sqrt((values**2).sum(1) * (errors**2).sum(1))
    return np.divide((values * errors).sum(1), spread, out=np.full(len(values), np.nan), where=varies & (spread > 0))


def bootstrap_mean(values: Float[np.ndarray, " n"], *, confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Seeded bootstrap interval (BCa, scipy) of the mean of independent values; (NaN, NaN) for less than two.

    NaNs are left out. All values equal give an interval of no width.

    >>> low, high = bootstrap_mean(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> 1 < low < 2.5 < high < 4
    True
    """
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return float("nan"), float("nan")
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    result = stats.bootstrap((values,), np.mean, confidence_level=confidence, rng=np.random.default_rng(seed))
    return float(result.confidence_interval.low), float(result.confidence_interval.high)

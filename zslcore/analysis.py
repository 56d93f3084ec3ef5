"""Imbalance of errors: how unevenly they spread over classes and attributes, and what they go with.

Pure functions of arrays. Symbols: ``C`` classes, ``A`` attributes; an error matrix holds the mean error of each
class and attribute, as :func:`zslcore.remse.class_error` gives it.
"""

import numpy as np
from jaxtyping import Float
from scipy import integrate, special, stats

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


def coefficient_of_variation(errors: Float[np.ndarray, "..."]) -> float:
    """Standard deviation over mean of all errors, >= 0; 0 when all are equal, NaN when all are 0.

    >>> coefficient_of_variation(np.array([1.0, 3.0]))
    0.5
    """
    mean = errors.mean(dtype=np.float64)
    return float(errors.std(dtype=np.float64) / mean) if mean > 0 else float("nan")


def theil_index(errors: Float[np.ndarray, "..."]) -> float:
    """Theil's T, the mean of (m / mean) ln(m / mean): 0 when all errors are equal, at most ln n; NaN if all are 0.

    Theil, "Economics and Information Theory", 1967. Errors of 0 add nothing (x ln x -> 0). Raises InputError for a
    negative error.

    >>> theil_index(np.array([2.0, 2.0, 2.0]))
    0.0
    """
    if (errors < 0).any():
        raise InputError(f"errors must be at least 0, got {errors.min()}")
    mean = errors.mean(dtype=np.float64)
    if not mean > 0:
        return float("nan")
    share = errors[errors > 0].astype(np.float64) / mean
    return float((share * np.log(share)).sum() / errors.size)


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


def gini_index(errors: Float[np.ndarray, "..."]) -> float:
    """Gini index: half the mean absolute difference of two errors over their mean; in [0, 1), NaN if all are 0.

    Raises InputError for a negative error.

    >>> gini_index(np.array([0.0, 1.0]))
    0.5
    """
    if (errors < 0).any():
        raise InputError(f"errors must be at least 0, got {errors.min()}")
    ordered = np.sort(errors, axis=None).astype(np.float64)
    total, count = ordered.sum(), ordered.size
    if not total > 0:
        return float("nan")
    rank = np.arange(1, count + 1)
    return float((2 * rank - count - 1) @ ordered / (count * total))


def noise_weight(count: int, shots: int) -> float:
    """Expected ReMSE weight, p = 1 on one axis, when all true errors are equal: what noise alone produces.

    A cell's error is the mean of ``shots`` squared standard normals, and its weight 1 + ln(m / smallest of ``count``
    such m). With two shots m is exponential and the expectation is 1 + ln(count), exactly; for other shots the
    expectation of the logarithm of the smallest is integrated numerically.

    >>> round(noise_weight(16, shots=2), 2), round(noise_weight(312, shots=2), 2)
    (3.77, 6.74)
    """
    if count < 1 or shots < 1:
        raise InputError(f"count and shots must be at least 1, got {count} and {shots}")
    shape = shots / 2  # m is Gamma(shots / 2) up to its scale, which cancels
    mean_log = special.digamma(shape)

    def log_quantile(level: float) -> float:
        """ln of the smallest of ``count`` draws at a level: 1 - (1 - F)^count = level."""
        return np.log(stats.gamma.isf((1 - level) ** (1 / count), shape))

    smallest, _ = integrate.quad(log_quantile, 0, 1, limit=200)
    return float(1 + mean_log - smallest)

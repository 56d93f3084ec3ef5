"""Correlations of errors with other quantities."""

import numpy as np
import scipy  # scipy.stats takes a second to load, so it is loaded when it is used
from jaxtyping import Bool, Float, Int

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import check_counts, check_shapes, present_classes
from zslcore.analysis.intervals import bootstrap, percentile_interval

# Values that differ by less than this share of the largest count as equal. A float32 mean over the images of a class
# has such rounding errors. They depend on the number of images, so a constant error would otherwise correlate with it.
ROUNDING = 2e-6


def constant(values: Float[np.ndarray, "..."], axis: int) -> Bool[np.ndarray, "..."]:
    """Whether the values along an axis are equal up to rounding (True if there are none)."""
    if not values.shape[axis]:
        return np.ones(np.delete(values.shape, axis), dtype=bool)
    return np.asarray(np.ptp(values, axis=axis) <= ROUNDING * np.abs(values).max(axis))


def ranks(rows: Float[np.ndarray, "R n"]) -> Float[np.ndarray, "R n"]:
    """Ranks within each row, ties by their mean; all equal if the values are equal up to rounding."""
    return np.where(constant(rows, 1)[:, None], (rows.shape[1] + 1) / 2, scipy.stats.rankdata(rows, axis=1))


@takes_tables
def row_correlation(values: Float[np.ndarray, "C A"], errors: Float[np.ndarray, "C A"]) -> Float[np.ndarray, " C"]:
    """Pearson correlation of each row of ``values`` with the same row of ``errors``.

    NaN for a constant row and for rows of fewer than three columns, because any two points correlate by 1 or -1. Pass
    both arrays transposed for correlations within attributes.

    Example:
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
    """Deviations from the row mean, scaled by the largest so that their squares neither vanish nor overflow."""
    centred = rows - rows.mean(1, keepdims=True, dtype=np.float64)
    largest = np.abs(centred).max(1, keepdims=True)
    return centred / np.where(largest > 0, largest, 1)


@takes_tables
def sample_correlation(
    errors: Float[np.ndarray, "C A"], counts: Int[np.ndarray, " C"], *, seed: int = 0
) -> tuple[float, float, float]:
    """Spearman correlation of a class's mean error with its number of training images, and its 95 % interval.

    The percentile interval resamples classes. All three are NaN for fewer than three classes, equal counts or equal
    errors.

    Example:
        >>> sample_correlation(np.array([[3.0], [2.0], [1.0]]), np.array([10, 20, 30]))[0]
        -1.0
    """
    check_counts(counts, len(errors))
    present = present_classes(errors)
    mean, count = errors[present].mean(1, dtype=np.float64), counts[present].astype(np.float64)
    found = float(_spearman(mean[None], count[None])[0])
    if np.isnan(found):
        return found, found, found
    return found, *percentile_interval(bootstrap(_spearman, mean, count, resamples=9999, seed=seed))


def _spearman(x: Float[np.ndarray, "R n"], y: Float[np.ndarray, "R n"]) -> Float[np.ndarray, " R"]:
    return row_correlation(ranks(x), ranks(y))

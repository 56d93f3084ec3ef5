"""Intervals of estimates, and the verdict that an interval gives on a claim."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy  # scipy.stats takes a second to load, so it is loaded when it is used
from jaxtyping import Float

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import check_shapes
from zslcore.errors import InputError


def verdict(low: float, high: float) -> str:
    """Judge the claim that a quantity is above 0 by the ends of its interval.

    ``"supported"`` if the whole interval is above 0, ``"contradicted"`` if it is below 0, ``"inconclusive"`` if it
    contains 0, ``"not testable"`` if an end is NaN.

    Example:
        >>> [verdict(*interval) for interval in ((0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1), (np.nan, np.nan))]
        ['supported', 'contradicted', 'inconclusive', 'not testable']
    """
    if np.isnan(low) or np.isnan(high):
        return "not testable"
    return "supported" if low > 0 else "contradicted" if high < 0 else "inconclusive"


@takes_tables
def t_interval(
    values: pd.Series | Float[np.ndarray, " n"], *, confidence: float = 0.95, test_share: float = 0.0
) -> tuple[float, float]:
    """Student's t-interval of a mean; NaN for fewer than two values.

    Args:
        values: independent values, such as one for each seed; or one for each random split of the same data.
        confidence: in (0, 1).
        test_share: share of the rows or classes that a random split tests on, in [0, 1). With it, the interval is for
            new data: splits overlap, so the standard error is multiplied by sqrt(1 + n share / (1 - share)), the
            correction of Nadeau and Bengio, "Inference for the generalization error", Machine Learning, 2003.

    Example:
        >>> values = pd.Series([1.0, 2.0, 3.0])
        >>> [round(bound, 2) for bound in t_interval(values)]
        [-0.48, 4.48]
        >>> [round(bound, 2) for bound in t_interval(values, test_share=0.25)]
        [-1.51, 5.51]
    """
    if not 0 < confidence < 1:
        raise InputError(f"confidence must be between 0 and 1, such as 0.95, got {confidence}")
    if not 0 <= test_share < 1:
        raise InputError(f"test_share must lie in [0, 1), got {test_share}")
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return float("nan"), float("nan")
    error = scipy.stats.sem(values) * np.sqrt(1 + len(values) * test_share / (1 - test_share))
    half = scipy.stats.t.ppf((1 + confidence) / 2, len(values) - 1) * error
    return float(values.mean() - half), float(values.mean() + half)


@takes_tables
def holm(p: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """P values corrected for multiple comparisons by Holm's method ("A simple sequentially rejective test", 1979).

    If hypotheses with a corrected value below 0.05 are rejected, the probability to reject any true hypothesis is at
    most 5 %. NaN marks a comparison that was not made. It stays NaN and does not count.

    Example:
        >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).round(2)
        array([0.03, 0.06,  nan, 0.06])
    """
    p = np.asarray(p, dtype=np.float64)
    corrected, made = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    ordered = made[np.argsort(p[made], kind="stable")]
    factors = np.arange(len(ordered), 0, -1)
    corrected[ordered] = np.minimum(np.maximum.accumulate(factors * p[ordered]), 1)
    return corrected


@takes_tables
def bootstrap(statistic: Callable, *arrays: np.ndarray, resamples: int, seed: int) -> Float[np.ndarray, " resamples"]:
    """Draw from the bootstrap distribution of a statistic of paired arrays.

    The rows and the columns of matrices are resampled together (Owen, "The pigeonhole bootstrap", 2007); vectors have
    rows only. The same seed and shape give the same resamples, so that draws of two statistics are paired.
    ``statistic`` returns a number for matrices. Vectors are passed to it as (resamples, n) arrays, and it returns a
    number for each row.

    Example:
        >>> bootstrap(lambda x: x.mean(-1), np.array([1.0, 2.0, 4.0]), resamples=2, seed=0).round(2)
        array([2.67, 1.  ])
    """
    for array in arrays[1:]:
        check_shapes(arrays[0], array, "the arrays")
    rng, shape = np.random.default_rng(seed), arrays[0].shape
    if len(shape) == 1:
        rows = rng.integers(shape[0], size=(resamples, shape[0]))
        return statistic(*(array[rows] for array in arrays))
    draws = np.full(resamples, np.nan)
    for index in range(resamples if arrays[0].size else 0):
        cells = np.ix_(*(rng.integers(size, size=size) for size in shape))
        draws[index] = statistic(*(array[cells] for array in arrays))
    return draws


@takes_tables
def percentile_interval(draws: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Central 95 % of bootstrap draws; NaN, where the statistic is undefined, is ignored.

    Example:
        >>> percentile_interval(np.append(np.arange(41.0), np.nan))
        (1.0, 39.0)
    """
    draws = draws[~np.isnan(draws)]
    low, high = np.quantile(draws, [0.025, 0.975]) if len(draws) else (np.nan, np.nan)
    return float(low), float(high)

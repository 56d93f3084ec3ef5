"""What an interval says: Student's interval of a mean, and the verdict on a question that an interval answers."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from zslcore.analysis._checks import check_confidence

VERDICTS = ("holds", "does not hold", "not shown", "cannot be asked")


def t_interval(values: pd.Series | Float[np.ndarray, " n"], *, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t-interval of the mean; (NaN, NaN) for a single value.

    Raises InputError for a ``confidence`` that does not lie between 0 and 1.

    >>> [round(bound, 2) for bound in t_interval(pd.Series([1.0, 2.0, 3.0]))]
    [-0.48, 4.48]
    """
    check_confidence(confidence)
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


def percentile_interval(draws: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """The middle 95 % of bootstrap draws; (NaN, NaN) without any. Draws that are NaN, where a statistic is not defined,
    such as the correlation of rows that are all alike, are left out.

    >>> percentile_interval(np.append(np.arange(41.0), np.nan))
    (1.0, 39.0)
    """
    draws = draws[~np.isnan(draws)]
    low, high = np.quantile(draws, [0.025, 0.975]) if len(draws) else (np.nan, np.nan)
    return float(low), float(high)


def verdict(low: float, high: float) -> str:
    """One of ``VERDICTS`` on the claim that a quantity is above 0, from the interval of that quantity.

    ``"holds"`` where all of the interval is above 0, ``"does not hold"`` where all of it is below, ``"not shown"``
    where it leaves both open, ``"cannot be asked"`` for NaN: there is no interval.

    >>> [verdict(*interval) for interval in ((0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1), (np.nan, np.nan))]
    ['holds', 'does not hold', 'not shown', 'cannot be asked']
    """
    if np.isnan(low) or np.isnan(high):
        return "cannot be asked"
    return "holds" if low > 0 else "does not hold" if high < 0 else "not shown"

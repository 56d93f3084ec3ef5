"""Ratios of errors on a logarithmic axis, and the names of its ticks."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import FuncFormatter, MaxNLocator

from zslcore.errors import InputError

RATIO_TICKS = MaxNLocator(6, integer=True)  # whole powers of two
RATIO_NAMES = FuncFormatter(lambda power, _: f"{2**power:g}" if power >= 0 else f"1/{2**-power:g}")


def log_ratio(before: Float[np.ndarray, "C A"], after: Float[np.ndarray, "C A"]) -> Float[np.ndarray, "C A"]:
    """log2 of ``after / before`` for each cell; NaN where either is 0 or NaN.

    Example:
        >>> log_ratio(np.array([[1.0, 2.0, 0.0]]), np.array([[4.0, 1.0, 1.0]])).tolist()
        [[2.0, -1.0, nan]]
    """
    found = (before > 0) & (after > 0)
    if not found.any():
        raise InputError("before and after must both be above 0 in some cell, got none")
    return np.log2(np.divide(after, before, where=found, out=np.full(before.shape, np.nan)))


def ratio_limit(ratios: Iterable[Float[np.ndarray, "C A"]]) -> float:
    """Half the length of an axis around 0 that holds 99 % of all log ratios; at least 1/4.

    Example:
        >>> ratio_limit([np.array([[-2.0, 2.0], [2.0, np.nan]])])
        2.0
    """
    sizes = np.abs(np.concatenate([ratio.ravel() for ratio in ratios]))
    return max(0.25, float(np.nanquantile(sizes, 0.99, method="lower")))

"""How unevenly errors spread over cells, classes and attributes."""

import numpy as np
from jaxtyping import Float

from zslcore.errors import InputError


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

"""Inequality of errors over cells, classes and attributes."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import present_classes
from zslcore.errors import InputError

OVER = ["cells", "classes", "attributes"]
STATISTICS = ["mean", "standard deviation", "coefficient of variation", "theil", "gini"]


@takes_tables
def coefficient_of_variation(errors: Float[np.ndarray, "..."]) -> float:
    """Standard deviation over mean of all errors, at least 0.

    NaN if all errors are 0, if one is NaN, or if there is none. Errors must be finite and at least 0.

    Example:
        >>> coefficient_of_variation(np.array([1.0, 3.0]))
        0.5
    """
    errors, mean = _checked(errors)
    return float(errors.std(dtype=np.float64) / mean) if mean > 0 else float("nan")


@takes_tables
def theil_index(errors: Float[np.ndarray, "..."]) -> float:
    """Theil's T: the mean of (m / mean) ln(m / mean) over all n errors m, from 0 (all equal) to ln n.

    Theil, "Economics and Information Theory", 1967. Errors of 0 contribute 0. NaN and errors as in
    :func:`coefficient_of_variation`.

    Example:
        >>> theil_index(np.array([2.0, 2.0, 2.0]))
        0.0
    """
    errors, mean = _checked(errors)
    if not mean > 0:
        return float("nan")
    share = errors[errors > 0].astype(np.float64) / mean
    return float((share * np.log(share)).sum() / errors.size)


@takes_tables
def gini_index(errors: Float[np.ndarray, "..."]) -> float:
    """Gini index, in [0, 1): half the mean absolute difference of two errors, over their mean.

    NaN and errors as in :func:`coefficient_of_variation`.

    Example:
        >>> gini_index(np.array([0.0, 1.0]))
        0.5
    """
    errors, mean = _checked(errors)
    if not mean > 0:
        return float("nan")
    ordered = np.sort(errors, axis=None).astype(np.float64)
    rank, count = np.arange(1, ordered.size + 1), ordered.size
    return float((2 * rank - count - 1) @ ordered / (count * ordered.sum()))


@takes_tables
def inequality(errors: Float[np.ndarray, "C A"]) -> pd.DataFrame:
    """Size and inequality of an error matrix, over all cells, class means and attribute means.

    Args:
        errors: mean error of each class and attribute. A class without images must be a row of NaN, which is left out:
            :func:`zslcore.remse.class_error` writes zeros there, which would count as perfect.

    Returns:
        The rows ``cells``, ``classes`` and ``attributes``, the columns ``mean``, ``standard deviation`` (of the
        population), ``coefficient of variation``, ``theil`` and ``gini``. All are NaN if no class is left.

    Example:
        >>> inequality(np.array([[1.0, 3.0], [1.0, 3.0]]))["gini"].to_dict()
        {'cells': 0.25, 'classes': 0.0, 'attributes': 0.25}
    """
    errors = np.asarray(errors)
    errors = errors[present_classes(errors)].astype(np.float64)
    frame = pd.DataFrame(np.nan, index=pd.Index(OVER, name="over"), columns=STATISTICS)
    if len(errors):
        measures = (np.mean, np.std, coefficient_of_variation, theil_index, gini_index)
        for over, values in zip(OVER, (errors.ravel(), errors.mean(1), errors.mean(0))):
            frame.loc[over] = [float(measure(values)) for measure in measures]
    return frame


def _checked(errors: Any) -> tuple[np.ndarray, float]:
    """All errors, of an array, a tensor, a Series or a list, and their mean; the mean is NaN without any."""
    errors = np.asarray(errors)
    if (errors < 0).any():
        raise InputError(f"errors must be at least 0, got {np.nanmin(errors)}")
    if np.isinf(errors).any():
        raise InputError("errors must be finite, got infinity")
    return errors, float(errors.mean(dtype=np.float64)) if errors.size else float("nan")

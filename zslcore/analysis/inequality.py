"""Inequality of errors over cells, classes and attributes."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslcore.analysis._checks import present_classes
from zslcore.errors import InputError

OVER = ["cells", "classes", "attributes"]
STATISTICS = ["mean", "standard deviation", "coefficient of variation", "theil", "gini"]


def coefficient_of_variation(errors: Float[np.ndarray, "..."]) -> float:
    """Standard deviation over mean of all errors.

    Args:
        errors: errors of any shape.

    Returns:
        At least 0, and 0 if all errors are equal. NaN if all errors are 0, if one is NaN, or if there is none.

    Raises:
        InputError: if an error is negative or infinite.

    Example:
        >>> coefficient_of_variation(np.array([1.0, 3.0]))
        0.5
    """
    _check_errors(errors)
    mean = _mean(errors)
    return float(errors.std(dtype=np.float64) / mean) if mean > 0 else float("nan")


def theil_index(errors: Float[np.ndarray, "..."]) -> float:
    """Theil's T: the mean of (m / mean) ln(m / mean) over all n errors m.

    Theil, "Economics and Information Theory", 1967. Errors of 0 contribute 0. Arguments, NaN and errors as in
    :func:`coefficient_of_variation`.

    Returns:
        From 0, if all errors are equal, to ln n.

    Example:
        >>> theil_index(np.array([2.0, 2.0, 2.0]))
        0.0
    """
    _check_errors(errors)
    mean = _mean(errors)
    if not mean > 0:
        return float("nan")
    share = errors[errors > 0].astype(np.float64) / mean
    return float((share * np.log(share)).sum() / errors.size)


def gini_index(errors: Float[np.ndarray, "..."]) -> float:
    """Gini index: half the mean absolute difference of two errors, over their mean.

    Arguments, NaN and errors as in :func:`coefficient_of_variation`.

    Returns:
        In [0, 1), and 0 if all errors are equal.

    Example:
        >>> gini_index(np.array([0.0, 1.0]))
        0.5
    """
    _check_errors(errors)
    ordered = np.sort(errors, axis=None).astype(np.float64)
    total, count = ordered.sum(), ordered.size
    if not total > 0:
        return float("nan")
    rank = np.arange(1, count + 1)
    return float((2 * rank - count - 1) @ ordered / (count * total))


def inequality(errors: Float[np.ndarray, "C A"]) -> pd.DataFrame:
    """Size and inequality of an error matrix, over all cells, class means and attribute means.

    Args:
        errors: mean error of each class and attribute. A class without images must be a row of NaN, which is left out:
            :func:`zslcore.remse.class_error` writes zeros there, which would count as perfect.

    Returns:
        The rows ``cells``, ``classes`` and ``attributes``, the columns ``mean``, ``standard deviation`` (of the
        population), ``coefficient of variation``, ``theil`` and ``gini``. All are NaN if no class is left.

    Raises:
        InputError: if the matrix is empty, if a row is partly NaN, or if an error is negative or infinite.

    Example:
        >>> inequality(np.array([[1.0, 3.0], [1.0, 3.0]]))["gini"].to_dict()
        {'cells': 0.25, 'classes': 0.0, 'attributes': 0.25}
    """
    errors = errors[present_classes(errors)].astype(np.float64)
    if not len(errors):
        return pd.DataFrame(np.nan, index=pd.Index(OVER, name="over"), columns=STATISTICS)
    values = (errors.ravel(), errors.mean(1), errors.mean(0))
    measures = (np.mean, np.std, coefficient_of_variation, theil_index, gini_index)
    rows = [[float(measure(part)) for measure in measures] for part in values]
    return pd.DataFrame(rows, index=pd.Index(OVER, name="over"), columns=STATISTICS)


def _check_errors(errors: np.ndarray) -> None:
    if (errors < 0).any():
        raise InputError(f"errors must be at least 0, got {np.nanmin(errors)}")
    if np.isinf(errors).any():
        raise InputError("errors must be finite, got infinity")


def _mean(errors: np.ndarray) -> float:
    """Mean of all errors, NaN without any."""
    return float(errors.mean(dtype=np.float64)) if errors.size else float("nan")

"""How errors depend on the value of the label: correlation, slope, and means in bins.

An error matrix holds the mean error of each class and attribute; a row of NaN is an absent class. Labels must be
finite. Errors may be negative, such as a difference of two error matrices.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslcore._io.numbers import is_whole
from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import check_choice, check_shapes, present_classes
from zslcore.analysis.correlation import constant, ranks, row_correlation
from zslcore.errors import InputError


@takes_tables
def label_correlation(
    labels: Float[np.ndarray, "C A"], errors: Float[np.ndarray, "C A"], *, axis: str = "class", method: str = "pearson"
) -> float:
    """Mean correlation of label value and error within each class, or within each attribute.

    Constant rows and rows of fewer than three values have no correlation and are left out; NaN if none has one.

    Args:
        labels: label value of each class and attribute.
        errors: an error matrix.
        axis: ``"class"`` correlates over the attributes of a class, ``"attribute"`` over the classes of an attribute.
        method: ``"pearson"`` or ``"spearman"``.

    Example:
        >>> labels = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
        >>> label_correlation(labels, labels**2, method="spearman")
        1.0
    """
    return mean_correlation(*correlated_rows(labels, errors, axis, method))


def correlated_rows(
    labels: Float[np.ndarray, "C A"], errors: Float[np.ndarray, "C A"], axis: str, method: str = "pearson"
) -> tuple[Float[np.ndarray, "R n"], Float[np.ndarray, "R n"]]:
    """Labels and errors of the present classes in rows along the axis, as ranks for ``"spearman"``."""
    check_choice("method", method, ("pearson", "spearman"))
    check_choice("axis", axis, ("class", "attribute"))
    check_shapes(labels, errors, "labels and errors")
    if not np.isfinite(labels).all():
        raise InputError("labels must be finite, got NaN or infinity")
    present = present_classes(errors, signed=True)
    x, y = labels[present].astype(np.float64), errors[present].astype(np.float64)
    if axis == "attribute":
        x, y = x.T, y.T
    return (ranks(x), ranks(y)) if method == "spearman" and x.size else (x, y)


def mean_correlation(x: Float[np.ndarray, "R n"], y: Float[np.ndarray, "R n"]) -> float:
    """Mean over the row correlations that are defined, NaN if none is."""
    found = row_correlation(x, y)
    found = found[~np.isnan(found)]
    return float(found.mean()) if len(found) else float("nan")


@takes_tables
def relative_slope(labels: Float[np.ndarray, "C A"], errors: Float[np.ndarray, "C A"], *, axis: str = "class") -> float:
    """Increase of the error per standard deviation of the label, relative to the mean error.

    This is the least-squares slope of error on label, with an intercept for each class (``axis="attribute"``: for each
    attribute), times the standard deviation of the labels within classes, divided by the mean error of all cells. With
    a value of 0.5, the error rises by half the mean error if the label rises by one standard deviation. NaN if the mean
    error is not above 0, or if labels are constant within the rows.

    Noise lowers a correlation, but not a slope. Use slopes, not correlations, to compare the errors of a network with
    those of a null model, or with those at another stage of training.

    Example:
        >>> labels = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
        >>> round(relative_slope(labels, 1 + labels), 3)  # standard deviation 0.816, slope 1, mean error 2
        0.408
    """
    return slope_of_rows(*correlated_rows(labels, errors, axis))


def slope_of_rows(x: Float[np.ndarray, "R n"], y: Float[np.ndarray, "R n"]) -> float:
    """:func:`relative_slope` within rows, without checks."""
    if not x.size or constant(x, 1).all() or not y.mean() > 0:
        return float("nan")
    deviation = x - x.mean(1, keepdims=True)
    spread = np.sqrt((deviation**2).mean())
    return float((deviation * y).mean() / (spread * y.mean()))


@takes_tables
def error_by_label(
    values: Float[np.ndarray, "..."], errors: Float[np.ndarray, "..."], *, bins: int = 12
) -> pd.DataFrame:
    """Mean error in bins of the label value that hold about equally many cells.

    Errors of NaN are left out. The bin of a cell depends on the share of cells with smaller labels. Equal labels
    therefore share a bin, and there may be fewer than ``bins`` bins.

    Returns:
        A row for each bin, in increasing order of the label: ``value`` (mean label), ``mean`` (mean error), ``sem``
        (standard error of this mean, NaN for a single cell) and ``count``.

    Example:
        >>> error_by_label(np.arange(6.0), np.arange(6.0) ** 2, bins=2)["mean"].round(2).tolist()
        [1.67, 16.67]
    """
    check_shapes(values, errors, "values and errors")
    if not is_whole(bins) or bins < 1:
        raise InputError(f"bins must be a whole number of at least 1, got {bins}")
    kept = ~np.isnan(errors)
    frame = pd.DataFrame({"value": values[kept], "error": errors[kept]}).astype(np.float64)
    if frame.empty or not np.isfinite(frame).all(axis=None):
        raise InputError(f"values and errors must be finite in at least one cell, got {len(frame)} that are not NaN")
    smaller = frame["value"].rank(method="min") - 1
    groups = frame.groupby((smaller * bins // len(frame)).to_numpy())
    error, value = groups["error"], groups["value"].mean()
    columns = {"value": value, "mean": error.mean(), "sem": error.sem(), "count": error.size()}
    return pd.DataFrame(columns).reset_index(drop=True)

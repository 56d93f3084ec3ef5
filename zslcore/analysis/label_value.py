"""How errors go with the value of the label: per class, per attribute, given other causes, and in bins."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslcore.analysis._checks import check_choice, check_shapes, present_classes
from zslcore.analysis.correlation import METHODS, partial_correlation, ranks, row_correlation
from zslcore.analysis.intervals import percentile_interval
from zslcore.errors import InputError

AXES = ("class", "attribute")


@dataclass(frozen=True, eq=False)
class LabelCorrelation:
    """Correlation of label value and error in every class or attribute, with its mean and its null distribution.

    Attributes:
        each: (n,) one correlation per class or attribute; NaN for absent classes and constant rows.
        mean: their mean, NaN if there is none.
        low, high: 95 % bootstrap interval of the mean, classes and attributes drawn anew; NaN for less than two rows.
        draws: (resamples,) the mean in each of those draws.
        null: (permutations,) the mean after each permutation of the labels.
        p_value: two-sided, of the mean, (1 + permutations at least as far from 0) / (1 + permutations).
        p_values: (n,) the same for each row; both are NaN without permutations.
        drawn: what decides which rows and columns a draw holds: axis, seed, present classes, attributes.
    """

    each: Float[np.ndarray, " n"]
    mean: float
    low: float
    high: float
    draws: Float[np.ndarray, " resamples"]
    null: Float[np.ndarray, " permutations"]
    p_value: float
    p_values: Float[np.ndarray, " n"]
    drawn: tuple

    def minus(self, other: "LabelCorrelation") -> tuple[float, float]:
        """95 % interval of the difference of two means, of other errors of the same labels, with the same draws.

        Raises InputError where the draws are not the same: of another axis, seed, size or with other absent classes.

        >>> labels, errors = np.random.default_rng(0).random((2, 8, 9))
        >>> label_correlation(labels, errors).minus(label_correlation(labels, 2 * errors))
        (0.0, 0.0)
        """
        if self.draws.shape != other.draws.shape or self.drawn != other.drawn:
            raise InputError(
                "both must have the same draws, which takes the same axis, seed, resamples, classes and attributes"
            )
        return percentile_interval((self.draws - other.draws).round(12))  # the same order may differ by a rounding


def label_correlation(
    labels: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    *,
    axis: str = "class",
    method: str = "pearson",
    permutations: int = 0,
    resamples: int = 500,
    seed: int = 0,
) -> LabelCorrelation:
    """Correlation of label value and error within each class over its attributes, or within each attribute.

    ``axis`` is ``"class"`` or ``"attribute"``, ``method`` ``"pearson"`` or ``"spearman"``. Rows are not independent:
    classes share hard attributes, attributes share hard classes. So the permutations shuffle the labels of all rows
    alike (whole columns, as Mantel's test does), under the null hypothesis that it does not matter which column of
    labels an error belongs to; and the interval is from rows and columns drawn anew together (Owen, "The pigeonhole
    bootstrap", 2007; ranks are those of all cells). p-values count the observed order in (Phipson and Smyth,
    "Permutation p-values should never be zero", 2010), so they are at least 1 / (1 + permutations).

    Fewer than three columns (attributes, or classes) correlate by 1 or -1 whatever they are: NaN. A row of NaN errors
    is an absent class. ``errors`` may be negative, such as a difference of two error matrices.
    Raises InputError for shapes that differ, a matrix without cells, NaN in part of a row, or infinite values.

    >>> labels = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    >>> result = label_correlation(labels, labels**2, method="spearman")
    >>> result.each, result.mean
    (array([1., 1.]), 1.0)
    """
    _check_arguments(labels, errors, axis, method, permutations, resamples)
    present = present_classes(errors, signed=True)
    x, y = labels[present].astype(np.float64), errors[present].astype(np.float64)
    if axis == "attribute":
        x, y = x.T, y.T
    if x.shape[1] == 0:  # every class is absent
        found, null = np.full(len(x), np.nan), np.full((permutations, len(x)), np.nan)
    else:
        if method == "spearman":
            x, y = ranks(x, 1), ranks(y, 1)
        found, null = row_correlation(x, y), _null_correlations(x, y, permutations, seed)
    valid = ~np.isnan(found)
    mean, null_mean = _mean(found[valid]), np.array([_mean(row[valid]) for row in null])
    draws = _bootstrap_means(x, y, resamples, seed)
    low, high = percentile_interval(draws)
    p_value, p_values = _p_values(mean, null_mean), _p_values(found, null)
    if axis == "class":  # absent classes take their places again
        found, p_values = (_at(present, values) for values in (found, p_values))
    drawn = (axis, seed, tuple(np.flatnonzero(present)), labels.shape)
    return LabelCorrelation(found, mean, low, high, draws, null_mean, float(p_value), p_values, drawn)


def reduction_correlation(
    labels: Float[np.ndarray, "C A"],
    before: Float[np.ndarray, "C A"],
    after: Float[np.ndarray, "C A"],
    *,
    axis: str = "class",
    method: str = "pearson",
    permutations: int = 0,
    seed: int = 0,
) -> LabelCorrelation:
    """Correlation of label value with how much the error fell, ``before - after``: of two epochs or two methods.

    Positive where large labels gain most. Arguments, result and errors as of :func:`label_correlation`; a class
    that is absent from either matrix is absent. A cell with a large error has more to lose, so even a reduction by
    one factor everywhere goes with the label. How far, this correlation does not tell: a difference is noisier than
    what it is the difference of. :func:`zslcore.analysis.reduction_claim` asks by slopes, which noise leaves alone.

    >>> labels = np.array([[0.0, 1.0, 2.0]])
    >>> reduction_correlation(labels, np.array([[3.0, 3.0, 3.0]]), np.array([[3.0, 2.0, 1.0]])).mean
    1.0
    """
    check_shapes(before, after, "before and after")
    for errors in (before, after):
        present_classes(errors)
    reduction = before.astype(np.float64) - after
    return label_correlation(labels, reduction, axis=axis, method=method, permutations=permutations, seed=seed)


def label_partial_correlation(
    labels: Float[np.ndarray, "C A"], errors: Float[np.ndarray, "C A"], *, method: str = "pearson"
) -> float:
    """Correlation of label value and error over all cells, given two other causes of large errors.

    They are the distance of the label to the attribute's mean, |a - mean| (what a prediction pulled to that mean
    gets wrong), and the attribute's variance over the classes. In [-1, 1]; NaN where the two explain the labels or
    the errors fully, as for a single class. The attribute's mean and variance are those of the classes given,
    without the absent ones (rows of NaN errors). ``method`` and errors as of :func:`label_correlation`.

    >>> labels = np.random.default_rng(0).random((5, 6))
    >>> round(label_partial_correlation(labels, 2 * labels + abs(labels - labels.mean(0))), 6)
    1.0
    """
    _check_arguments(labels, errors, "class", method)
    present = present_classes(errors, signed=True)
    labels, errors = labels[present].astype(np.float64), errors[present].astype(np.float64)
    if len(labels) < 2:  # every label is its attribute's mean: nothing is held fixed
        return float("nan")
    distance = np.abs(labels - labels.mean(0))
    variance = np.broadcast_to(labels.var(0), labels.shape)
    given = np.stack([distance.ravel(), variance.ravel()], axis=1)
    return partial_correlation(labels.ravel(), errors.ravel(), given, method=method)


def error_by_label(
    values: Float[np.ndarray, "..."], errors: Float[np.ndarray, "..."], *, bins: int = 12
) -> pd.DataFrame:
    """Mean error in bins of about equal count of the label value, from the smallest labels to the largest.

    A frame with the columns ``value`` (mean label of the bin), ``mean`` (of its errors), ``sem`` (standard error of
    that mean, NaN for a bin of one cell) and ``count``, indexed by the interval of labels. Equal labels share a bin,
    so there may be fewer than ``bins``: one, if all labels are equal. Cells whose error is NaN are left out. Raises
    InputError for shapes that differ, if no cell is left, for infinite values and for ``bins`` below 1.

    >>> error_by_label(np.arange(6.0), np.arange(6.0) ** 2, bins=2)["mean"].round(2).tolist()
    [1.67, 16.67]
    """
    check_shapes(values, errors, "values and errors")
    if bins < 1:
        raise InputError(f"bins must be at least 1, got {bins}")
    kept = ~np.isnan(errors)
    frame = pd.DataFrame({"value": values[kept], "error": errors[kept]}).astype(np.float64)
    if frame.empty or not np.isfinite(frame).all(axis=None):
        raise InputError(
            f"values and errors must be finite in at least one cell, got {kept.sum()} cells that are not NaN"
        )
    edges = np.unique(np.quantile(frame["value"], np.linspace(0, 1, bins + 1)))
    number = 1 if len(edges) == 1 else edges
    groups = frame.groupby(pd.cut(frame["value"], number, include_lowest=True), observed=True)
    error = groups["error"]
    return pd.DataFrame(
        {"value": groups["value"].mean(), "mean": error.mean(), "sem": error.sem(), "count": error.size()}
    )


def _check_arguments(
    labels: np.ndarray, errors: np.ndarray, axis: str, method: str, permutations: int = 0, resamples: int = 0
) -> None:
    check_shapes(labels, errors, "labels and errors")
    check_choice("axis", axis, AXES)
    check_choice("method", method, METHODS)
    for name, count in (("permutations", permutations), ("resamples", resamples)):
        if count < 0:
            raise InputError(f"{name} must be at least 0, got {count}")
    if not np.isfinite(labels).all():
        raise InputError("labels must be finite, got NaN or infinity")


def _null_correlations(x: np.ndarray, y: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Row correlations with the columns of labels in another order: (permutations, rows)."""
    rng = np.random.default_rng(seed)
    null = [row_correlation(x[:, rng.permutation(x.shape[1])], y) for _ in range(permutations)]
    return np.array(null).reshape(permutations, len(x))


def _bootstrap_means(x: np.ndarray, y: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Mean row correlation of rows and columns drawn with replacement: (resamples,)."""
    rng, means = np.random.default_rng(seed), np.full(resamples, np.nan)
    for draw in range(resamples):
        cells = np.ix_(*(rng.integers(size, size=size) for size in x.shape))
        found = row_correlation(x[cells], y[cells])
        means[draw] = _mean(found[~np.isnan(found)])
    return means


def _p_values(found: np.ndarray | float, null: np.ndarray) -> np.ndarray:
    """Two-sided permutation p-values along the first axis, NaN without permutations or without a correlation."""
    extreme = (np.abs(null) >= np.abs(found) * (1 - 1e-9)).sum(0)  # the same order may differ by a rounding
    p_value = (1 + extreme) / (1 + len(null)) if len(null) else np.nan
    return np.where(np.isnan(found), np.nan, p_value)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _at(present: np.ndarray, values: np.ndarray) -> np.ndarray:
    placed = np.full(len(present), np.nan)
    placed[present] = values
    return placed

"""How steeply the error rises with the value of the label, whatever else it depends on."""

import numpy as np
from jaxtyping import Float

from zslcore.analysis._checks import check_choice, check_shapes, present_classes
from zslcore.analysis.correlation import constant
from zslcore.analysis.label_value import AXES
from zslcore.errors import InputError


def relative_slope(labels: Float[np.ndarray, "C A"], errors: Float[np.ndarray, "C A"], *, axis: str = "class") -> float:
    """Rise of the error with a standard deviation of the label, in units of the mean error.

    The least-squares slope of errors on labels with an intercept for each class (``axis="attribute"``: each attribute),
    the within estimator of panel data, times the deviation of the labels within the classes over the mean error of all
    cells. 0.5: where the label is one deviation larger, the error is larger by half of the mean error.

    A correlation says which *part* of the errors' variance goes with the label, so whatever else makes errors differ,
    noise included, lowers it. The slope is not lowered: errors that are all multiplied by a factor, or get noise that
    does not depend on the label, keep theirs. So it, and not the correlation, compares the errors of a network with
    those of a null model, or two stages of one training.

    A row of NaN errors is an absent class. ``errors`` may be negative, such as a difference of two error matrices; NaN
    where their mean is not above 0, where the labels do not vary within the rows, and without a class. Raises
    InputError for shapes that differ, labels that are not finite, and errors as :func:`zslcore.analysis.inequality`.

    >>> labels = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    >>> round(relative_slope(labels, 1 + labels), 3)  # deviation 0.816, slope 1, mean error 2
    0.408
    """
    check_shapes(labels, errors, "labels and errors")
    check_choice("axis", axis, AXES)
    if not np.isfinite(labels).all():
        raise InputError("labels must be finite, got NaN or infinity")
    present = present_classes(errors, signed=True)
    x, y = labels[present].astype(np.float64), errors[present].astype(np.float64)
    return slope_of(*((x, y) if axis == "class" else (x.T, y.T)))


def slope_of(x: Float[np.ndarray, "R n"], y: Float[np.ndarray, "R n"]) -> float:
    """:func:`relative_slope` of rows that are checked, for resamples.

    >>> slope_of(np.array([[1.0, 1.0]]), np.array([[1.0, 2.0]]))  # labels that do not vary
    nan
    """
    if not x.size or constant(x, 1).all() or not y.mean() > 0:
        return float("nan")
    deviation = x - x.mean(1, keepdims=True)
    spread = np.sqrt((deviation**2).mean())
    return float((deviation * y).mean() / (spread * y.mean()))

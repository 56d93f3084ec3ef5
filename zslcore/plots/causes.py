"""Figures of the causes of unequal errors."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from zslcore.analysis._arrays import takes_tables
from zslcore.errors import InputError
from zslcore.plots.errors import draw_means, error_against_label
from zslcore.plots.style import DATASET_LOOKS, WIDTH

MEASURED = "normalised predictions"


@takes_tables
def errors_beside_nulls(
    labels: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    nulls: Mapping[str, Float[np.ndarray, "C A"]],
    *,
    method: str,
    bins: int = 12,
) -> Figure:
    """The errors of one method beside null models, as :func:`zslcore.plots.error_against_label`, without splits.

    Args:
        labels: label values.
        errors: the measured error matrix, the same in each panel, with standard errors.
        nulls: error matrices of null models by key.
        method: key of the measured method.
        bins: as in :func:`zslcore.plots.error_against_label`.

    Example:
        >>> labels = np.array([[0.1, 0.2], [0.8, 0.9]])
        >>> figure = errors_beside_nulls(labels, labels, {"constant": labels, "missing_mean": 0 * labels}, method="mse")
        >>> [axis.get_title() for axis in figure.axes]
        ['constant\\nR² = 1.00', 'missing mean\\nR² = -2.00']
    """
    if not nulls:
        raise InputError("nulls must hold at least one null model, got none")
    matrices = {key: {MEASURED: matrix} for key, matrix in {method: errors, **nulls}.items()}
    return error_against_label({MEASURED: labels}, matrices, bins=bins)


@takes_tables
def oracle_against_variance(
    vectors: Mapping[str, Float[np.ndarray, "C A"]], errors: Mapping[str, Float[np.ndarray, "C A"]], *, bins: int = 12
) -> Figure:
    """Error of a detector that knows the label of each image, against m (1 - m); a panel for each data set.

    A grey dot is a class and attribute. The points are means in bins, the line is where both are equal.

    Args:
        vectors: class values m as shares in [0, 1], by data set.
        errors: of :func:`zslcore.analysis.oracle_errors`, by data set. NaN for cells without labels.
        bins: number of bins with about equally many cells.

    Example:
        >>> shares = np.array([[0.1, 0.2], [0.8, 0.5]])
        >>> (axis,) = oracle_against_variance({"CUB": shares}, {"CUB": shares * (1 - shares)}, bins=2).axes
        >>> axis.get_title()
        'CUB'
    """
    figure, axes = plt.subplots(1, len(vectors), figsize=(WIDTH, 2.9), sharey=True, sharex=True, squeeze=False)
    for index, (axis, (name, shares)) in enumerate(zip(axes[0], vectors.items(), strict=True)):
        variance = shares * (1 - shares)
        axis.scatter(variance, errors[name], s=2, color="0.75", linewidth=0, rasterized=True)
        axis.plot([0, 0.25], [0, 0.25], color="black", lw=0.6)
        draw_means(axis, variance, errors[name], DATASET_LOOKS[index % len(DATASET_LOOKS)], bins=bins)
        axis.set_title(name)
    axes[0, 0].set_ylabel("squared error of\nthe image labels")
    figure.supxlabel("m (1 - m) of the class value m", fontsize="medium")
    return figure

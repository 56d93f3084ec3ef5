"""Evenness of errors over repeated trainings, and the effect of a loss on large and on small errors."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslcore.analysis import coefficient_of_variation, theil_index

MEASURES = ["mean", "worst-cell error", "coefficient of variation", "theil"]


def measure_errors(errors: Mapping[str, Sequence[Float[np.ndarray, "..."]]]) -> pd.DataFrame:
    """Size and inequality of the errors of several trainings.

    Args:
        errors: for each method, an array of errors for each seed.

    Returns:
        A row per method and seed, with the columns ``method``, ``seed`` and :data:`MEASURES`, as
        :func:`zslcore.study.results.tables.compare` expects it.

    Example:
        >>> measure_errors({"mse": [np.array([1.0, 3.0])]}).round(2).values.tolist()
        [['mse', 0, 2.0, 3.0, 0.5, 0.13]]
    """
    rows = []
    for method, arrays in errors.items():
        for seed, array in enumerate(arrays):
            measures = (array.mean(), array.max(), coefficient_of_variation(array), theil_index(array))
            rows.append((method, seed, *map(float, measures)))
    return pd.DataFrame(rows, columns=["method", "seed", *MEASURES])


def describe_shift(errors: Mapping[str, Sequence[Float[np.ndarray, "..."]]]) -> str:
    """Sentence on how the second of two methods changes the largest and the smallest errors.

    Errors are averaged over the seeds. Cells are sorted by their mean error under both methods, so that the order
    favours neither.

    Args:
        errors: for each of two methods, an array of errors for each seed.

    Example:
        >>> describe_shift({"MSE": [np.array([1.0, 2, 3, 4])], "ReMSE": [np.array([1.5, 2, 3, 3])]})
        'In the quarter of the cells with the largest errors, the mean error is 25 % lower with ReMSE than with MSE. \
In the quarter with the smallest errors, it is 50 % higher.'
    """
    (baseline, before), (method, after) = [(name, np.mean(arrays, axis=0).ravel()) for name, arrays in errors.items()]
    order = np.argsort(before + after)
    quarter = -(-len(order) // 4)
    smallest, largest = [_change(before[part], after[part]) for part in (order[:quarter], order[-quarter:])]
    return (
        f"In the quarter of the cells with the largest errors, the mean error is {largest} with {method} than with "
        f"{baseline}. In the quarter with the smallest errors, it is {smallest}."
    )


def _change(before: np.ndarray, after: np.ndarray) -> str:
    percent = 100 * (after.mean() / before.mean() - 1)
    return f"{abs(percent):.0f} % {'lower' if percent < 0 else 'higher'}"


def describe_noise(numbers: Mapping[int, pd.DataFrame]) -> str:
    """Sentences on how ReMSE's weights change from few to many images of each class.

    Args:
        numbers: frames of :func:`zslcore.plots.explorer.explore` by the number of images, the smaller first.

    Example:
        >>> columns, index = ["mean weight", "correlation with true error"], ["balanced", "imbalanced"]
        >>> few = pd.DataFrame([[4.0, np.nan], [5.0, 0.4]], index, columns)
        >>> many = pd.DataFrame([[1.5, np.nan], [3.0, 0.9]], index, columns)
        >>> print(describe_noise({2: few, 64: many}).replace(". ", ".\\n"))
        With 64 instead of 2 images of each class, the mean weight of the balanced field falls from 4.00 to 1.50.
        That of the imbalanced field falls from 5.00 to 3.00.
        The correlation of its weights with the true errors rises from 0.40 to 0.90.
    """
    (few, before), (many, after) = numbers.items()

    def moves(field: str, column: str) -> str:
        old, new = before.loc[field, column], after.loc[field, column]
        return f"{'falls' if new < old else 'rises'} from {old:.2f} to {new:.2f}"

    return (
        f"With {many} instead of {few} images of each class, the mean weight of the balanced field "
        f"{moves('balanced', 'mean weight')}. That of the imbalanced field {moves('imbalanced', 'mean weight')}. "
        f"The correlation of its weights with the true errors {moves('imbalanced', 'correlation with true error')}."
    )

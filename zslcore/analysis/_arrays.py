"""Tables, tensors, lists and masked arrays as arguments of the functions of arrays."""

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from zslcore._io.numbers import as_array
from zslcore.errors import InputError

P, R = ParamSpec("P"), TypeVar("R")


def takes_tables(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of arrays also take tables, tensors and lists of numbers; masked values become NaN.

    Tables and series with the same names must have them in the same order, because arrays have no names.

    Example:
        >>> takes_tables(lambda values: values.shape)(pd.DataFrame({"a": [1, 2]}))
        (2, 1)
    """

    @functools.wraps(function)
    def with_arrays(*args: P.args, **kwargs: P.kwargs) -> R:
        names: list[pd.Index] = []
        arrays = [_array(each, names) for each in args]
        return function(*arrays, **{key: _array(each, names) for key, each in kwargs.items()})

    return with_arrays


def _array(value: Any, names: list[pd.Index]) -> Any:
    """An argument with its numbers as arrays; ``names`` are the row and column names of earlier arguments."""
    if isinstance(value, Mapping):
        return {key: _array(each, names) for key, each in value.items()}
    if isinstance(value, (pd.DataFrame, pd.Series)):
        _check_order(value.axes, names)
        names.extend(value.axes)
        return _numbers(value)
    if isinstance(value, np.ma.MaskedArray):
        return value.astype(float).filled(np.nan) if np.ma.is_masked(value) or value.dtype.kind == "f" else value.data
    if isinstance(value, list):
        parts = [_array(each, names) for each in value]
        several = value and not isinstance(value[0], list) and np.ndim(parts[0]) > 1  # a matrix for each seed
        return parts if several or not value or isinstance(value[0], str) else np.array(parts)
    return as_array(value)


def _check_order(axes: list[pd.Index], names: list[pd.Index]) -> None:
    """Raise InputError if an axis has the names of one of an earlier table, in another order."""
    for axis, earlier in itertools.product(axes, names):
        if len(axis) == len(earlier) and not axis.equals(earlier) and set(axis) == set(earlier):
            raise InputError("tables with the same rows or columns must have them in the same order")


def _numbers(table: pd.DataFrame | pd.Series) -> np.ndarray:
    """The values of a table; those of nullable types and of objects as floats."""
    types = [table.dtype] if table.ndim == 1 else table.dtypes
    if all(isinstance(each, np.dtype) and each.kind != "O" for each in types):
        return table.to_numpy()
    try:
        return table.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        return table.to_numpy()  # text, which the function refuses

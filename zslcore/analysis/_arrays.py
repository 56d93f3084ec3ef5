"""Tables, tensors, lists and masked arrays as arguments of the functions of arrays."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from zslcore.errors import InputError

P, R = ParamSpec("P"), TypeVar("R")


def takes_tables(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of arrays take tables, tensors and lists of numbers too; what is masked becomes NaN.

    Tables of one shape must have the same rows and columns in the same order, because arrays have no names.

    Example:
        >>> takes_tables(lambda values: values.shape)(pd.DataFrame({"a": [1, 2]}))
        (2, 1)
    """

    @functools.wraps(function)
    def with_arrays(*args: P.args, **kwargs: P.kwargs) -> R:
        tables: dict[tuple[int, ...], Any] = {}
        return function(*(_array(each, tables) for each in args), **{k: _array(v, tables) for k, v in kwargs.items()})

    return with_arrays


def _array(value: Any, tables: dict[tuple[int, ...], Any]) -> Any:
    """An argument with all numbers in it as arrays."""
    if isinstance(value, Mapping):
        return {key: _array(each, tables) for key, each in value.items()}
    if isinstance(value, pd.DataFrame):
        first = tables.setdefault(value.shape, value)
        if not (value.index.equals(first.index) and value.columns.equals(first.columns)):
            raise InputError("tables of one shape must have the same rows and columns in the same order")
        return value.to_numpy()
    if isinstance(value, np.ma.MaskedArray):
        return value.filled(np.nan) if value.dtype.kind == "f" else value
    if isinstance(value, list):
        parts = [_array(each, tables) for each in value]
        several = value and not isinstance(value[0], list) and np.ndim(parts[0]) > 1  # a matrix for each seed
        return parts if several or not value or isinstance(value[0], str) else np.array(parts)
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu()
        return value.numpy() if value.dtype.itemsize > 2 or not value.is_floating_point() else value.float().numpy()
    return value.to_numpy() if isinstance(value, pd.Series) else value

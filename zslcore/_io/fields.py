"""Fields of a dataclass that declare their allowed values and their help."""

import contextlib
import dataclasses
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zslcore.errors import InputError


def setting(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] | Callable[[], tuple[str, ...]] | None = None,
) -> Any:
    """A dataclass field with its help and its allowed values; a callable ``choices`` is called at each check."""
    limits = {"at_least": at_least, "above": above, "below": below}
    metadata = {"help": help, "limits": limits, "choices": choices}
    if default is dict:
        return dataclasses.field(default_factory=dict, hash=False, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def in_module(module: str, constant: str) -> Callable[[], tuple[str, ...]]:
    """Choices that another module names; it is imported when they are needed, because torch takes long to import."""
    return lambda: tuple(getattr(importlib.import_module(module), constant))


def checked(field: dataclasses.Field, value: Any) -> Any:
    """The value as its field's type; InputError if it has another type or is not allowed."""
    if isinstance(value, np.generic):
        value = value.item()
    if field.type is float and type(value) is int:
        with contextlib.suppress(OverflowError):
            value = float(value)
    limits, choices = field.metadata["limits"], _choices(field)
    fits = type(value) is field.type
    if fits and field.type in (int, float):
        fits = (
            math.isfinite(value)
            and (limits["at_least"] is None or value >= limits["at_least"])
            and (limits["above"] is None or value > limits["above"])
            and (limits["below"] is None or value < limits["below"])
        )
    if not fits or (choices and value not in choices):
        raise InputError(f"{field.name} must be {allowed_values(field)}, got {value!r}")
    return value


def _choices(field: dataclasses.Field) -> tuple[str, ...] | None:
    choices = field.metadata["choices"]
    return choices() if callable(choices) else choices


def allowed_values(field: dataclasses.Field) -> str:
    """The allowed values of a setting in words."""
    if choices := _choices(field):
        return f"one of {', '.join(choices)}"
    words = {int: "an integer", float: "a number", bool: "true or false", str: "text", dict: "a dictionary"}
    limits = {"at_least": "of at least", "above": "above", "below": "below"}
    bounds = [f"{limits[name]} {bound}" for name, bound in field.metadata["limits"].items() if bound is not None]
    return f"{words[field.type]} {' and '.join(bounds)}".rstrip()

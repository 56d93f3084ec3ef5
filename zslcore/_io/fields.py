"""Fields of a dataclass that declare their allowed values and their help."""

import contextlib
import dataclasses
import math
import operator
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import numpy as np

from zslcore._io.locations import CONTROL
from zslcore.errors import InputError

_WITHIN = {"of at least": operator.ge, "above": operator.gt, "below": operator.lt, "at most": operator.le}


def setting(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] | str | Callable[[], tuple[str, ...]] | None = None,
) -> Any:
    """A dataclass field with its help and its allowed values.

    ``choices`` may be ``"module:CONSTANT"`` or a function, so that the module is imported only when it is needed.
    """
    bounds = {"of at least": at_least, "above": above, "below": below, "at most": at_most}
    limits = {name: bound for name, bound in bounds.items() if bound is not None}
    metadata = {"help": help, "limits": limits, "choices": choices}
    if default is dict:
        return dataclasses.field(default_factory=dict, hash=False, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def checked(field: dataclasses.Field, value: Any) -> Any:
    """The value as its field's type; InputError if it has another type or is not allowed."""
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) is dict:
        value = {name: item.item() if isinstance(item, np.generic) else item for name, item in value.items()}
    if field.type is float and type(value) is int:
        with contextlib.suppress(OverflowError):
            value = float(value)
    limits, choices = field.metadata["limits"], _choices(field)
    fits = type(value) is field.type and (not choices or value in choices)
    if fits and field.type in (int, float):
        fits = field.type is int or math.isfinite(value)  # no float holds an integer of 400 digits
        fits = fits and all(_WITHIN[name](value, bound) for name, bound in limits.items())
    if not fits:
        raise InputError(f"{field.name} must be {allowed_values(field)}, got {value!r:.100}")
    if field.type is str and CONTROL.search(value):
        raise InputError(f"{field.name} must have no control characters, got {value!r:.100}")
    return value


def _choices(field: dataclasses.Field) -> tuple[str, ...] | None:
    choices = field.metadata["choices"]
    if isinstance(choices, str):
        return tuple(resolve_name(choices))
    return choices() if callable(choices) else choices


def allowed_values(field: dataclasses.Field) -> str:
    """The allowed values of a setting in words."""
    if choices := _choices(field):
        return f"one of {', '.join(choices)}"
    words = {int: "an integer", float: "a number", bool: "true or false", str: "text", dict: "a dictionary"}
    bounds = [f"{name} {bound}" for name, bound in field.metadata["limits"].items()]
    return f"{words[field.type]} {' and '.join(bounds)}".rstrip()

"""Values that the texts of a command line stand for."""

import math
import re

from zslcore._io.mappings import unique_json
from zslcore.errors import InputError

SCALARS = ("int", "float", "bool", "str")


def text_value(name: str, kind: str, text: str) -> object:
    """Convert the text of a setting or parameter to a value of its type; InputError if it is not of this type.

    ``kind`` is ``int``, ``float``, ``bool``, ``str``, a list of one of these such as ``list[int]``, or ``dict``. A
    float must be finite, a bool is ``true`` or ``false``, a dict is a JSON object, and a list has commas between its
    values; its brackets and quotes are optional.

    Example:
        >>> text_value("seeds", "list[int]", "0, 1, 2")
        [0, 1, 2]
    """
    allowed = {"bool": "bool (true or false)", "dict": "a JSON object"}.get(kind, kind)
    try:
        if kind == "dict":
            value = unique_json(text)
            if isinstance(value, dict):
                return value
            raise ValueError(text)
        if kind in SCALARS:
            return _scalar(kind, text)
        inner = text.strip().removeprefix("[").removesuffix("]")
        kind = kind.removeprefix("list[").removesuffix("]")
        parts = inner.split(",") if inner else []
        return [_scalar(kind, re.sub(r"^(['\"])(.*)\1$", r"\2", part.strip())) for part in parts]
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except (ValueError, RecursionError):  # RecursionError: thousands of brackets
        raise InputError(f"{name} must be {allowed}, got {text!r:.100}") from None


def _scalar(kind: str, text: str) -> object:
    if kind == "str":
        return text
    if kind == "bool":
        return ("false", "true").index(text.strip().lower()) == 1
    value = int(text) if kind == "int" else float(text)
    if kind == "float" and not math.isfinite(value):
        raise ValueError(text)
    return value

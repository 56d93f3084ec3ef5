"""The required content of a run's ``metrics.json``."""

import math
from collections.abc import Mapping
from pathlib import Path

from zslcore.errors import InputError

_ACCURACIES = {"T1": "share", "U": "share or null", "S": "share or null", "H": "share or null"}
_PROTOCOL = _ACCURACIES | {"AUSUC": "share or null", "gamma": "number or null", "epoch": "number"}
_WORDS = {"share": "a number from 0 to 1", "number": "a finite number", "text": "text"}
_SHAPE = {  # "*" stands for any name
    "dataset": {"fingerprint": "text"},
    "contents": {"*": "text"},
    "protocols": {"*": _PROTOCOL},
    "validation": {"*": "number", "H": "share"},
    "errors": {"*": {"*": "number or null"}},
    "effective_lambda": "number or null",
    "cost": {"seconds": "number"},
    "environment": {"device": "text", "torch": "text"},
}


def check_metrics(file: Path, metrics: object, remedy: str) -> None:
    """Raise InputError unless the content of ``metrics.json`` has the names, types and ranges that readers rely on.

    Example:
        >>> check_metrics(Path("metrics.json"), {"dataset": {"fingerprint": 3}}, "remove it")
        Traceback (most recent call last):
        zslcore.errors.InputError: metrics.json is damaged: dataset.fingerprint must be text, got 3; remove it
    """
    if fault := _fault("it", metrics, _SHAPE):
        raise InputError(f"{file} is damaged: {fault}; {remedy}")


def _fault(where: str, value: object, shape: object) -> str | None:
    """The first fault in words; None if there is none."""
    if isinstance(shape, str):
        kind, _, optional = shape.partition(" or ")
        if _fits(value, kind) or (optional and value is None):
            return None
        return f"{where} must be {_WORDS[kind]}{' or null' if optional else ''}, got {value!r:.100}"
    if not isinstance(value, Mapping):
        return f"{where} must be an object, got {value!r:.100}"
    for name in [*value, *shape]:
        wanted = shape.get(name, shape.get("*"))
        if name == "*" or wanted is None:
            continue
        place = name if where == "it" else f"{where}.{name}"
        if name not in value:
            return f"{place} is missing"
        if fault := _fault(place, value[name], wanted):
            return fault
    return None


def _fits(value: object, kind: str) -> bool:
    if kind == "text":
        return isinstance(value, str)
    if type(value) not in (int, float) or (type(value) is float and not math.isfinite(value)):
        return False
    return kind == "number" or 0 <= value <= 1 + 1e-9  # a harmonic mean may exceed 1 by its rounding

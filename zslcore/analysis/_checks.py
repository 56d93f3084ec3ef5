"""Checks that the functions of the analysis share."""

import numpy as np
from jaxtyping import Bool, Float

from zslcore.errors import InputError


def check_shapes(first: np.ndarray, second: np.ndarray, names: str) -> None:
    """Raise InputError unless both arrays have the same shape."""
    if first.shape != second.shape:
        raise InputError(f"{names} must have one shape, got {first.shape} and {second.shape}")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise InputError unless ``value`` is one of the allowed."""
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def check_counts(counts: np.ndarray, classes: int) -> None:
    """Raise InputError unless ``counts`` holds a number of at least 0 for each class."""
    if counts.shape != (classes,):
        raise InputError(f"counts must have one entry for each of {classes} classes, got shape {counts.shape}")
    if (counts < 0).any():
        raise InputError(f"counts must be at least 0, got {counts.min()}")


def present_classes(errors: Float[np.ndarray, "C A"], *, signed: bool = False) -> Bool[np.ndarray, " C"]:
    """Which classes have errors; a row of NaN is an absent class. Only ``signed`` errors may be negative."""
    if not errors.size:
        raise InputError(f"errors must have at least one class and one attribute, got shape {errors.shape}")
    missing = np.isnan(errors)
    present = ~missing.all(1)
    if missing[present].any() or np.isinf(errors).any():
        raise InputError("errors must be finite, or NaN for a whole absent class, got other NaN or infinity")
    if not signed and (errors[present] < 0).any():
        raise InputError(f"errors must be at least 0, got {errors[present].min()}")
    return present

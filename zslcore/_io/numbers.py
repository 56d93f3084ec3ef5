"""Numbers among the arguments that a user gives."""

from numbers import Integral, Real
from typing import Any


def is_number(value: object) -> bool:
    """Whether a value is a real number of Python or numpy; a bool is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number of Python or numpy; a bool and 2.0 are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def as_array(values: Any) -> Any:
    """A tensor as an array, of at least float32 if it holds floats; anything else unchanged."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    return values.numpy() if values.dtype.itemsize > 2 or not values.is_floating_point() else values.float().numpy()

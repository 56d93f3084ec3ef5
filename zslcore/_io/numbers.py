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
    """A tensor as an array of float64; anything else unchanged. numpy refuses tensors of bfloat16 or with gradients."""
    return values.detach().cpu().double().numpy() if hasattr(values, "detach") else values

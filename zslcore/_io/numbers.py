"""Numbers among the arguments that a user gives."""

from numbers import Integral, Real


def is_number(value: object) -> bool:
    """Whether a value is a real number of Python or numpy; a bool is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number of Python or numpy; a bool and 2.0 are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)

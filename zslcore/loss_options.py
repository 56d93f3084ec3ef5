"""Options of a regression loss in a config: their names and their allowed values."""

import contextlib
import sys
from typing import Any

from zslcore.errors import InputError

# Settings that are also options of a regression loss, see zslcore.criteria.criterion_options.
OPTION_FIELDS = ("p", "p2", "memory", "reference", "unit_mean", "normalize")
LARGEST = 100_000  # whole number among the options of a loss, such as a number of bins


def reference_value(text: str) -> str | float:
    """The ``reference`` of a config as :class:`zslcore.remse.ReMSE` takes it: a name, or a quantile in (0, 1).

    Example:
        >>> reference_value("0.1")
        0.1
    """
    from zslcore.losses.rebalancing import REFERENCES

    if text in REFERENCES:
        return text
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise InputError(f"reference must be one of {', '.join(REFERENCES)}, or a quantile in (0, 1), got {text!r}")


def check_loss_options(loss: str, options: dict[str, Any]) -> None:
    """Raise InputError unless the loss, which may be a solver or ``"none"``, has these options and allows their values.

    Example:
        >>> check_loss_options("huber", {"delta": "small"})
        Traceback (most recent call last):
        zslcore.errors.InputError: delta in loss_options must be a finite number, got 'small'
    """
    from zslcore.closed_form import SOLVERS, solver_options
    from zslcore.criteria import criterion_options
    from zslcore.losses.checks import check_positive

    known = {}
    if loss in SOLVERS:
        known = solver_options(loss)
    elif loss != "none":
        known = criterion_options(loss)
    for name, value in options.items():
        if name not in known or name in OPTION_FIELDS:
            allowed = ", ".join(sorted(set(known) - set(OPTION_FIELDS))) or "none"
            raise InputError(f"loss_options of {loss} must be among: {allowed}; got {name!r}")
        kind = type(known[name])
        if not _fits(value, kind):
            allowed = {float: "a finite number", int: f"a whole number of at most {LARGEST}"}.get(kind, kind.__name__)
            raise InputError(f"{name} in loss_options must be {allowed}, got {value!r:.100}")
        if loss in SOLVERS:
            check_positive(f"{name} in loss_options", value)


def _fits(value: Any, kind: type) -> bool:
    if kind is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max  # False for NaN
    return type(value) is kind and (kind is not int or abs(value) <= LARGEST)

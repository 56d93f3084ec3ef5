"""Checks of the parameters of the study's notebooks, before a notebook starts.

A parameter with the name of a ``RunConfig`` setting is checked as that setting, and a list of such values item by item.
Any other whole number is a count.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

from zslcore._io.locations import data_root
from zslcore._io.text_values import text_value
from zslcore.config import RunConfig
from zslcore.errors import InputError
from zslcore.methods import MAX_SEEDS, check_method

Values = Mapping[str, object]
LISTS = {"lams": "lam", "exponents": "p"}  # the setting of each item
MAX_COUNT = 10_000


def check_parameters(given: Values, defaults: Values) -> None:
    """Raise InputError for a value that the study's notebooks cannot use; ``defaults`` holds the other parameters.

    Example:
        >>> check_parameters({"lams": [1.0, -1.0]}, {"lams": [1.0, 10.0]})
        Traceback (most recent call last):
        zslcore.errors.InputError: lams: lam must be a number of at least 0, got -1.0
    """
    settings = {field.name for field in dataclasses.fields(RunConfig)}
    for name, value in given.items():
        if isinstance(value, list) and len(set(value)) < len(value):
            raise InputError(f"{name} must hold each value once, got {', '.join(map(str, value)):.100}")
        if name in _CHECKS:
            _CHECKS[name](value, {**defaults, **given})
        elif name in settings:
            RunConfig.check(name, value)
        elif type(value) is int:
            _check_count(name, value, MAX_COUNT)


def _check_each(values: list, parameters: Values, *, name: str) -> None:
    if not values:
        raise InputError(f"{name} must hold at least one value")
    for value in values:
        try:
            RunConfig.check(LISTS[name], value)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None


def _check_count(name: str, value: int, limit: int) -> None:
    if not 1 <= value <= limit:
        raise InputError(f"{name} must be a whole number from 1 to {limit}, got {value!r:.100}")


def _check_dataset(name: str, parameters: Values) -> None:
    from zslcore.data.xlsa17 import dataset_folder

    RunConfig.check("dataset", name)
    if name != "SYNTH":
        dataset_folder(data_root(), name)


def _check_losses(losses: list, parameters: Values) -> None:
    from zslcore.criteria import CRITERIA  # here, because it imports torch

    if unknown := [loss for loss in losses if loss not in CRITERIA]:
        raise InputError(f"losses must be among {', '.join(CRITERIA)}; got {unknown[0]!r:.100}")


def _check_settings(text: str, parameters: Values) -> None:
    config = RunConfig.study(parameters["dataset"], method=parameters["method"], seed=parameters["seed"])
    changes = text_value("settings", "dict", text)
    try:
        config.replace(**changes)
    except InputError as error:
        raise InputError(f"settings: {error}") from None


_CHECKS: dict[str, Callable] = {
    "dataset": _check_dataset,
    "method": lambda method, parameters: check_method(parameters["dataset"], method),
    "seeds": lambda seeds, parameters: _check_count("seeds", seeds, MAX_SEEDS),
    "losses": _check_losses,
    "settings": _check_settings,
    **{name: partial(_check_each, name=name) for name in LISTS},
}

"""zslcore: rebalanced mean squared error (ReMSE) for zero-shot learning, and the study that tests it."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zslcore.errors import InputError
    from zslcore.remse import ReMSE, class_error, remse_weights

__version__ = "0.1.0"
__all__ = ["InputError", "ReMSE", "class_error", "remse_weights"]

_HOMES = {"InputError": "errors", "ReMSE": "remse", "class_error": "remse", "remse_weights": "remse"}


def __getattr__(name: str) -> object:
    """Import public names on first use: ``zslcore --help`` need not wait seconds for torch."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"zslcore.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'zslcore' has no attribute {name!r}")

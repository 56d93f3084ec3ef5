"""zslcore: rebalanced mean squared error (ReMSE) for zero-shot learning, and the study that tests it."""

import importlib
from typing import TYPE_CHECKING

from zslcore._version import __version__

if TYPE_CHECKING:
    from zslcore.config import RunConfig
    from zslcore.data.benchmark import Benchmark
    from zslcore.errors import InputError
    from zslcore.remse import ReMSE, class_error, remse_weights
    from zslcore.training import Run, fit


_HOMES = {
    "Benchmark": "zslcore.data.benchmark",
    "InputError": "zslcore.errors",
    "ReMSE": "zslcore.remse",
    "Run": "zslcore.training",
    "RunConfig": "zslcore.config",
    "class_error": "zslcore.remse",
    "fit": "zslcore.training",
    "remse_weights": "zslcore.remse",
}
__all__ = ["Benchmark", "InputError", "ReMSE", "Run", "RunConfig", "__version__", "class_error", "fit", "remse_weights"]


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that ``import zslcore`` and ``zslcore --help`` are fast."""
    if name in _HOMES:
        if name in ("Run", "RunConfig", "fit"):
            from zslcore._io.extras import require

            require("study", "yaml", "pandas", "torchvision", "accelerate")
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "trainer":  # scripts that observe or interrupt a training import the loop by this name
        return importlib.import_module("zslcore.training.loop")
    raise AttributeError(f"module 'zslcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

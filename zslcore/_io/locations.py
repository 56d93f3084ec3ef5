"""Where files are: data sets, what can be computed again, and run folders.

The default folders are in the checkout, or in the working directory for an installed package.
"""

import os
from pathlib import Path


def data_root() -> Path:
    """Folder with ``xlsa17/`` and the images: ``$ZSLCORE_DATA``, by default ``data/``.

    Only ``zslcore data`` writes to it.
    """
    return _folder("ZSLCORE_DATA", "data")


def cache_root() -> Path:
    """Folder for what can be computed again (SYNTH, frozen features): ``$ZSLCORE_CACHE``, by default ``data/cache``."""
    return _folder("ZSLCORE_CACHE", "data/cache")


def runs_root() -> Path:
    """Folder of the run folders: ``$ZSLCORE_RUNS``, by default ``runs/``."""
    return _folder("ZSLCORE_RUNS", "runs")


def _folder(variable: str, default: str) -> Path:
    checkout = Path(__file__).resolve().parents[2]
    home = checkout if (checkout / "notebooks").is_dir() else Path.cwd()
    return Path(os.environ.get(variable) or home / default).expanduser().absolute()

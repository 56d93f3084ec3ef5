"""Where data lie: the benchmark root that the user names, and the folder for what zslcore itself makes."""

import os
from pathlib import Path

import zslcore


def _home() -> Path:
    """The checkout that holds the package, or the working directory for an installed package."""
    checkout = Path(zslcore.__file__).resolve().parents[1]
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def data_root() -> Path:
    """Folder that holds ``xlsa17/`` and the images: ``$ZSLCORE_DATA``, by default ``data/`` of the checkout.

    It is only ever read.

    >>> data_root().is_absolute()
    True
    """
    return Path(os.environ.get("ZSLCORE_DATA") or _home() / "data").expanduser().absolute()


def cache_root() -> Path:
    """Folder for what can be made again (SYNTH, frozen features): ``$ZSLCORE_CACHE``, by default ``data/cache``.

    Apart from :func:`data_root`, since a shared data folder is often read-only.

    >>> cache_root().is_absolute()
    True
    """
    return Path(os.environ.get("ZSLCORE_CACHE") or _home() / "data" / "cache").expanduser().absolute()


def runs_root() -> Path:
    """Folder of the run folders: ``$ZSLCORE_RUNS``, by default ``runs/`` of the checkout.

    >>> runs_root().is_absolute()
    True
    """
    return Path(os.environ.get("ZSLCORE_RUNS") or _home() / "runs").expanduser().absolute()

"""The checkout that holds the package: its notebooks, its ``docs/`` and its committed ``results/``."""

from pathlib import Path

from zslcore.errors import InputError

_ROOT = Path(__file__).resolve().parents[2]


def root() -> Path:
    """The folder of the checkout; InputError if the package is installed without it."""
    if not notebooks_root().is_dir():
        raise InputError(f"this needs the repository of zslcore, but the package in {_ROOT} is installed without it")
    return _ROOT


def notebooks_root() -> Path:
    """Folder of the study's notebooks, which is absent if the package is installed without the checkout."""
    return _ROOT / "notebooks"

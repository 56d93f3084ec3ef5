"""The checkout that holds the package: its notebooks, its ``docs/`` and its committed ``results/``."""

from pathlib import Path


def root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).resolve().parents[2]


def notebooks_root() -> Path:
    """Folder of the study's notebooks."""
    return root() / "notebooks"

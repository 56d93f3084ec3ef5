"""What a SYNTH is made with, and the stamp that says so on disk."""

import json
from dataclasses import dataclass

from zslcore.errors import InputError

NAME = "SYNTH"
VERSION = 3  # raise it when pictures, tables, splits or ground truth change: every cached copy is then made again
_MAX_CLASSES = 999  # folder names carry three digits


@dataclass(frozen=True)
class Settings:
    """What a SYNTH is made with; two with equal settings and versions are equal byte by byte.

    ``num_classes`` 4 to 999, ``num_unseen`` of them at most all but three, ``images_per_class`` 2 to 9999 and ``size``
    32 to 1024 pixels. Raises InputError for a setting out of range.

    >>> Settings(num_classes=5, num_unseen=3)  # would leave two seen classes
    Traceback (most recent call last):
    zslcore.errors.InputError: SynthBirds: num_unseen must be a whole number from 1 to 2, got 3
    """

    seed: int = 0
    num_classes: int = 50
    num_unseen: int = 10
    images_per_class: int = 30
    size: int = 128

    def __post_init__(self) -> None:
        ranges = {
            "seed": (0, 2**31),
            "num_classes": (4, _MAX_CLASSES),
            "num_unseen": (1, self.num_classes - 3),  # leaves a train, a val and one more seen class
            "images_per_class": (2, 9999),
            "size": (32, 1024),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise InputError(f"SynthBirds: {name} must be a whole number from {low} to {high}, got {value!r}")

    @property
    def stamp(self) -> str:
        """Text that a complete benchmark of these settings carries."""
        return json.dumps({"version": VERSION, **vars(self)}, indent=1) + "\n"

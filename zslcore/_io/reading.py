"""Files that a user names, checked before they are read."""

import os
import stat
from pathlib import Path

from zslcore.errors import InputError

LARGEST_TEXT = 64 << 20  # bytes of a file that is read and parsed as a whole


def check_regular(path: Path, *, largest: int | None = None) -> None:
    """Raise InputError for a pipe or a device, which may never end, and for a file of more than ``largest`` bytes.

    Example:
        >>> check_regular(Path(os.devnull))
        Traceback (most recent call last):
        zslcore.errors.InputError: /dev/null must be a file, not a pipe or a device
    """
    try:
        status = os.stat(path)
    except OSError:
        return  # told when the file is opened
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} must be a file, not a pipe or a device")
    if largest is not None and status.st_size > largest:
        raise InputError(f"{path} must have at most {largest:,} bytes, got {status.st_size:,}")

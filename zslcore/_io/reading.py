"""Files that a user names, checked before they are read, and the text in them."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from zslcore.errors import InputError

LARGEST_TEXT = 64 << 20  # bytes of a file that is read and parsed as a whole

# First bytes, in small letters, of files of a wrong kind: the kind of file, and what to do
OTHER_KINDS = {
    b"version https://git-lfs": "a pointer of Git LFS: run git lfs pull",
    b"/annex/objects/": "a pointer of git-annex: run git annex get",
    b"<!doctype": "an HTML page, so its download failed: download it again",
    b"<html": "an HTML page, so its download failed: download it again",
    b"\x1f\x8b": "compressed by gzip: unpack it",
    b"pk\x03\x04": "a zip archive: unpack it",
}


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
        return  # opening the file raises the error
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} must be a file, not a pipe or a device")
    if largest is not None and status.st_size > largest:
        raise InputError(f"{path} must have at most {largest:,} bytes, got {status.st_size:,}")


def decoded(content: bytes) -> str:
    """Text in UTF-16 with a byte order mark, as Windows writes it, or else in UTF-8; UnicodeDecodeError otherwise.

    Example:
        >>> decoded("lark".encode("utf-16")), decoded("\ufefflark".encode())
        ('lark', 'lark')
    """
    return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def kind_of(content: bytes, kinds: Mapping[bytes, str]) -> str | None:
    """The kind of a file by its first bytes, after blanks; None if none of ``kinds`` fits.

    Example:
        >>> kind_of(b"\\n<HTML>...", OTHER_KINDS)
        'an HTML page, so its download failed: download it again'
    """
    head = content[:200].lstrip().lower()
    return next((kind for begin, kind in kinds.items() if head.startswith(begin)), None)

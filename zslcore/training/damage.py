"""Damaged files: parse errors become InputErrors that say what to remove."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

from safetensors import SafetensorError

from zslcore.errors import InputError

PARSE_ERRORS = (ValueError, LookupError, TypeError, AttributeError, EOFError, BadZipFile, SafetensorError)


@contextmanager
def damage_named(path: Path, remedy: str, *, what: str = "is damaged") -> Iterator[Path]:
    """Read a file within the block; a parse error or a missing file becomes an InputError with the remedy.

    InputError, MemoryError and errors of the system, such as PermissionError, are raised unchanged, because the file
    may be undamaged.
    """
    try:
        yield path
    except InputError:
        raise
    except (*PARSE_ERRORS, FileNotFoundError) as error:
        raise InputError(f"{path} {what}: {remedy}") from error

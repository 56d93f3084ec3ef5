"""Where files are: data sets, cached files, and run folders.

A relative folder, such as the defaults, is relative to the checkout, or to the working directory for an installed
package. It is therefore the same folder for a shell, a notebook and the Snakefile, which work in different directories.
"""

import os
import re
from pathlib import Path

from zslcore.errors import InputError

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST_NAME = 255  # bytes, on all usual file systems
DATASET_NAME = r"\w[\w.-]*"  # such as my-birds or CUB.v2; safe as a folder, in a shell and as a Snakemake wildcard


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


def environment() -> dict[str, str]:
    """The three folders as environment variables, for a process that works in another directory."""
    return {"ZSLCORE_DATA": str(data_root()), "ZSLCORE_CACHE": str(cache_root()), "ZSLCORE_RUNS": str(runs_root())}


def user_path(text: str | Path, *, what: str = "a path") -> Path:
    """A path as a user wrote it, with the home folder for ``~``; InputError for a path that no file can have.

    Example:
        >>> user_path("runs/a b")
        PosixPath('runs/a b')
    """
    if not isinstance(text, (str, os.PathLike)):
        raise InputError(f"{what} must be a path, got {type(text).__name__}")
    if text == "":  # Path("") is the working directory
        raise InputError(f"{what} must not be empty, got ''")
    if CONTROL.search(str(text)):
        raise InputError(f"{what} must have no control characters, got {str(text)!r:.100}")
    if any(len(part.encode(errors="surrogatepass")) > LONGEST_NAME for part in str(text).split(os.sep)):
        raise InputError(f"{what} must have names of at most {LONGEST_NAME} bytes, got {str(text)!r:.100}")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InputError(f"{what} begins with the home folder of an unknown user, got {str(text)!r:.100}") from None


def check_folder(what: str, path: Path) -> None:
    """Raise InputError if a path cannot be a folder, because it or a parent of it is a file.

    Example:
        >>> check_folder("the run folder", Path(__file__) / "run")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        zslcore.errors.InputError: the run folder cannot be .../locations.py/run: .../locations.py is a file
    """
    blocking = next((place for place in (path, *path.parents) if place.exists() and not place.is_dir()), None)
    if blocking:
        raise InputError(f"{what} cannot be {path}: {blocking} is a file")


def check_dataset_name(name: str) -> None:
    """Raise InputError for a name that a data set cannot have.

    Example:
        >>> check_dataset_name("a/b")
        Traceback (most recent call last):
        zslcore.errors.InputError: dataset must be a name such as my-birds or CUB.v2 (letters, digits, _ . -), got 'a/b'
    """
    if not isinstance(name, str) or not re.fullmatch(DATASET_NAME, name) or len(name) > 100:
        raise InputError(
            f"dataset must be a name such as my-birds or CUB.v2 (letters, digits, _ . -), got {name!r:.100}"
        )


def _folder(variable: str, default: str) -> Path:
    checkout = Path(__file__).resolve().parents[2]
    home = checkout if (checkout / "notebooks").is_dir() else Path.cwd()
    given = os.environ.get(variable, "").strip()  # blanks and the line ends of Windows come from files of variables
    folder = home / user_path(given or default, what=variable)
    check_folder(variable, folder)
    return folder

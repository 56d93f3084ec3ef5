"""Where data lie: the benchmark root that the user names, and the folder for what zslcore itself makes."""

import contextlib
import glob
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zslcore._io.locks import locked

DAY = 24 * 60 * 60  # seconds


def _home() -> Path:
    """The checkout that holds the package, or the working directory for an installed package."""
    checkout = Path(__file__).resolve().parents[2]
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


@contextmanager
def complete_folder(folder: Path) -> Iterator[Path]:
    """Write a folder that appears under its name only when complete: fill the temporary one that this yields.

    On success it is moved into place, unless another process made the same folder first; on failure it is removed.
    What killed processes left of the same folder is removed first.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "result"
    >>> with complete_folder(target) as partial:
    ...     _ = (partial / "values.txt").write_text("1")
    ...     target.exists()
    False
    >>> (target / "values.txt").read_text()
    '1'
    """
    remove_abandoned(folder)
    partial = folder.with_name(f".partial-{folder.name}-{uuid.uuid4().hex[:8]}")
    with locked(_lock_of(partial)):  # tells others that somebody is at it
        partial.mkdir(parents=True)
        try:
            yield partial
            try:
                os.replace(partial, folder)
            except OSError:  # a folder that another process finished meanwhile is as good as ours
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left of a folder in :func:`complete_folder`, which may be many gigabytes.

    Not what a living process writes. Where no lock tells, on a file system without them or in what an older version
    left, a living one is a process that wrote something within a day.

    >>> import tempfile
    >>> parent = Path(tempfile.mkdtemp())
    >>> for name in (".partial-maps-0123abcd", ".partial-maps-0123abcd.lock", ".partial-pictures-0123abcd"):
    ...     (parent / name).mkdir() if "." not in name[1:] else (parent / name).touch()
    >>> remove_abandoned(parent / "maps")
    >>> [path.name for path in parent.iterdir()]
    ['.partial-pictures-0123abcd']
    """
    pattern = f".partial-{glob.escape(folder.name)}-{'[0-9a-f]' * 8}"
    found = [*folder.parent.glob(pattern), *folder.parent.glob(f"{pattern}.lock")]
    for partial in {path.with_name(path.name.removesuffix(".lock")) for path in found}:
        told = partial.is_dir() and _lock_of(partial).exists()  # a living one locks first, then makes the folder
        with locked(_lock_of(partial)) as ours:
            if (told and ours) or (ours is not False and _idle(partial)):
                shutil.rmtree(partial, ignore_errors=True)


def _lock_of(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.lock")


def _idle(folder: Path) -> bool:
    """Whether nothing in a folder was written within a day."""
    with contextlib.suppress(FileNotFoundError):  # moved away meanwhile
        newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
        return time.time() - newest > DAY
    return False

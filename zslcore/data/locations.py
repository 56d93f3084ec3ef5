"""Where data lie: the benchmark root that the user names, and the folder for what zslcore itself makes."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def complete_folder(folder: Path) -> Iterator[Path]:
    """Write a folder that appears under its name only when complete: fill the temporary one that this yields.

    On success it is moved into place, unless another process made the same folder first; on failure it is removed.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "result"
    >>> with complete_folder(target) as partial:
    ...     _ = (partial / "values.txt").write_text("1")
    ...     target.exists()
    False
    >>> (target / "values.txt").read_text()
    '1'
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".partial-{folder.name}-{uuid.uuid4().hex[:8]}")
    partial.mkdir()
    try:
        yield partial
        try:
            os.replace(partial, folder)
        except OSError:  # a folder that another process finished meanwhile is as good as ours
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)

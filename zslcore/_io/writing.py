"""Files and folders that appear complete or not at all."""

import contextlib
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Write a file to a temporary path, and move it to ``path`` when the block succeeds.

    The temporary file has the same suffix and is removed when the block fails. An existing file is replaced.

    Args:
        path: the file to write; its folder is created if needed.

    Yields:
        The temporary path to write to. It lies in the same folder.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "numbers.csv"
        >>> with new_file(target) as partial:
        ...     _ = partial.write_text("1,2")
        ...     target.exists()
        False
        >>> target.read_text()
        '1,2'
    """
    with _temporary(path) as partial:
        yield partial
        os.replace(partial, path)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fill a temporary folder, and move it to ``folder`` when the block succeeds.

    The temporary folder is removed when the block fails. If ``folder`` exists at the end and is not empty, because
    another process wrote it meanwhile, the existing one stays.

    Args:
        folder: the folder to create; its parents are created if needed.

    Yields:
        The temporary folder, empty. It lies beside ``folder``.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "result"
        >>> with new_folder(target) as partial:
        ...     _ = (partial / "values.txt").write_text("1")
        ...     target.exists()
        False
        >>> (target / "values.txt").read_text()
        '1'
    """
    with _temporary(folder) as partial:
        partial.mkdir()
        yield partial
        try:
            os.replace(partial, folder)
        except OSError:
            if not folder.is_dir():
                raise


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files and folders that killed processes left of ``path``.

    :func:`new_file` and :func:`new_folder` call it first. What a running process writes is not touched: that process
    holds a lock on a ``.lock`` file beside it.

    Example:
        >>> import tempfile
        >>> parent = Path(tempfile.mkdtemp())
        >>> for name in (".partial-0123abcd-maps", ".partial-0123abcd-maps.lock", ".partial-0123abcd-pictures"):
        ...     (parent / name).touch()
        >>> remove_abandoned(parent / "maps")
        >>> [path.name for path in parent.iterdir()]
        ['.partial-0123abcd-pictures']
    """
    for lock in path.parent.glob(f".partial-{'[0-9a-f]' * 8}-{glob.escape(path.name)}.lock"):
        with contextlib.suppress(Timeout), locked(lock, timeout=0):
            _remove(lock.with_name(lock.name.removesuffix(".lock")))


def flush_files(folder: Path) -> None:
    """Wait until the files below a folder are on the disk, so that a system crash leaves no empty file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "numbers.txt").write_text("1")
        ...     flush_files(Path(folder))
    """
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())


@contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold ``filelock.FileLock(path)`` within the block, and remove its file at the end; create its folder if needed.

    Args:
        path: the lock file.
        timeout: seconds to wait while another process holds the lock; 0 to try once, -1 to wait without limit.

    Raises:
        Timeout: ``filelock.Timeout``, if the lock is not free in time.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / ".lock"
        >>> with locked(path):
        ...     path.exists()
        True
        >>> path.exists()
        False
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path, timeout=timeout):
        try:
            yield
        finally:
            _remove(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A locked path beside ``path`` with the same suffix, removed at the end."""
    remove_abandoned(path)
    partial = path.with_name(f".partial-{uuid.uuid4().hex[:8]}-{path.name}")
    with locked(partial.with_name(f"{partial.name}.lock")):
        try:
            yield partial
        finally:
            _remove(partial)


def _remove(path: Path) -> None:
    """Remove a file or a folder; a busy file system may keep it, and the next writer removes it."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()

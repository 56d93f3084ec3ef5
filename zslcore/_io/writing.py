"""Files and folders that appear complete or not at all."""

import contextlib
import errno
import glob
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from filelock import FileLock, Timeout

MOVING = ".moving.json"  # in a temporary tree: its parts, once all of them are whole
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name in the same folder, and move it to ``path`` when the block succeeds.

    The temporary file has the same suffix and is removed when the block fails. The folder of ``path`` is created if
    needed, and an existing file is replaced.
    """
    with _temporary(path) as partial:
        yield partial
        os.replace(partial, path)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name in the same place, and move it to ``folder`` when the block succeeds.

    The temporary folder is removed when the block fails. If another process has written ``folder`` meanwhile, the
    existing one stays.
    """
    with _temporary(folder) as partial:
        partial.mkdir()
        yield partial
        try:
            os.replace(partial, folder)
        except OSError:
            if not folder.is_dir():
                raise


@contextmanager
def new_tree(root: Path, name: str, parts: Sequence[Path]) -> Iterator[Path]:
    """Fill a temporary folder in ``root``; files and folders below it move into ``root`` when the block succeeds.

    ``parts`` are their paths relative to both, in the order of moving; those that the block did not make are left out.
    The temporary folder is removed in any case. If a part exists in ``root`` meanwhile, or cannot be moved, OSError is
    raised and none stays. If the process is killed while it moves them, :func:`remove_abandoned` moves the others.
    """
    with _temporary(root / name) as partial:
        partial.mkdir()
        yield partial
        moved: list[Path] = []
        (partial / MOVING).write_text(json.dumps([str(part) for part in parts]), encoding="utf-8")
        try:
            for part in parts:
                if (partial / part).exists():
                    _move(partial, root, part)
                    moved.append(root / part)
        except BaseException:
            for path in moved:
                remove(path)
            raise


def _move(partial: Path, root: Path, part: Path | str) -> None:
    if os.path.lexists(root / part):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(root / part))
    (root / part).parent.mkdir(parents=True, exist_ok=True)
    os.rename(partial / part, root / part)


def remove(path: Path) -> None:
    """Remove a file or a folder, without an error where a file system refuses."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files and folders that killed processes left of ``path``.

    Parts of a tree that a killed process had begun to move are whole, and are moved first, see :func:`new_tree`. What a
    running process writes is not touched: that process holds a lock on a ``.lock`` file beside it.
    """
    for lock in path.parent.glob(f".partial-{'[0-9a-f]' * 8}-{glob.escape(path.name)}.lock"):
        with contextlib.suppress(Timeout), locked(lock, timeout=0):
            partial = lock.with_name(lock.name.removesuffix(".lock"))
            _finish_moving(partial)
            remove(partial)


def _finish_moving(partial: Path) -> None:
    try:
        parts = json.loads((partial / MOVING).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none was moved
        return
    for part in parts:
        with contextlib.suppress(OSError):  # it was moved, or something else took its place
            _move(partial, partial.parent, part)


def allocate(path: Path) -> None:
    """Take the space of a file on the disk; OSError if there is too little.

    Without it, a write through a memory map of the file would kill the process on a full disk.
    """
    if hasattr(os, "posix_fallocate"):  # not on macOS and Windows
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def flush_files(folder: Path) -> None:
    """Wait until the files below a folder are on the disk, so that a system crash leaves no empty file."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())


@contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold ``filelock.FileLock(path)`` within the block, and remove its file at the end; create its folder if needed.

    ``filelock.Timeout`` is raised after ``timeout`` seconds; 0 tries once, -1 waits without limit.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path, timeout=timeout):
        try:
            yield
        finally:
            remove(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A locked path beside ``path`` with the same suffix, removed at the end."""
    partial = path.with_name(f".partial-{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        remove_abandoned(path)
        with locked(partial.with_name(f"{partial.name}.lock")):
            try:
                yield partial
            finally:
                remove(partial)
    except OSError as error:
        named = error.filename is not None and error.errno not in DISK_FULL
        if named or isinstance(error, URLError):
            raise
        # of a full disk: the system's error names no file, or a temporary one, and that of numpy has no number
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error

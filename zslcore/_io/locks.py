"""Locks between processes, on files whose presence alone means nothing: a lock ends with the process that holds it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows, where nothing is locked
    fcntl = None

_held: set[int] = set()  # descriptors of the locks of this process


def _forget() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


# a forked child, such as a worker that loads pictures, would go on holding the lock of a parent that was killed
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def locked(path: Path) -> Iterator[bool | None]:
    """Hold a lock on a file within the block, without waiting: made here if need be, with its folder, removed after it.

    Yields True with the lock, False while another process (or an outer block of this one) holds it, and None where the
    system or the file system has no locks. What a killed process left is no obstacle.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "deep" / ".lock"
    >>> with locked(path) as outer, locked(path) as inner:
    ...     outer, inner, path.exists()
    (True, False, True)
    >>> path.exists()
    False
    """
    descriptor = _open(path)
    state = _try(descriptor)
    while state and not _is_at(descriptor, path):  # the holder before us removed it: others lock another file by now
        os.close(descriptor)
        descriptor = _open(path)
        state = _try(descriptor)
    _held.add(descriptor)
    try:
        yield state
    finally:
        if descriptor in _held:  # not in a forked child
            if state is not False:
                with suppress(OSError):
                    path.unlink()
            _held.discard(descriptor)
            os.close(descriptor)


def _open(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another process removed the empty folder meanwhile
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _try(descriptor: int) -> bool | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, AttributeError):  # a file system without locks; a system without fcntl
        return None
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False

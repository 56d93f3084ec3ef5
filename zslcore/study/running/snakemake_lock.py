"""The lock that Snakemake leaves in ``.snakemake/locks`` when it is killed: removed if its process is proven dead.

Snakemake's lock does not name its process. The Snakefile notes each process beside the locks when jobs start.
"""

import json
import os
import platform
from pathlib import Path

import psutil

from zslcore._io.writing import remove

FOLDER = Path(".snakemake")


def note_owner(folder: Path = FOLDER) -> None:
    """Note that this process holds a lock in ``folder``; studies of other data sets may hold others."""
    owner = {"host": platform.node(), "pid": os.getpid()}
    (folder / f"owner-{os.getpid()}.json").write_text(json.dumps(owner), encoding="utf-8")


def remove_stale_lock(folder: Path = FOLDER) -> bool:
    """Remove the locks if all noted owners were processes of this machine that no longer run; return whether it did so.

    Locks without a note, or newer than all notes, stay: their owner may be starting. Notes without a lock are removed.
    """
    notes = list(folder.glob("owner*.json"))  # before the locks, because a note is written after its lock
    locks = list((folder / "locks").glob("*.lock"))
    try:
        if locks:
            owners = [json.loads(note.read_text(encoding="utf-8")) for note in notes]
            noted = max(note.stat().st_mtime for note in notes)
            if any(lock.stat().st_mtime > noted for lock in locks):
                return False
            if any(owner["host"] != platform.node() or _runs(owner["pid"]) for owner in owners):
                return False
    except (OSError, ValueError, LookupError, TypeError):
        return False
    for path in [folder / "locks", *notes] if locks else notes:
        remove(path)
    return bool(locks)


def _runs(pid: int) -> bool:
    """Whether a Snakemake has this process number; another program may have got it since."""
    try:
        return any("snakemake" in word for word in psutil.Process(pid).cmdline())
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False

"""The lock that Snakemake leaves in ``.snakemake/locks`` when it is killed: removed if its process is proven dead.

Snakemake's lock does not name its process. The Snakefile notes the process beside the lock when jobs start.
"""

import json
import os
import platform
import shutil
from pathlib import Path

import psutil

FOLDER = Path(".snakemake")


def note_owner(folder: Path = FOLDER) -> None:
    """Note that this process holds the lock in ``folder``."""
    owner = {"host": platform.node(), "pid": os.getpid()}
    (folder / "owner.json").write_text(json.dumps(owner), encoding="utf-8")


def remove_stale_lock(folder: Path = FOLDER) -> bool:
    """Remove a lock whose noted owner was a process of this machine that no longer runs; return whether it was removed.

    A lock without a note, or newer than it, stays: its owner may be starting.
    """
    note, locks = folder / "owner.json", list((folder / "locks").glob("*.lock"))
    try:
        owner = json.loads(note.read_text(encoding="utf-8"))
        noted = note.stat().st_mtime
        if not locks or any(lock.stat().st_mtime > noted for lock in locks):
            return False
        if owner["host"] != platform.node() or _runs(owner["pid"]):
            return False
    except (OSError, ValueError, LookupError, TypeError):
        return False
    shutil.rmtree(folder / "locks", ignore_errors=True)
    return True


def _runs(pid: int) -> bool:
    """Whether a Snakemake has this process number; another program may have got it since."""
    try:
        return any("snakemake" in word for word in psutil.Process(pid).cmdline())
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False

"""SHA-256 of files, remembered beside their sizes and times, so that only files that have changed are read again."""

import contextlib
import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path

from zslcore._io.progress import progress_bar
from zslcore._io.writing import new_file

MANY = 1000  # a progress bar is shown if at least this many files are read


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hashes(files: Mapping[str, Path], manifest: Path) -> dict[str, str] | None:
    """SHA-256 of files by name, from a manifest where size and times are unchanged; the manifest is kept up to date.

    A missing file counts as unchanged; the result is None if the manifest does not know it.
    """
    known = _read(manifest)
    stamps = {name: _stamp(path) for name, path in files.items()}
    if any(stamp is None and name not in known for name, stamp in stamps.items()):
        return None
    changed = [name for name, stamp in stamps.items() if stamp is not None and known.get(name, [])[:-1] != stamp]
    title, few = f"reading the files of {manifest.stem}", len(changed) < MANY
    for name in progress_bar(changed, desc=title, unit="file", disable=few):
        known[name] = [*stamps[name], file_hash(files[name])]
    if changed:
        with contextlib.suppress(OSError), new_file(manifest) as partial:  # in a cache that may be read only
            partial.write_text(json.dumps(known), encoding="utf-8")
    return {name: known[name][-1] for name in files}


def _stamp(path: Path) -> list[int] | None:
    """Size and times in nanoseconds; the status-change time shows a replacement that keeps the other two."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _read(manifest: Path) -> dict[str, list]:
    """The entries of a manifest; none if it is missing or damaged, since it can be made again."""
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))
        return {name: entry for name, entry in entries.items() if len(entry) == 4 and len(entry[-1]) == 64}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}

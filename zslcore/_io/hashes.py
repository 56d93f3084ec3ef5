"""SHA-256 of files.

A manifest stores them with sizes and times, so that only files that have changed are read again. In a folder of
results, ``hashes.json`` has the hashes that the files had when they were written.
"""

import contextlib
import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path

from zslcore._io.progress import progress_bar
from zslcore._io.reading import check_regular
from zslcore._io.writing import new_file
from zslcore.errors import InputError

HASHES = "hashes.json"
TEXT = (".json", ".csv")
MANY = 1000  # a progress bar is shown if at least this many files are read


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits; InputError for a pipe or a device."""
    check_regular(path)
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
    for name in progress_bar(changed, desc=title, unit="file", hidden=few):
        known[name] = [*stamps[name], file_hash(files[name])]
    if changed:
        with contextlib.suppress(OSError), new_file(manifest) as partial:  # in a cache that may be read only
            partial.write_text(json.dumps({"files": known, "hash": _hash_of(known)}), encoding="utf-8")
    return {name: known[name][-1] for name in files}


def note_hashes(folder: Path) -> None:
    """Write ``hashes.json`` with the SHA-256 of all files in a folder."""
    hashes = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
    (folder / HASHES).write_text(json.dumps(hashes), encoding="utf-8")


def check_hash(folder: Path, name: str, manifest: Path | None = None) -> None:
    """Raise ValueError if a file does not hold what ``hashes.json`` beside it says.

    InputError if one of the two is missing. With a manifest, the file is read only if its size or times have changed,
    see :func:`file_hashes`. Line ends of text may have become those of Windows, as git makes them.
    """
    hashes, path = folder / HASHES, folder / name
    for needed in (hashes, path):
        if not needed.exists():
            remedy = f"copy it from the original folder, or move {folder} away, and it is made again"
            raise InputError(f"{needed} is missing: {remedy}")
    known = json.loads(hashes.read_text(encoding="utf-8"))
    check_regular(path)
    found = file_hash(path) if manifest is None else (file_hashes({name: path}, manifest) or {}).get(name)
    if known[name] != found and not (path.suffix in TEXT and known[name] == _unix_hash(path)):
        raise ValueError(f"{name} has changed")


def _unix_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _hash_of(entries: dict[str, list]) -> str:
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


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
        content = json.loads(manifest.read_text(encoding="utf-8"))
        return content["files"] if content["hash"] == _hash_of(content["files"]) else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}

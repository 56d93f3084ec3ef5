"""Downloads that resume, are checked, and appear under their name only when complete.

torch.hub checks hashes but starts over after a cut; this keeps what came in ``FILE.partial`` and asks for the rest.
"""

import contextlib
import fcntl
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from zslcore._io.progress import progress_bar
from zslcore.errors import InputError

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without a byte


def fetch(url: str, folder: Path, *, sha256: str) -> Path:
    """The file of a URL in ``folder``, downloaded if it is not there; ``sha256``: how its hash begins, in hex.

    A file that is there is checked too. A download that was cut off is resumed where the server can do that; of several
    processes one downloads and the others wait. Raises InputError without network, for an
    answer that is not the file, for a connection that breaks off (call again to resume), and for a wrong hash; it says
    where a file that was fetched by other means has to be put.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "abc.txt").write_text("abc")
    >>> fetch((folder / "abc.txt").as_uri(), folder / "here", sha256="ba7816bf").read_text()
    'abc'
    >>> fetch((folder / "abc.txt").as_uri(), folder / "here", sha256="00000000")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    zslcore.errors.InputError: .../here/abc.txt has the SHA-256 ba7816bf8f01cfea, where 00000000 is expected: ...
    """
    target = Path(folder) / url.rsplit("/", 1)[1]
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        with _alone(partial) as file:
            if not target.is_file():  # else another process fetched it meanwhile
                _fetch(url, file, target, sha256)
                return target
    if not (digest := _sha256(target)).startswith(sha256):
        raise InputError(
            f"{target} has the SHA-256 {digest[:16]}, where {sha256} is expected: delete it, and it is fetched anew"
        )
    return target


@contextlib.contextmanager
def _alone(partial: Path) -> Iterator[BinaryIO]:
    """``partial``, open to append, while no other process writes it; removed afterwards if nothing came."""
    while True:
        with open(partial, "ab") as file:
            with contextlib.suppress(OSError):  # a file system without locks; then the hash tells of a mixture
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file, partial):  # the process before us moved it away: it is no longer the one to write
                continue
            file.seek(0, os.SEEK_END)  # which may have moved while we waited
            try:
                yield file
            finally:
                if file.tell() == 0 and _is_at(file, partial):
                    partial.unlink()
            return


def _is_at(file: BinaryIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), os.stat(path))


def _fetch(url: str, file: BinaryIO, target: Path, sha256: str) -> None:
    """Download into the open ``.partial`` of ``target``, check it and move it there."""
    by_hand = f"a copy from elsewhere may be put at {target}"
    try:
        _download(url, file, target.name)
    except urllib.error.HTTPError as error:
        raise InputError(f"{url} could not be fetched: {error.code} {error.reason}; {by_hand}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        kept = f"; {file.tell():,} bytes are kept, and the next call resumes" if file.tell() else ""
        raise InputError(f"{url} could not be fetched: {reason}{kept}; {by_hand}") from None
    file.flush()
    if not (digest := _sha256(Path(file.name))).startswith(sha256):
        os.unlink(file.name)
        raise InputError(f"{url} gave a file with the SHA-256 {digest[:16]}, where {sha256} is expected; it is removed")
    os.replace(file.name, target)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, file: BinaryIO, title: str) -> None:
    """Append to the file what it lacks, or write it anew when the server does not send parts."""
    begun = file.tell()
    request = urllib.request.Request(url, headers={"Range": f"bytes={begun}-"} if begun else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not begun:
            raise
        return  # all of it came before; the hash will tell
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        if not resumed:
            file.truncate(0)
            file.seek(0)  # for tell; what is written goes to the end anyway
        length = response.headers.get("Content-Length")
        total = int(length) + begun * resumed if length else None
        progress = {"total": total, "initial": begun * resumed, "unit": "B", "unit_scale": True, "unit_divisor": 1024}
        with progress_bar(desc=title, **progress) as bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and file.tell() < total:  # a server that hangs up is no error to urllib
        raise ConnectionError(f"the connection broke off at {file.tell():,} of {total:,} bytes")

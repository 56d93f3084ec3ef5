"""Downloads that resume, are checked, and appear under their name only when complete.

torch.hub checks hashes but starts over after a cut; this keeps what came in ``FILE.partial`` and asks for the rest.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from tqdm.auto import tqdm

from zslcore.errors import InputError

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without a byte


def fetch(url: str, folder: Path, *, sha256: str) -> Path:
    """The file of a URL in ``folder``, downloaded if it is not there; ``sha256``: how its hash begins, in hex.

    A download that was cut off is resumed where the server can do that. Raises InputError without network, for an
    answer that is not the file, for a connection that breaks off (call again to resume), and for a wrong hash; it says
    where a file that was fetched by other means has to be put.
    """
    target = Path(folder) / url.rsplit("/", 1)[1]
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    try:
        _download(url, partial)
    except urllib.error.HTTPError as error:
        raise InputError(f"{url} could not be fetched: {error.code} {error.reason}; {_by_hand(target)}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        kept = f"; {partial.stat().st_size:,} bytes are kept, and the next call resumes" if partial.exists() else ""
        raise InputError(f"{url} could not be fetched: {reason}{kept}; {_by_hand(target)}") from None
    with open(partial, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(sha256):
        partial.unlink()
        raise InputError(f"{url} gave a file with the SHA-256 {digest[:16]}, where {sha256} is expected; it is removed")
    os.replace(partial, target)
    return target


def _by_hand(target: Path) -> str:
    return f"a copy from elsewhere may be put at {target}"


def _download(url: str, partial: Path) -> None:
    """Append to ``partial`` what it lacks, or write it anew when the server does not send parts."""
    begun = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={begun}-"} if begun else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not begun:
            raise
        return  # all of it came before; the hash will tell
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        length = response.headers.get("Content-Length")
        total = int(length) + begun * resumed if length else None
        progress = {"total": total, "initial": begun * resumed, "unit": "B", "unit_scale": True, "unit_divisor": 1024}
        with open(partial, "ab" if resumed else "wb") as file, tqdm(desc=partial.stem, **progress) as bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and partial.stat().st_size < total:  # a server that hangs up is no error to urllib
        raise ConnectionError(f"the connection broke off at {partial.stat().st_size:,} of {total:,} bytes")

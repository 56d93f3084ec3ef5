"""Downloads that are checked and appear under their name only when complete."""

import http.client
from pathlib import Path
from urllib.error import HTTPError

import torch

from zslcore._io.hashes import file_hash
from zslcore._io.progress import progress_shown
from zslcore._io.writing import locked, new_file
from zslcore.errors import InputError


def fetch(url: str, folder: Path, *, sha256: str) -> Path:
    """Return the file of a URL in ``folder``; download it if it is not there.

    Of several processes, one downloads and the others wait. ``sha256`` holds the first characters of the hash in
    hexadecimal. InputError if the file cannot be downloaded, or if the new or existing file has another hash.
    """
    target = Path(folder) / url.rsplit("/", 1)[1]
    if not target.is_file():
        with locked(target.with_name(f"{target.name}.lock")):
            if not target.is_file():  # another process may have downloaded it meanwhile
                _download(url, target, sha256)
                return target
    digest = file_hash(target)
    if not digest.startswith(sha256):
        raise InputError(f"{target} must have the SHA-256 {sha256}, got {digest[:16]}: delete it to download it again")
    return target


def _download(url: str, target: Path, sha256: str) -> None:
    try:
        with new_file(target) as partial:
            torch.hub.download_url_to_file(url, str(partial), hash_prefix=sha256, progress=progress_shown())
    except (OSError, http.client.HTTPException, RuntimeError) as error:  # RuntimeError: the hash is wrong
        reason = getattr(error, "reason", None) or error
        if isinstance(error, HTTPError):
            reason = f"{error.code} {reason}"
        raise InputError(f"{url} could not be downloaded ({reason}); you can put a copy at {target}") from None

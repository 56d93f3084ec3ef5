"""Hashes of the files in a folder of the cache: a changed or reordered file is noticed before it is used."""

import json
from pathlib import Path

from zslcore._io.hashes import file_hash, file_hashes
from zslcore._io.locations import cache_root

SEAL = "sha256.json"


def seal(folder: Path) -> None:
    """Write the hashes of the files in a folder beside them."""
    hashes = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
    (folder / SEAL).write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")


def check_seal(folder: Path) -> None:
    """Raise ValueError unless the files are those that were sealed; unchanged ones are read only once."""
    stored = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    manifest = cache_root() / "hashes" / f"{folder.name}.json"
    if file_hashes({name: folder / name for name in stored}, manifest) != stored:
        raise ValueError(f"a file in {folder} has changed")

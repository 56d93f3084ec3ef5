"""Files that appear whole or not at all."""

import os
from pathlib import Path


def flush_files(folder: Path) -> None:
    """Wait until the files below a folder are on the disk, so that no crash leaves an empty one under a final name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "numbers.txt").write_text("1")
    ...     flush_files(Path(folder))
    """
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())

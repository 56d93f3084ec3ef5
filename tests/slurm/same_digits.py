"""Compare two studies digit by digit: ``python tests/slurm/same_digits.py FOLDER FOLDER``, for ``tests/slurm/run.sh``.

Each folder holds ``runs/`` and ``report/``. Times and the description of the machine may differ, nothing else.
"""

import csv
import json
import sys
from pathlib import Path

MAY_DIFFER = ("cost", "environment", "seconds")  # keys of metrics.json and columns of the tables


def numbers(study: Path) -> dict[str, object]:
    """The content of every ``metrics.json`` and of the tables, by path."""
    found: dict[str, object] = {}
    for path in study.glob("runs/*/*/metrics.json"):
        found[str(path.relative_to(study))] = _kept(json.loads(path.read_text(encoding="utf-8")))
    for path in study.glob("report/*/*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            found[str(path.relative_to(study))] = [_kept(row) for row in csv.DictReader(file)]
    return found


def different_files(first: Path, second: Path) -> list[str]:
    """Files that are missing in one study, or whose digits differ."""
    one, other = numbers(first), numbers(second)
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def _kept(content: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in content.items() if key not in MAY_DIFFER}


if __name__ == "__main__":
    folders = Path(sys.argv[1]), Path(sys.argv[2])
    count = len(numbers(folders[0]))
    if different := different_files(*folders):
        sys.exit(f"other digits in {len(different)} files: {', '.join(different)}")
    if not count:
        sys.exit(f"no results in {folders[0]}")
    print(f"the same digits in {count} files")

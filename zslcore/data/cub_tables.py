"""Reading the text tables of CUB, plain or compressed. InputErrors name file and line."""

import bz2
import gzip
import lzma
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
from jaxtyping import Float

from zslcore._io.reading import check_regular
from zslcore.errors import InputError, one_line

_OPEN = {"": open, ".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


def stored(path: Path) -> Path:
    """The path, or that of the compressed file if only this exists."""
    found = (path.with_name(path.name + suffix) for suffix in _OPEN)
    return next((candidate for candidate in found if candidate.is_file()), path)


@contextmanager
def opened(file: Path) -> Iterator[TextIO]:
    """A text file, decompressed by its suffix; InputError if it is missing or damaged."""
    check_regular(file)
    try:
        with _OPEN.get(file.suffix, open)(file, "rt", encoding="utf-8-sig") as lines:
            yield lines
    except FileNotFoundError:
        raise InputError(f"{file} is missing") from None
    except (EOFError, OSError, lzma.LZMAError) as error:
        raise InputError(f"{file} cannot be read, it may be truncated: {one_line(error)}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} must be a text file in UTF-8") from None


def named_ids(file: Path) -> dict[int, str]:
    """Name of each id, from lines of an id and a name; the file may be compressed."""
    names, file = {}, stored(file)
    with opened(file) as lines:
        for number, line in enumerate(lines, start=1):
            words = line.split(maxsplit=1)
            if words and not (len(words) == 2 and words[0].isdecimal()):
                raise InputError(f"{file} must hold an id and a name per line, got {line.strip()!r} in line {number}")
            if words and int(words[0]) in names:
                raise InputError(f"{file} must hold each id once, but repeats {int(words[0])} in line {number}")
            if words:
                names[int(words[0])] = words[1].strip()
    return names


def listed_images(file: Path) -> dict[int, str]:
    """Path of each image id, from an ``images.txt`` of CUB; Windows separators are read."""
    return {image: path.replace("\\", "/") for image, path in named_ids(file).items()}


def read_boxes(file: Path) -> dict[int, tuple[float, float, float, float]]:
    """Left, top, width and height of the box of each image id, in pixels, from a ``bounding_boxes.txt`` of CUB."""
    boxes = {}
    for image, text in named_ids(file).items():
        try:
            box = tuple(map(float, text.split()))
        except ValueError:
            box = ()
        if len(box) != 4 or not np.isfinite(box).all() or min(box[2:]) <= 0:
            raise InputError(f"{file} must hold left, top, width and height of image {image}, got {text}")
        boxes[image] = box
    return boxes


def cells(
    file: Path, row_of_id: dict[int, int], limit: int, kind: str, *, columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of each line of a CUB table whose image is known, and the table; further columns are ignored."""
    table = _read_table(file, columns)
    ids = np.array(sorted(row_of_id), dtype=np.float64)  # as in the table
    rows = np.array([row_of_id[image] for image in sorted(row_of_id)])
    image, column, flag = table[:, 0], table[:, 1], table[:, columns - 1]
    listed = np.isin(image, ids)
    at = rows[np.searchsorted(ids, np.where(listed, image, ids[0]))]
    _refuse(file, ~listed, image, "image ids of images.txt")
    _refuse(file, ~np.isin(column, np.arange(1, limit + 1)), column, f"{kind} ids in 1..{limit}")
    _refuse(file, ~np.isin(flag, (0, 1)), flag, f"0 or 1 in column {columns}")
    known = at >= 0
    return at[known], column[known].astype(int) - 1, table[known]


def _read_table(file: Path, columns: int) -> Float[np.ndarray, "lines columns"]:
    """The first columns of a text table; some lines of CUB's original file have more than the others."""
    try:
        with opened(file) as lines, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file
            table = np.loadtxt(lines, usecols=range(columns), comments=None, ndmin=2)
        if not table.size:
            raise InputError(f"{file} must hold at least one line, but is empty")
        return table
    except InputError:
        raise
    except ValueError:
        with opened(file) as lines:
            for number, line in enumerate(lines, start=1):
                words = line.split()[:columns]
                if words and not (len(words) == columns and all(map(_is_number, words))):
                    found = f"{line.strip()!r} in line {number}"
                    raise InputError(f"{file} must hold {columns} numbers per line, got {found}") from None
        raise


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _refuse(file: Path, wrong: np.ndarray, values: np.ndarray, wanted: str) -> None:
    """Raise InputError that names the first line whose value is wrong."""
    if not wrong.any():
        return
    row = int(wrong.argmax())
    with opened(file) as lines:
        numbers = [number for number, line in enumerate(lines, start=1) if line.strip()]
    raise InputError(f"{file} must hold {wanted}, got {values[row]:g} in line {numbers[row]}")

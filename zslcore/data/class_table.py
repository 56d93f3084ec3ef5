"""Classes as users write them: a CSV of class attributes, and lists of classes."""

import csv
import io
import math
import os
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zslcore._io.numbers import is_whole
from zslcore._io.reading import LARGEST_TEXT, check_regular, decoded
from zslcore.data.class_names import class_finder
from zslcore.data.xlsa17 import read_lines
from zslcore.errors import InputError, one_line

ClassChoice = int | np.integer | str | Path | Sequence[str]


def read_class_table(path: Path) -> tuple[list[str], list[str], Float[np.ndarray, "C A"]]:
    """Class names, attribute names and values of a CSV file, with commas, semicolons or tabs between cells.

    The file is UTF-8, or UTF-16 with a byte order mark. TRUE counts as 1 and FALSE as 0. If cells are separated by
    semicolons or tabs, numbers may have a decimal comma.

    Raises:
        InputError: about the first line that cannot be used.
    """
    (line, (_, *attributes)), *rows = _rows(path)
    for attribute in attributes:
        check_name(f"{path}, line {line}: an attribute", attribute)
        if attributes.count(attribute) > 1:
            raise InputError(f"{path}, line {line}: the attribute {attribute!r} must be there once")
    lines: dict[str, int] = {}
    values = []
    for line, (name, *cells) in rows:
        check_name(f"{path}, line {line}: a class", name)
        where = f"{path}, line {line} ({name!r})"
        if name in lines:
            raise InputError(f"{where} repeats the class of line {lines[name]}")
        if len(cells) != len(attributes):
            raise InputError(f"{where} must have {len(attributes) + 1} cells as the header has, got {len(cells) + 1}")
        values.append([_number(where, attribute, cell) for attribute, cell in zip(attributes, cells)])
        if not any(values[-1]):
            raise InputError(f"{where} must have an attribute that is not 0")
        lines[name] = line
    if len(lines) < 3:
        raise InputError(f"{path} must hold at least 3 classes, to train, to validate and unseen; got {len(lines)}")
    return list(lines), attributes, np.array(values)


def class_choice(option: str, wanted: ClassChoice, class_names: Sequence[str]) -> int | list[int]:
    """A number of classes, or the sorted indices of those that are named.

    Args:
        option: what the classes are for, in messages.
        wanted: a number; names; the path of a file with one name per line; or a text as on the command line: a number,
            such a path, or names with commas between. For the class ``3`` alone write ``"3,"``.
        class_names: all classes.

    Example:
        >>> class_choice("unseen", "owl, auk", ["auk", "lark", "owl"]), class_choice("unseen", "2", ["auk"])
        ([0, 2], 2)
    """
    given, find = wanted, class_finder(class_names)
    if isinstance(wanted, (str, Path)):
        wanted = os.path.expanduser(wanted)
        if os.path.isfile(wanted):  # False for a text too long to be a path, where Path.is_file raises
            wanted = read_lines(Path(wanted))
        else:
            is_count = wanted.strip().isdecimal() and len(wanted) < 10
            if is_count and tidy(wanted) in class_names:
                warnings.warn(
                    f"{option} is a number of classes; for the class {wanted!r} write '{wanted},'", stacklevel=2
                )
            wanted = int(wanted) if is_count else _names_in(wanted, find, class_names)
    if is_whole(wanted):
        return int(wanted)
    names = list(wanted) if isinstance(wanted, Iterable) else [wanted]
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"{option} must be a whole number, a file or names of classes, got {given!r:.100}")
    chosen = set()
    for name in map(tidy, names):
        if (index := find(name)) is None:
            raise InputError(f"{option} must be a number, a file or names of classes; {name!r:.100} is none of them")
        chosen.add(index)
    return sorted(chosen)


def _names_in(text: str, find: Callable[[str], int | None], class_names: Sequence[str]) -> list[str]:
    """The names in a text, with commas between; one name may hold a comma, and a comma may end the text."""
    names = [part for part in text.split(",") if part.strip()] or [text]
    separate = tidy(text) not in class_names and all(find(tidy(name)) is not None for name in names)
    return names if separate or find(tidy(text)) is None else [text]


def tidy(name: str) -> str:
    """A name without blanks around it, and composed: macOS stores an accent apart from its letter."""
    return unicodedata.normalize("NFC", name).strip()


def check_name(what: str, name: str) -> None:
    """Raise InputError if a name is empty, has a line break, or is not text in UTF-8."""
    if not name or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise InputError(f"{what} must have a name, in UTF-8 and without control characters, got {name!r}")


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Number and cells of each line that is not empty, the header first."""
    check_regular(path, largest=LARGEST_TEXT)
    try:
        content = path.read_bytes()
        if content.startswith(b"PK\x03\x04"):
            raise InputError(f"{path} must be a CSV file, but is a workbook or another zip archive: save it as CSV")
        lines = io.StringIO(decoded(content), newline="").readlines()
        lines[:1] = ["\n" if re.match(r"sep=.\s*$", line, re.IGNORECASE) else line for line in lines[:1]]  # of Excel
        delimiter = _delimiter(lines)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        rows = [(reader.line_num, [tidy(cell) for cell in row]) for row in reader]
    except OSError as error:
        raise InputError(f"no class table at {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} must be a CSV file in UTF-8, but cannot be read: {one_line(error)}") from None
    rows = [(line, row) for line, row in rows if any(row)]
    width = max((place + 1 for place, cell in enumerate(rows[0][1]) if cell), default=0) if rows else 0
    if width < 2:
        raise InputError(f"{path} must begin with a header that names the class column and the attributes")
    if delimiter in ";\t":  # of Excel in countries with a decimal comma
        rows[1:] = [(line, [*row[:1], *map(_decimal_point, row[1:])]) for line, row in rows[1:]]
    return [(line, row if any(row[width:]) else row[:width]) for line, row in rows]  # without empty columns at the end


def _decimal_point(cell: str) -> str:
    return cell.replace(",", ".") if re.fullmatch(r"[+-]?\d*,\d+(e[+-]?\d+)?", cell, re.IGNORECASE) else cell


def _delimiter(lines: list[str]) -> str:
    """The first of the marks in the header that gives all lines as many cells; the first of them if none does."""
    header = next((line for line in lines if line.strip()), "")
    marks = [mark for mark in ",;\t" if mark in header] or [","]
    widths = [{len(row) for row in csv.reader(lines, delimiter=mark) if any(row)} for mark in marks]
    return next((mark for mark, found in zip(marks, widths) if len(found) == 1), marks[0])


def _number(where: str, attribute: str, cell: str) -> float:
    try:
        with np.errstate(over="ignore"):
            value = float(np.float32({"true": 1, "false": 0}.get(cell.lower(), cell)))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where} must have a finite number for {attribute!r}, got {cell!r}")
    return value

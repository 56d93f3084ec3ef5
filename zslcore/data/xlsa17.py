"""Reading the files of the xlsa17 layout, where indices start at 1. InputErrors name the file."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from zslcore._io.extras import MissingExtraError
from zslcore._io.locations import check_dataset_name
from zslcore._io.reading import LARGEST_TEXT, check_regular, decoded
from zslcore.data.class_names import class_finder
from zslcore.data.matlab import OtherFileError, OtherVariableError, is_hdf5, read_variables
from zslcore.errors import InputError, one_line
from zslcore.layout import ARCHIVE


def dataset_folder(root: Path, name: str) -> Path:
    """Folder ``root/xlsa17/data/NAME``; InputError if it does not exist, with a list of the data sets that do."""
    archive = root / ARCHIVE
    drawn = "; the drawn one is called SYNTH" if str(name).lower() in ("synth", "synthbirds") else ""
    if not archive.is_dir():
        holds = "the folder with the benchmark files"
        if "xlsa17" in root.parts:  # one or more folders too deep
            holds = Path(*root.parts[: root.parts.index("xlsa17")])
        raise InputError(f"no data at {root}: it must hold {ARCHIVE}/ (set ZSLCORE_DATA to {holds}){drawn}")
    present = sorted(path.name for path in archive.iterdir() if path.is_dir())
    if name not in present:  # "CUB/" exists as a path, but is not the name of a data set
        raise InputError(f"no data set {name!r} in {archive}; there are: {', '.join(present) or 'none'}{drawn}")
    check_dataset_name(name)
    return archive / name


@dataclass(frozen=True)
class MatFile:
    """Variables of a MATLAB file, converted on access."""

    path: Path
    variables: dict[str, np.ndarray]

    @classmethod
    def read(cls, path: Path, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> "MatFile":
        """Read the named variables only: the ``features`` in the original ``res101.mat`` take up to 600 MB."""
        if not path.is_file():
            raise InputError(f"{path} is missing")
        try:
            content = read_variables(path, (*required, *optional))
        except MissingExtraError:
            raise
        except OtherFileError as error:
            raise InputError(f"{path} must be a MATLAB file, but is {error}") from None
        except OtherVariableError as error:
            raise InputError(f"{path}: {error}") from None
        except Exception as error:  # scipy and h5py raise many types for a truncated or foreign file
            kind = "MATLAB 7.3 file, it may be incomplete" if is_hdf5(path) else "MATLAB file, it may be truncated"
            raise InputError(f"{path} cannot be read as a {kind}: {one_line(error)}") from None
        for key in required:
            if key not in content:
                found = f"of those that zslcore reads it holds {', '.join(content) or 'none'}"
                raise InputError(f"{path} must hold the variable {key!r}, but does not; {found}")
        return cls(path, content)

    def has_values(self, key: str) -> bool:
        """Whether the file has a variable that is not empty: MATLAB writes ``[]`` for missing values."""
        return key in self.variables and self.variables[key].size > 0

    def strings(self, key: str) -> list[str]:
        """The strings of a cell array or the rows of a character matrix, none of them empty, without outer blanks."""
        texts = [_text(cell) for cell in self.variables[key].flat]
        if not all(texts):
            raise InputError(f"{key} in {self.path} must be a cell array of strings, none of them empty")
        return texts

    def indices(self, key: str, *, limit: int) -> Int[np.ndarray, " n"]:
        """Indices 1..limit, as 0..limit-1."""
        indices = np.ravel(self.variables[key])
        if indices.dtype.kind not in "iuf":
            raise InputError(f"{key} in {self.path} must hold whole numbers, got values of type {indices.dtype}")
        valid = (indices >= 1) & (indices <= limit) & (indices == np.round(indices))  # False for NaN
        if not valid.all():
            raise InputError(f"{key} in {self.path} must hold whole numbers in 1..{limit}, got {indices[~valid][0]}")
        return indices.astype(np.int64) - 1

    def locations(self, key: str, *, limit: int) -> Int[np.ndarray, " n"]:
        """As :meth:`indices`, also from a mask that holds a 1 for each image that counts, and else 0."""
        mask = np.ravel(self.variables[key])
        is_mask = mask.dtype.kind in "biuf" and mask.size == limit and np.isin(mask, (0, 1)).all() and not mask.all()
        return np.flatnonzero(mask) if is_mask else self.indices(key, limit=limit)

    def matrix(self, key: str, *, num_classes: int | None = None) -> Float[np.ndarray, "C A"]:
        """A matrix stored as attributes x classes, transposed, as float32."""
        stored = self.variables[key]
        classes = "classes" if num_classes is None else f"{num_classes} classes"
        if stored.ndim != 2 or not stored.size or stored.dtype.kind not in "fiub":
            given = f"shape {stored.shape} and type {stored.dtype}"
            raise InputError(f"{key} in {self.path} must hold numbers, attributes x {classes}, got {given}")
        if num_classes is not None and stored.shape[1] != num_classes:
            given = f"shape {stored.shape}" + (", the transpose" if stored.shape[0] == num_classes else "")
            raise InputError(f"{key} in {self.path} must hold numbers, attributes x {classes}, got {given}")
        with np.errstate(over="ignore"):
            return stored.T.astype(np.float32)


def _text(cell: object) -> str:
    """A string out of the arrays of one element that hold it; empty if there is none."""
    while isinstance(cell, np.ndarray) and cell.size == 1:
        cell = cell.item()
    return cell.strip(" \0\r\n\t") if isinstance(cell, str) else ""


def read_lines(path: Path) -> list[str]:
    """Lines of a text file, stripped, without empty lines: UTF-8, UTF-16 with a byte order mark, or else Latin-1."""
    check_regular(path, largest=LARGEST_TEXT)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    try:
        text = decoded(content)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return [line.strip() for line in re.split(r"[\r\n]", text) if line.strip()]


def class_list(path: Path, class_names: list[str]) -> Int[np.ndarray, " n"] | None:
    """Sorted indices of the classes that a file names, one per line; None if the file does not exist."""
    if not os.path.lexists(path):  # a broken link is no missing file
        return None
    find, listed = class_finder(class_names), []
    for name in read_lines(path):
        index = find(name)
        if index is None:
            raise InputError(f"{path} names the class {name!r}, which is not among allclasses_names")
        listed.append(index)
    return np.unique(np.array(listed, dtype=np.int64))

"""Reading the files of the xlsa17 layout, where indices start at 1. InputErrors name the file."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.io import loadmat

from zslcore._io.locations import check_dataset_name
from zslcore.errors import InputError, one_line

ARCHIVE = Path("xlsa17") / "data"
IMAGE_FOLDERS = {"CUB": "CUB/CUB_200_2011/images", "AWA2": "AWA2/Animals_with_Attributes2/JPEGImages"}
# A stored image path starts with folders of its authors. What follows the last folder of one of these names is kept.
_TAIL = re.compile(r"(?:.*/)?(?:images|JPEGImages)/+(.*)")


def dataset_folder(root: Path, name: str) -> Path:
    """Folder ``root/xlsa17/data/NAME``; InputError if it does not exist, with a list of the data sets that do."""
    archive = root / ARCHIVE
    if not archive.is_dir():
        way_out = "set ZSLCORE_DATA to the folder with the benchmark files"
        raise InputError(f"no data at {root}: it must hold {ARCHIVE}/ ({way_out})")
    present = sorted(path.name for path in archive.iterdir() if path.is_dir())
    if name not in present:  # "CUB/" exists as a path, but is not the name of a data set
        raise InputError(f"no data set {name!r} in {archive}; there are: {', '.join(present) or 'none'}")
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
            content = loadmat(path, variable_names=[*required, *optional])
        except Exception as error:  # scipy raises many types for a truncated or foreign file
            reason = one_line(error)
            raise InputError(f"{path} cannot be read as a MATLAB file, it may be truncated: {reason}") from None
        for key in required:
            if key not in content:
                raise InputError(f"{path} must hold the variable {key!r}, but does not; it may be truncated")
        return cls(path, {key: content[key] for key in (*required, *optional) if key in content})

    def strings(self, key: str) -> list[str]:
        """The strings of a cell array or the rows of a character matrix, none of them empty."""
        cells = list(self.variables[key].flat)  # arrays of one string each, or rows padded with blanks
        if self.variables[key].dtype.kind == "U":
            texts = [str(row).rstrip() for row in cells]
        else:
            texts = [cell.item() for cell in cells if isinstance(cell, np.ndarray) and cell.size == 1]
        if len(texts) != len(cells) or not all(isinstance(text, str) and text.strip() for text in texts):
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

    def matrix(self, key: str, *, num_classes: int) -> Float[np.ndarray, "C A"]:
        """A matrix stored as attributes x classes, transposed, as float32."""
        stored = self.variables[key]
        if stored.ndim != 2 or stored.shape[1] != num_classes or not stored.size or stored.dtype.kind not in "fiu":
            wanted, given = (
                f"numbers, attributes x {num_classes} classes",
                f"shape {stored.shape} and type {stored.dtype}",
            )
            raise InputError(f"{key} in {self.path} must hold {wanted}, got {given}")
        with np.errstate(over="ignore"):
            return stored.T.astype(np.float32)


def read_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 text file, stripped, without empty lines."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # without a byte order mark
    except UnicodeDecodeError:
        raise InputError(f"{path} must be a text file in UTF-8") from None
    return [line.strip() for line in lines if line.strip()]


def class_list(path: Path, class_names: list[str]) -> Int[np.ndarray, " n"] | None:
    """Sorted indices of the classes that a file names, one per line; None if the file does not exist."""
    if not path.is_file():
        return None
    names = read_lines(path)
    unknown = [name for name in names if name not in class_names]
    if unknown:
        raise InputError(f"{path} names the class {unknown[0]!r}, which is not among allclasses_names")
    return np.unique(np.array([class_names.index(name) for name in names], dtype=np.int64))


def image_path(root: Path, name: str, stored: str) -> Path:
    """Path of an image below ``root``; the authors' own folders in the stored path are replaced."""
    found = _TAIL.fullmatch(stored)
    return root / IMAGE_FOLDERS.get(name, f"{name}/images") / (found[1] if found else stored.lstrip("/"))

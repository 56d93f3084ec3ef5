"""Reading the files of the xlsa17 layout: arrays as they are stored, or one sentence about what is wrong.

Indices in these files start at 1; here they start at 0.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.io import loadmat

from zslcore.errors import InputError

ARCHIVE = Path("xlsa17") / "data"
IMAGE_FOLDERS = {
    "CUB": "CUB/CUB_200_2011/images",
    "AWA2": "AWA2/Animals_with_Attributes2/JPEGImages",
    "SUN": "SUN/images",
}
_MARKS = ("JPEGImages/", "images/")  # what separates the authors' folders from ours in a stored image path


def dataset_folder(root: Path, name: str) -> Path:
    """``root/xlsa17/data/NAME``; InputError says which data sets there are when it is missing."""
    archive = root / ARCHIVE
    if not archive.is_dir():
        raise InputError(
            f"no data at {root}: it must hold {ARCHIVE}/ (set ZSLCORE_DATA to the folder with the benchmark files)"
        )
    if not (archive / name).is_dir():
        present = ", ".join(sorted(path.name for path in archive.iterdir() if path.is_dir())) or "none"
        raise InputError(f"no data set {name!r} in {archive}; there are: {present}")
    return archive / name


def read_mat(path: Path, required: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The variables of a MATLAB file; InputError if it is missing, damaged, or lacks a required variable."""
    if not path.is_file():
        raise InputError(f"{path} is missing")
    try:
        content = loadmat(path)
    except Exception as error:  # scipy raises many types for a truncated or foreign file
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path} cannot be read as a MATLAB file, it may be truncated: {reason}") from None
    for key in required:
        if key not in content:
            raise InputError(f"{path} must hold the variable {key!r}, and does not")
    return {key: value for key, value in content.items() if not key.startswith("__")}  # scipy adds its own notes


def strings(cells: np.ndarray) -> list[str]:
    """The strings of a MATLAB cell array."""
    return [str(np.ravel(cell)[0]) for cell in cells.ravel()]


def zero_based(path: Path, key: str, values: np.ndarray, limit: int) -> Int[np.ndarray, " n"]:
    """1-based indices as 0-based int64; InputError names the file, the variable and the first one out of range."""
    indices = np.ravel(values)
    if indices.dtype.kind not in "iuf" or (indices.dtype.kind == "f" and (indices % 1).any()):
        raise InputError(f"{key} in {path} must hold whole numbers, got {indices.dtype}")
    indices = indices.astype(np.int64)
    wrong = indices[(indices < 1) | (indices > limit)]
    if len(wrong):
        raise InputError(f"{key} in {path} must lie in 1..{limit}, got {wrong[0]}")
    return indices - 1


def attribute_matrix(path: Path, key: str, content: dict, class_names: list[str]) -> Float[np.ndarray, "C A"]:
    """A class-by-attribute matrix, stored transposed; InputError names the class and attribute of a bad value."""
    matrix = np.asarray(content[key]).T
    if matrix.ndim != 2 or len(matrix) != len(class_names) or matrix.dtype.kind not in "fiu":
        raise InputError(
            f"{key} in {path} must be numbers (attributes, {len(class_names)} classes), got shape {matrix.T.shape}"
        )
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise InputError(
            f"{key} in {path} must be finite, got {matrix[row, column]} for class {class_names[row]!r}, "
            f"attribute {column + 1}"
        )
    empty = np.flatnonzero(~matrix.any(axis=1))
    if len(empty):
        raise InputError(f"{key} in {path} must describe every class, but is all zero for {class_names[empty[0]]!r}")
    return matrix.astype(np.float32)


def class_list(path: Path, class_names: list[str]) -> Int[np.ndarray, " n"] | None:
    """Sorted class indices of a list of names, one a line; None where the file does not exist."""
    if not path.is_file():
        return None
    index = {name: position for position, name in enumerate(class_names)}
    names = path.read_text(encoding="utf-8").split()
    unknown = [name for name in names if name not in index]
    if unknown:
        raise InputError(f"{path} names the class {unknown[0]!r}, which is not among allclasses_names")
    return np.unique(np.array([index[name] for name in names], dtype=np.int64))


def image_path(root: Path, name: str, stored: str) -> Path:
    """Where an image lies below ``root``: the authors' prefix is replaced, whatever follows ``images/`` is kept.

    >>> image_path(Path("data"), "CUB", "/BS/work/MSc/CUB_200_2011/images/001.Albatross/a.jpg").as_posix()
    'data/CUB/CUB_200_2011/images/001.Albatross/a.jpg'
    >>> image_path(Path("data"), "CUB100", "CUB100/images/001.Albatross/a.jpg").as_posix()
    'data/CUB100/images/001.Albatross/a.jpg'
    """
    tail = stored
    for mark in _MARKS:
        _, found, rest = stored.rpartition(mark)
        if found:
            tail = rest
            break
    return root / IMAGE_FOLDERS.get(name, f"{name}/images") / tail

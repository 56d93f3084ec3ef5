"""Reading the files of the xlsa17 layout: arrays as they are stored, or one sentence about what is wrong.

Indices in these files start at 1; here they start at 0.
"""

import re
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
# what separates the authors' folders from ours in a stored image path: the last folder of one of these very names
_TAIL = re.compile(r"(?:.*/)?(?:images|JPEGImages)/+(.*)")


def dataset_folder(root: Path, name: str) -> Path:
    """``root/xlsa17/data/NAME``; InputError says which data sets there are when it is missing.

    >>> dataset_folder(Path("nowhere"), "CUB")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    zslcore.errors.InputError: no data at nowhere: it must hold xlsa17/data/ (set ZSLCORE_DATA to the folder ...
    """
    archive = root / ARCHIVE
    if not archive.is_dir():
        raise InputError(
            f"no data at {root}: it must hold {ARCHIVE}/ (set ZSLCORE_DATA to the folder with the benchmark files)"
        )
    present = sorted(path.name for path in archive.iterdir() if path.is_dir())
    if name not in present:  # not a question of what exists: "CUB/" does, and names no folder of images
        raise InputError(f"no data set {name!r} in {archive}; there are: {', '.join(present) or 'none'}")
    return archive / name


def read_mat(path: Path, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Variables of a MATLAB file; InputError if it is missing, damaged, or lacks a required variable.

    Others are passed over: the ``features`` of the original ``res101.mat`` take up to 600 MB.

    >>> import scipy.io, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "res101.mat"
    >>> scipy.io.savemat(path, {"labels": [[1], [2]], "features": np.zeros((2048, 2))})
    >>> content = read_mat(path, ("labels",), optional=("image_files",))
    >>> list(content), content["labels"].tolist()
    (['labels'], [[1], [2]])
    """
    if not path.is_file():
        raise InputError(f"{path} is missing")
    try:
        content = loadmat(path, variable_names=[*required, *optional])
    except Exception as error:  # scipy raises many types for a truncated or foreign file
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path} cannot be read as a MATLAB file, it may be truncated: {reason}") from None
    for key in required:
        if key not in content:
            raise InputError(f"{path} must hold the variable {key!r}, and does not: it may be truncated")
    return {key: content[key] for key in (*required, *optional) if key in content}


def strings(path: Path, key: str, cells: np.ndarray) -> list[str]:
    """The strings of a MATLAB cell array, as ``loadmat`` gives it: an object array of arrays of one string.

    InputError names the file and the variable if it holds anything else, or an empty string.

    >>> cells = np.empty((2, 1), dtype=object)
    >>> cells[:, 0] = [np.array(["antelope"]), np.array(["grizzly+bear"])]
    >>> strings(Path("att_splits.mat"), "allclasses_names", cells)
    ['antelope', 'grizzly+bear']
    """
    texts = [cell for cell in np.ravel(cells) if isinstance(cell, np.ndarray) and cell.dtype.kind == "U"]
    if len(texts) != np.size(cells) or not all(text.size == 1 and text.item().strip() for text in texts):
        raise InputError(f"{key} in {path} must be a cell array of strings, none of them empty")
    return [text.item() for text in texts]


def zero_based(path: Path, key: str, values: np.ndarray, limit: int) -> Int[np.ndarray, " n"]:
    """1-based indices as 0-based int64; InputError names the file, the variable and the first one out of range.

    >>> zero_based(Path("res101.mat"), "labels", np.array([[1], [4]]), 4)
    array([0, 3])
    """
    indices = np.ravel(values)
    if indices.dtype.kind not in "iuf":
        raise InputError(f"{key} in {path} must hold whole numbers, got values of type {indices.dtype}")
    wrong = indices[~((indices >= 1) & (indices <= limit) & (indices == np.round(indices)))]  # NaN is wrong too
    if len(wrong):
        raise InputError(f"{key} in {path} must hold whole numbers in 1..{limit}, got {wrong[0]}")
    return indices.astype(np.int64) - 1


def attribute_matrix(path: Path, key: str, content: dict, class_names: list[str]) -> Float[np.ndarray, "C A"]:
    """A class-by-attribute matrix, stored transposed, as float32.

    InputError names the class and attribute of a bad value: one that is not finite, or a class that is all zero.

    >>> stored = np.array([[0.6, 0.0], [0.8, 1.0], [0.0, 0.0]])  # 3 attributes of 2 classes
    >>> attribute_matrix(Path("att_splits.mat"), "att", {"att": stored}, ["antelope", "bat"]).shape
    (2, 3)
    >>> attribute_matrix(Path("att_splits.mat"), "att", {"att": stored / [1, np.inf]}, ["antelope", "bat"])
    Traceback (most recent call last):
    zslcore.errors.InputError: att in att_splits.mat must describe every class, but is all zero for 'bat'
    """
    matrix = np.asarray(content[key]).T
    if matrix.ndim != 2 or len(matrix) != len(class_names) or not matrix.size or matrix.dtype.kind not in "fiu":
        raise InputError(
            f"{key} in {path} must hold numbers, attributes x {len(class_names)} classes, "
            f"got shape {matrix.T.shape} and type {matrix.dtype}"
        )
    with np.errstate(over="ignore"):
        matrix = matrix.astype(np.float32)
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise InputError(
            f"{key} in {path} must be finite, got {matrix[row, column]} for class {class_names[row]!r}, "
            f"attribute {column + 1}"
        )
    empty = np.flatnonzero(~matrix.any(axis=1))
    if len(empty):
        raise InputError(f"{key} in {path} must describe every class, but is all zero for {class_names[empty[0]]!r}")
    return matrix


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, stripped, without the empty ones; InputError if it is not UTF-8.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "testclasses.txt"
    >>> _ = path.write_text("bat \\n\\nantelope")
    >>> read_lines(path)
    ['bat', 'antelope']
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise InputError(f"{path} must be a text file in UTF-8, and is not") from None
    return [line.strip() for line in lines if line.strip()]


def class_list(path: Path, class_names: list[str]) -> Int[np.ndarray, " n"] | None:
    """Sorted class indices of a list of names, one a line; None where the file does not exist.

    InputError for a name that is not among ``class_names``.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "testclasses.txt"
    >>> _ = path.write_text("whale\\nbat")
    >>> class_list(path, ["antelope", "bat", "whale"])
    array([1, 2])
    """
    if not path.is_file():
        return None
    index = {name: position for position, name in enumerate(class_names)}
    names = read_lines(path)
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
    found = _TAIL.fullmatch(stored)
    tail = found[1] if found else stored.lstrip("/")
    return root / IMAGE_FOLDERS.get(name, f"{name}/images") / tail

"""Features in a file that a user gives, in the order of the images of a benchmark."""

import contextlib
import posixpath
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.io import whosmat

from zslcore.data.benchmark import Benchmark
from zslcore.data.image_files import tails
from zslcore.data.matlab import is_hdf5
from zslcore.data.xlsa17 import MatFile
from zslcore.errors import InputError, one_line

SUFFIXES = (".npy", ".npz", ".mat")
_BESIDE = ("image_files", "labels")  # what a file may hold beside the features


def read_features(path: Path, benchmark: Benchmark) -> Float[np.ndarray, "n D 1"]:
    """The features of a file, see :func:`zslcore.training.inputs.stored.import_features`."""
    values, image_files, columns = _read(path, len(benchmark.labels))
    maps = checked_maps(values, str(path), benchmark)
    if image_files is not None:
        return maps[_rows_by_name(image_files, path, benchmark)]
    for name, column in columns.items():  # names of images are also called paths, filenames or ids
        with contextlib.suppress(InputError):  # text that names no files
            if column.dtype.kind == "U" and (rows := _rows(column.tolist(), path, benchmark)) is not None:
                return maps[rows]
        if _numbered_otherwise(column) and name != "labels":
            raise InputError(_other_order(f"its {name} number them", path, benchmark))
    if "labels" in columns:
        _check_order(columns["labels"], path, benchmark)
    return maps


def checked_maps(values: np.ndarray, source: str, benchmark: Benchmark) -> Float[np.ndarray, "n D 1"]:
    """Finite float32 maps with one location, one row per image."""
    if values.dtype.kind not in "fiu":
        raise InputError(f"{source} must hold real numbers, got values of type {values.dtype}")
    images = len(benchmark.labels)
    if values.ndim != 2 or len(values) != images or not values.shape[1]:
        turned = "; it looks transposed" if values.ndim == 2 and values.shape[1] == images else ""
        wanted = f"one row for each of the {images} images of {benchmark.name}"
        raise InputError(f"{source} must hold {wanted}, got shape {values.shape}{turned}")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=np.float32)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        found = values[row][~np.isfinite(values[row])][0]
        raise InputError(f"{source} must hold finite numbers, got {found} for image {row + 1}")
    return values[:, :, None]


def _read(path: Path, images: int) -> tuple[Shaped[np.ndarray, "..."], list[str] | None, dict[str, np.ndarray]]:
    """The array of a file that a user gives, its ``image_files``, and what else it holds for each image, by name."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"features must be a file that ends in {', '.join(SUFFIXES)}, got {path}")
    if not path.is_file():
        raise InputError(f"{path} is missing")
    if suffix == ".mat":
        tables = MatFile.read(path, ("features",), optional=("image_files",))
        values = tables.variables["features"]
        turned = values.ndim == 2 and values.shape[1] == images != values.shape[0]  # as in res101.mat
        named = tables.strings("image_files") if tables.has_values("image_files") else None
        names = {"labels"} if is_hdf5(path) else {name for name, *_ in whosmat(path)}
        beside = sorted(names - {"features", "image_files"})
        return values.T if turned else values, named, _columns(partial(_variable, path), beside, images)
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded, None, {}
        with loaded:
            names = [name for name in loaded if name not in _BESIDE]
            if "features" not in names and len(names) != 1:
                raise InputError(f"{path} must hold one array, or one called 'features', got {names!r:.100}")
            features = "features" if "features" in names else names[0]
            beside = sorted(set(loaded) - {features, "image_files"})
            named = _names_of_rows(loaded, path) if "image_files" in loaded else None
            return loaded[features], named, _columns(loaded.__getitem__, beside, images)
    except InputError:
        raise
    except Exception as error:  # numpy and zipfile raise many types for a damaged or foreign file
        raise InputError(f"{path} cannot be read as an array: {one_line(error)}") from None


def _columns(read: Callable[[str], np.ndarray], names: Iterable[str], images: int) -> dict[str, np.ndarray]:
    """The variables of a file that hold one number or text for each image, by name; others are left out."""
    columns = {}
    for name in names:
        with contextlib.suppress(InputError, ValueError):  # numpy would unpickle objects
            column = read(name).ravel()
            if column.dtype.kind in "biufUS" and len(column) == images:
                columns[name] = np.char.decode(column, "utf-8") if column.dtype.kind == "S" else column
    return columns


def _variable(path: Path, name: str) -> np.ndarray:
    """A variable of a MATLAB file; text as strings."""
    tables = MatFile.read(path, (name,))
    values = tables.variables[name]
    return values if values.dtype.kind in "biuf" else np.array(tables.strings(name))


def _names_of_rows(loaded: np.lib.npyio.NpzFile, path: Path) -> list[str]:
    try:
        names = loaded["image_files"].ravel()
    except ValueError:  # numpy would unpickle objects, such as the cells that scipy.io.loadmat gives
        names = np.empty(0, dtype=object)
    if names.dtype.kind not in "US":
        raise InputError(f"image_files in {path} must be an array of text: save np.array([...], dtype=str)")
    return (np.char.decode(names, "utf-8") if names.dtype.kind == "S" else names).tolist()


def _numbered_otherwise(column: np.ndarray) -> bool:
    """Whether a column numbers the rows, from 0 or 1, in another order than theirs."""
    if column.dtype.kind not in "iuf" or column.min() not in (0, 1):
        return False
    numbers = column.min() + np.arange(len(column))
    return bool((np.sort(column) == numbers).all() and (column != numbers).any())


def _other_order(found: str, path: Path, benchmark: Benchmark) -> str:
    return (
        f"the rows of {path} must be in the order of the images of {benchmark.name}, but {found} in another order: "
        "add image_files, the path of the image of each row"
    )


def _check_order(labels: np.ndarray, path: Path, benchmark: Benchmark) -> None:
    """Raise InputError if the labels of a file's rows have the classes of a benchmark, but in another order.

    The classes may have other numbers. Labels that group the images differently, such as families, are not compared.
    """
    given, own = np.unique(labels, return_inverse=True)[1], benchmark.labels
    if given.shape != own.shape or sorted(np.bincount(given)) != sorted(np.bincount(own)[np.unique(own)]):
        return
    if len(np.unique(np.stack([given, own]), axis=1).T) > len(np.unique(own)):
        raise InputError(_other_order("its labels are", path, benchmark))


def _rows_by_name(image_files: list[str], path: Path, benchmark: Benchmark) -> Int[np.ndarray, " n"]:
    """As :func:`_rows`, but with InputError if other images are named."""
    rows = _rows(image_files, path, benchmark)
    if rows is not None:
        return rows
    paths = tails(path, image_files, len(benchmark.class_names))
    missing = next((name for name in benchmark.image_names if name not in paths), None)
    found = f"has no {missing!r}" if missing else "has some more than once, in another order"
    raise InputError(f"image_files in {path} must name the images of {benchmark.name}, but {found}")


def _rows(names: list[str], path: Path, benchmark: Benchmark) -> Int[np.ndarray, " n"] | None:
    """The row of each image of a benchmark, from the paths of the images of all rows, or from their names alone."""
    paths = tails(path, names, len(benchmark.class_names))
    for part in (str, posixpath.basename):
        given, wanted = list(map(part, paths)), list(map(part, benchmark.image_names))
        if given == wanted:  # an image may be listed more than once
            return np.arange(len(wanted))
        row = {name: index for index, name in enumerate(given)}
        if len(row) == len(given) == len(wanted) and set(row) == set(wanted):
            return np.array([row[name] for name in wanted])
    return None

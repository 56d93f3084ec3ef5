"""Features in a file that a user gives, in the order of the images of a benchmark."""

import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from zslcore.data.benchmark import Benchmark
from zslcore.data.image_files import tails
from zslcore.data.xlsa17 import MatFile
from zslcore.errors import InputError, one_line

SUFFIXES = (".npy", ".npz", ".mat")
_BESIDE = ("image_files", "labels")  # what a file may hold beside the features


def read_features(path: Path, benchmark: Benchmark) -> Float[np.ndarray, "n D 1"]:
    """The features of a file, see :func:`zslcore.training.inputs.stored.import_features`."""
    values, image_files, labels = _read(path, len(benchmark.labels))
    maps = checked_maps(values, str(path), benchmark)
    if image_files is not None:
        return maps[_rows_by_name(image_files, path, benchmark)]
    if labels is not None:
        _check_order(labels, path, benchmark)
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


def _read(path: Path, images: int) -> tuple[Shaped[np.ndarray, "..."], list[str] | None, np.ndarray | None]:
    """The array of a file that a user gives, and the paths and labels of the images of its rows if it holds them."""
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
        return values.T if turned else values, named, _labels(lambda: MatFile.read(path, ("labels",)).variables)
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded, None, None
        with loaded:
            names = [name for name in loaded if name not in _BESIDE]
            if "features" not in names and len(names) != 1:
                raise InputError(f"{path} must hold one array, or one called 'features', got {names!r:.100}")
            values = loaded["features" if "features" in names else names[0]]
            named = _names_of_rows(loaded, path) if "image_files" in loaded else None
            return values, named, _labels(lambda: loaded)
    except InputError:
        raise
    except Exception as error:  # numpy and zipfile raise many types for a damaged or foreign file
        raise InputError(f"{path} cannot be read as an array: {one_line(error)}") from None


def _labels(read: Callable[[], Mapping[str, np.ndarray]]) -> np.ndarray | None:
    """Labels that a file may hold; None for those of another kind, which nothing asks for."""
    try:
        labels = read()["labels"]
    except (InputError, KeyError, ValueError):
        return None
    return labels.ravel() if labels.dtype.kind in "biufUS" else None


def _names_of_rows(loaded: np.lib.npyio.NpzFile, path: Path) -> list[str]:
    try:
        names = loaded["image_files"].ravel()
    except ValueError:  # numpy would unpickle objects, such as the cells that scipy.io.loadmat gives
        names = np.empty(0, dtype=object)
    if names.dtype.kind not in "US":
        raise InputError(f"image_files in {path} must be an array of text: save np.array([...], dtype=str)")
    return (np.char.decode(names, "utf-8") if names.dtype.kind == "S" else names).tolist()


def _check_order(labels: np.ndarray, path: Path, benchmark: Benchmark) -> None:
    """Raise InputError if the labels of a file's rows have the classes of a benchmark, but in another order.

    The classes may have other numbers. Labels that group the images differently, such as families, are not compared.
    """
    given, own = np.unique(labels, return_inverse=True)[1], benchmark.labels
    if given.shape != own.shape or sorted(np.bincount(given)) != sorted(np.bincount(own)[np.unique(own)]):
        return
    if len(np.unique(np.stack([given, own]), axis=1).T) > len(np.unique(own)):
        raise InputError(
            f"the rows of {path} must be in the order of the images of {benchmark.name}, but its labels are in another "
            "order: add image_files, the path of the image of each row"
        )


def _rows_by_name(image_files: list[str], path: Path, benchmark: Benchmark) -> Int[np.ndarray, " n"]:
    """The row of each image of a benchmark, from the paths of the images of all rows, or from their names alone."""
    paths = tails(path, image_files, len(benchmark.class_names))
    for part in (str, posixpath.basename):
        given, wanted = list(map(part, paths)), list(map(part, benchmark.image_names))
        if given == wanted:  # an image may be listed more than once
            return np.arange(len(wanted))
        row = {name: index for index, name in enumerate(given)}
        if len(row) == len(given) == len(wanted) and set(row) == set(wanted):
            return np.array([row[name] for name in wanted])
    missing = next((name for name in benchmark.image_names if name not in paths), None)
    found = f"has no {missing!r}" if missing else "has some more than once, in another order"
    raise InputError(f"image_files in {path} must name the images of {benchmark.name}, but {found}")

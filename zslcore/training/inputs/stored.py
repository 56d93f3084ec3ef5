"""Features that others computed: those in the ``res101.mat`` of a benchmark, and sets that a user imports.

Their maps have one location. They are kept under ``cache_root()/features``: those of ``res101.mat`` in a folder per
(dataset, content), imported ones in ``imported/NAME/``, which holds a folder for each data set.
"""

import posixpath
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from zslcore._io.hashes import check_hash, file_hash, file_hashes, note_hashes
from zslcore._io.locations import cache_root, user_path
from zslcore._io.writing import new_folder
from zslcore.backbone import BACKBONES, FILE_FEATURES, imported_features
from zslcore.data.benchmark import Benchmark, check_benchmark
from zslcore.data.image_files import tails
from zslcore.data.xlsa17 import MatFile, dataset_folder
from zslcore.errors import InputError, one_line
from zslcore.training.damage import damage_named

SUFFIXES = (".npy", ".npz", ".mat")
_BESIDE = ("image_files", "labels")  # what a file may hold beside the features
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, eq=False)
class FrozenFeatures:
    """Memory-mapped features of all images of a benchmark, and their folder; N = 1 if they are pooled."""

    maps: Float[np.ndarray, "n D N"]
    folder: Path


def stored_features(benchmark: Benchmark, backbone: str) -> FrozenFeatures:
    """The features that a backbone ``"res101"``, or the name of an imported set, stands for.

    Raises:
        InputError: if the file holds none, if none were imported under this name, or if they cannot be used.
    """
    folder = _folder(benchmark, backbone)
    if backbone == FILE_FEATURES and not folder.is_dir():
        _write(folder, _of_benchmark(benchmark))
    remedy = "delete it, and " + ("it is made again" if backbone == FILE_FEATURES else "import the features again")
    with damage_named(folder, remedy):
        check_cached(folder, "features.npy")
        maps = np.load(folder / "features.npy", mmap_mode="r")
        if maps.dtype != np.float32 or maps.ndim != 3 or len(maps) != len(benchmark.labels):
            raise ValueError("features.npy and the benchmark do not agree")
    return FrozenFeatures(maps, folder)


def features_id(benchmark: Benchmark, backbone: str) -> str:
    """12 hex digits over the content of the file that the features come from."""
    return _folder(benchmark, backbone).name[-12:]


def import_features(benchmark: Benchmark, name: str, path: Path | str) -> FrozenFeatures:
    """Import features of a data set, one row per image in its order, to use them as ``backbone=NAME``.

    The file is not needed afterwards. Features that were imported before for this data set and name are replaced.

    Args:
        benchmark: the data set.
        name: letters, digits, dots, dashes and underscores; not the name of a backbone.
        path: an ``.npy`` file, an ``.npz`` file with one array or one called ``features``, or a ``.mat`` file with the
            variable ``features``, which may also be stored as dimensions x images, as in ``res101.mat``. If an
            ``.npz`` or ``.mat`` file names the images of its rows in ``image_files``, their order is free.

    Raises:
        InputError: if the name is taken; if the file does not hold finite numbers, one row per image; or if it holds
            ``labels`` of images in another order.
    """
    check_benchmark(benchmark)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"the name of features must be letters, digits, '.', '_' and '-', up to 64, got {name!r:.100}")
    if name in BACKBONES or name == FILE_FEATURES:
        raise InputError(f"{name!r} is the name of a backbone, so imported features must have another name")
    path = user_path(path, what="features")
    values, image_files, labels = _read(path, len(benchmark.labels))
    values = _checked(values, str(path), benchmark)
    if image_files is not None:
        values = values[_rows_by_name(image_files, path, benchmark)]
    elif labels is not None:
        _check_order(labels, path, benchmark)
    home = imported_features() / name
    folder = home / f"{benchmark.name}-{benchmark.fingerprint}-{file_hash(path)[:12]}"
    if not folder.is_dir():
        _write(folder, values)
    for other in home.glob(f"*-{benchmark.fingerprint}-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return stored_features(benchmark, name)


def check_cached(folder: Path, name: str) -> None:
    """Raise ValueError if a file in a folder of the cache has changed since it was written."""
    check_hash(folder, name, cache_root() / "hashes" / f"{folder.name}-{name}.json")


def missing_pictures_hint(benchmark: Benchmark) -> str:
    """What can be used instead of pictures."""
    try:
        _of_benchmark(benchmark)
    except (InputError, ImportError):
        way = f"zslcore features import NAME FILE --dataset {benchmark.name}"
        return f"features of any backbone can be used instead: {way}"
    return f"the features in its res101.mat can be used instead: backbone={FILE_FEATURES}"


def _folder(benchmark: Benchmark, backbone: str) -> Path:
    if backbone == FILE_FEATURES:
        file = _benchmark_file(benchmark)
        hashes = file_hashes({file.name: file}, cache_root() / "hashes" / f"{benchmark.name}-{FILE_FEATURES}.json")
        if hashes is None:
            raise InputError(f"{file} is missing")
        name = f"{benchmark.name}-{FILE_FEATURES}-{benchmark.fingerprint}-{hashes[file.name][:12]}"
        return cache_root() / "features" / name
    found = list((imported_features() / backbone).glob(f"*-{benchmark.fingerprint}-{'[0-9a-f]' * 12}"))
    if not found:
        way = f"zslcore features import {backbone} FILE --dataset {benchmark.name}"
        raise InputError(f"no features {backbone!r} were imported for this version of {benchmark.name}; run: {way}")
    return max(found, key=lambda folder: folder.stat().st_mtime_ns)  # two, if an import was interrupted


def _benchmark_file(benchmark: Benchmark) -> Path:
    return dataset_folder(benchmark.root, benchmark.name) / "res101.mat"


def _of_benchmark(benchmark: Benchmark) -> Float[np.ndarray, "n D 1"]:
    file, images = _benchmark_file(benchmark), len(benchmark.labels)
    values = MatFile.read(file, (), optional=("features",)).variables.get("features")
    if values is None:
        raise InputError(f"{file} must hold the variable 'features' for backbone={FILE_FEATURES}, but does not")
    if values.ndim != 2 or images not in values.shape:
        raise InputError(f"features in {file} must be dimensions x {images} images, got shape {values.shape}")
    by_row = values.T if values.shape[1] == images else values  # as scripts in Python often store them
    return _checked(by_row, f"features in {file}", benchmark)


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


def _checked(values: np.ndarray, source: str, benchmark: Benchmark) -> Float[np.ndarray, "n D 1"]:
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


def _write(folder: Path, values: Float[np.ndarray, "n D 1"]) -> None:
    with new_folder(folder) as partial:
        np.save(partial / "features.npy", values)
        note_hashes(partial)

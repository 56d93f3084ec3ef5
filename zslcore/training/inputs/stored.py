"""Precomputed features: those in the ``res101.mat`` of a benchmark, and sets that a user imports.

Their maps have one location. They are stored under ``cache_root()/features``: those of ``res101.mat`` in a folder per
(dataset, content), and imported ones in ``imported/NAME/``, which has a folder for each data set.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zslcore._io.hashes import check_hash, file_hash, file_hashes, note_hashes
from zslcore._io.locations import cache_root, user_path
from zslcore._io.writing import new_folder
from zslcore.backbone import BACKBONES, FILE_FEATURES, imported_features
from zslcore.data.benchmark import Benchmark, check_benchmark
from zslcore.data.xlsa17 import MatFile, dataset_folder
from zslcore.errors import InputError
from zslcore.training.damage import damage_named
from zslcore.training.inputs.feature_files import checked_maps, read_features

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, eq=False)
class FrozenFeatures:
    """Memory-mapped features of all images of a benchmark, and their folder; N = 1 if they are pooled."""

    maps: Float[np.ndarray, "n D N"]
    folder: Path


def stored_features(benchmark: Benchmark, backbone: str) -> FrozenFeatures:
    """The features of the backbone ``"res101"``, or of an imported set.

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
            ``.npz`` or ``.mat`` file names the images of its rows, as ``image_files`` or otherwise, their order is
            free.

    Raises:
        InputError: if the name is taken; if the file does not hold finite numbers, one row per image; or if it holds
            ``labels`` or numbers of images in another order.
    """
    check_benchmark(benchmark)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"the name of features must be letters, digits, '.', '_' and '-', up to 64, got {name!r:.100}")
    if name in BACKBONES or name == FILE_FEATURES:
        raise InputError(f"{name!r} is the name of a backbone, so imported features must have another name")
    path = user_path(path, what="features")
    values = read_features(path, benchmark)
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
    """A hint for messages: what can be used instead of pictures."""
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
    return checked_maps(by_row, f"features in {file}", benchmark)


def _write(folder: Path, values: Float[np.ndarray, "n D 1"]) -> None:
    with new_folder(folder) as partial:
        np.save(partial / "features.npy", values)
        note_hashes(partial)

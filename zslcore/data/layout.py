"""Writing a data set in the xlsa17 layout, so that it appears complete or not at all."""

import io
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io
from jaxtyping import Float, Int

from zslcore._io.locations import check_dataset_name, check_folder
from zslcore._io.progress import progress_bar
from zslcore._io.writing import new_tree, remove_abandoned
from zslcore.data import xlsa17
from zslcore.data.benchmark import Benchmark
from zslcore.data.image_files import expected_folder
from zslcore.errors import InputError

Place = Callable[[Path, Path], object]  # writes the image of the first path to the second
RESERVED = ("SYNTH", "Attribute", "cache", "xlsa17")  # folders of the root, and the generated data set


@dataclass(frozen=True, eq=False)
class Tables:
    """What ``att_splits.mat``, ``res101.mat``, the class lists and the attribute names hold; indices start at 0.

    Attributes:
        attributes: (C, A) class vectors of unit L2 norm.
        original_attributes: (C, A) annotations.
        labels: (n,) class index of each image.
        image_files: paths of the n images as they are stored, with ``/``.
        splits: image indices by split.
        class_lists: class indices by file name, see :func:`class_lists`.
    """

    class_names: Sequence[str]
    attribute_names: Sequence[str]
    attributes: Float[np.ndarray, "C A"]
    original_attributes: Float[np.ndarray, "C A"]
    labels: Int[np.ndarray, " n"]
    image_files: Sequence[str]
    splits: dict[str, Int[np.ndarray, " m"]]
    class_lists: dict[str, list[int]]


def class_lists(train: list[int], val: list[int], unseen: list[int]) -> dict[str, list[int]]:
    """Classes of the five class lists, by file name without ``.txt``.

    Example:
        >>> class_lists([3, 0], [1], [2])["trainvalclasses"]
        [0, 1, 3]
    """
    return {
        "allclasses": sorted([*train, *val, *unseen]),
        "trainclasses1": sorted(train),
        "valclasses1": sorted(val),
        "testclasses": sorted(unseen),
        "trainvalclasses": sorted([*train, *val]),
    }


def write_tables(root: Path, name: str, tables: Tables, *, comment: str = "") -> None:
    """Write the tables of a data set below ``root``; ``comment`` goes into the headers of the MATLAB files."""
    folder = root / xlsa17.ARCHIVE / name
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "att": tables.attributes.T,
        "original_att": tables.original_attributes.T,
        "allclasses_names": _cells(tables.class_names),
    }
    for split, index in tables.splits.items():
        arrays[f"{split}_loc"] = (index + 1).astype(np.int32)[:, None]
    _save_mat(folder / "att_splits.mat", arrays, comment or name)
    labels = (tables.labels + 1).astype(np.int32)[:, None]
    _save_mat(folder / "res101.mat", {"labels": labels, "image_files": _cells(tables.image_files)}, comment or name)
    for file, members in tables.class_lists.items():
        _write_lines(folder / f"{file}.txt", [tables.class_names[index] for index in members])
    (root / "Attribute" / "names").mkdir(parents=True, exist_ok=True)
    _write_lines(root / "Attribute" / "names" / f"{name}.txt", tables.attribute_names)


def write_dataset(
    root: Path,
    name: str,
    tables: Tables,
    *,
    sources: Sequence[Path],
    place: Place,
    word_vectors: Float[np.ndarray, "A k"] | None,
) -> Benchmark:
    """Write a new data set below ``root`` and load it; nothing stays of it if either fails.

    Args:
        root: folder of the data sets, created if needed.
        name: of the data set.
        tables: with ``image_files`` below the data set's image folder.
        sources: the n images, in the order of ``tables``.
        place: called as ``place(source, target)`` for each image.
        word_vectors: of the attributes, or None.

    Raises:
        InputError: if ``root`` holds a data set of this name already, or the name cannot be used.
    """
    check_dataset_name(name)
    if name in RESERVED:
        raise InputError(f"the name of a data set must not be {', '.join(RESERVED)}; got {name!r}")
    check_folder("the root of a data set", root)
    vectors = Path("Attribute", "w2v", f"{name}_attribute.npy")
    names = Path("Attribute", "names", f"{name}.txt")
    parts = (expected_folder(name), names, vectors, xlsa17.ARCHIVE / name)  # tables last: nobody loads it before
    remove_abandoned(root / name)  # of a process that was killed
    for part in (*parts, vectors.with_suffix(".pkl")):
        if os.path.lexists(root / part):
            raise InputError(f"{root / part} exists already: give the new data set another name")
    with new_tree(root, name, parts) as partial:
        write_tables(partial, name, tables)
        if word_vectors is not None:
            (partial / vectors).parent.mkdir(parents=True)
            np.save(partial / vectors, word_vectors)
        source_of = dict(zip(tables.image_files, sources, strict=True))  # a file may be listed more than once
        for file, source in progress_bar(source_of.items(), desc="images", unit="image", leave=False):
            (partial / file).parent.mkdir(parents=True, exist_ok=True)
            place(source, partial / file)
        Benchmark.load(partial, name).check_images()
    return Benchmark.load(root, name)


def _symlink(source: Path, target: Path) -> None:
    target.symlink_to(source.resolve())


PLACES: dict[str, Place] = {"copy": shutil.copyfile, "hardlink": os.link, "symlink": _symlink}


def place_by(how: str) -> Place:
    """The function that copies or links an image; InputError for another word than those of ``PLACES``."""
    if how not in PLACES:
        raise InputError(f"images must be one of {', '.join(PLACES)}, got {how!r}")
    return PLACES[how]


def _cells(texts: Sequence[str]) -> np.ndarray:  # an n x 1 MATLAB cell array
    return np.array(texts, dtype=object)[:, None]


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _save_mat(path: Path, arrays: dict[str, np.ndarray], comment: str) -> None:
    """``scipy.io.savemat`` without the time in the header, so that equal arrays give equal bytes."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays)
    header = f"MATLAB 5.0 MAT-file, zslcore {comment}".encode()[:116]
    path.write_bytes(header.ljust(116) + buffer.getvalue()[116:])

"""The xlsa17 layout: where the files of a data set lie below the data folder, and writing its tables."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io
from jaxtyping import Float, Int

ARCHIVE = Path("xlsa17") / "data"
_IMAGES = {"CUB": "CUB/CUB_200_2011/images", "AWA2": "AWA2/Animals_with_Attributes2/JPEGImages"}


def expected_folder(name: str) -> Path:
    """Folder of a data set's images below the data folder."""
    return Path(_IMAGES.get(name, f"{name}/images"))


@dataclass(frozen=True, eq=False)
class Tables:
    """The content of ``att_splits.mat``, ``res101.mat``, the class lists and the attribute names; indices start at 0.

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
    folder = root / ARCHIVE / name
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

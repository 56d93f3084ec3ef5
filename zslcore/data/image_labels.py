"""Attribute labels and part positions of single images, in the formats of CUB, SUN and SynthBirds.

The files lie beside the folder ``images/`` of a data set, as in the original archives::

    images.txt                                  image id, file name             (CUB)
    attributes/image_attribute_labels.txt       image id, attribute id, 0 or 1  (CUB)
    parts/parts.txt, parts/part_locs.txt        names; image id, part id, x, y, visible  (CUB)
    bounding_boxes.txt                          image id, left, top, width, height of the bird  (CUB, may be missing)
    SUNAttributeDB/images.mat, SUNAttributeDB/attributeLabels_continuous.mat    (SUN)
    ground_truth.npz                                                            (SYNTH)

The text files may be compressed (``.xz``, ``.gz``, ``.bz2``). Images are matched by file name, because the order of
these files differs from that of ``res101.mat``. Upper and lower case may differ. The files may hold more images, or
fewer.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zslcore.data.cub_tables import cells, listed_images, named_ids, read_boxes, stored
from zslcore.data.image_files import folded
from zslcore.data.part_groups import PARTS_OF_GROUPS
from zslcore.data.xlsa17 import MatFile
from zslcore.errors import InputError
from zslcore.layout import expected_folder

_CUB, _PARTS = "attributes/image_attribute_labels.txt", "parts/part_locs.txt"  # beside the folder images/
_BIRDS = "bounding_boxes.txt"
_SUN, _SYNTH = "SUNAttributeDB/attributeLabels_continuous.mat", "ground_truth.npz"


@dataclass(frozen=True, eq=False)
class Parts:
    """Positions of P parts in n images.

    Attributes:
        names: of the parts.
        positions: (n, P, 2) x and y in pixels of the image, x to the right and y down; NaN where a part is not marked.
        visible: (n, P) from 0 to 1: whether a part is visible, or which share of it (SYNTH); NaN for unmarked images.
        groups: the parts on which an attribute group shows, by the group's name; groups of no part are left out.
        extents: (n, P, 4) left, top, right, bottom of each part; None if only positions are known.
        birds: (n, 4) left, top, right, bottom of the bird; None if pictures are cropped to it.
    """

    names: tuple[str, ...]
    positions: Float[np.ndarray, "n P 2"]
    visible: Float[np.ndarray, "n P"]
    groups: Mapping[str, tuple[str, ...]]
    extents: Float[np.ndarray, "n P 4"] | None = None
    birds: Float[np.ndarray, "n 4"] | None = None


def labels_file(root: Path, name: str) -> Path | None:
    """File with the attribute labels of the images of a data set; None if there is none."""
    folder = (root / expected_folder(name)).parent
    drawn = [folder / _SYNTH] if name == "SYNTH" else []
    return next((path for path in (*drawn, stored(folder / _CUB), folder / _SUN) if path.is_file()), None)


def read_image_attributes(
    root: Path, name: str, image_names: Sequence[str], num_attributes: int
) -> Float[np.ndarray, "n A"]:
    """Labels (0 or 1, float32) of the images with these names, in their order; NaN where there is none.

    A share of annotators, as in SUN's original file, counts as 1 above one half.

    Raises:
        InputError: if no file is found, or if it is malformed (the message names file and line).
    """
    file, folder = labels_file(root, name), (root / expected_folder(name)).parent
    if file is None:
        wanted = f"{_CUB} (also compressed) or {_SUN}"
        raise InputError(f"no attribute labels of single images for {name}: {folder} must hold {wanted}")
    rows = {image: row for row, image in enumerate(dict.fromkeys(image_names))}  # an image may be listed twice
    if file.name == _SYNTH:
        labels = _drawn_labels(root)
    elif file.suffix == ".mat":
        labels = _sun_labels(file, rows, num_attributes)
    else:
        at, attribute, table = cells(file, _image_rows(folder, rows), num_attributes, "attribute", columns=3)
        labels = np.full((len(rows), num_attributes), np.nan, dtype=np.float32)
        labels[at, attribute] = table[:, 2]
    if labels.shape != (len(rows), num_attributes):
        wanted = f"{len(rows)} images x {num_attributes} attributes"
        raise InputError(f"{file} must hold labels of {wanted}, got {labels.shape[0]} x {labels.shape[1]}")
    return labels[[rows[image] for image in image_names]]


def parts_file(root: Path, name: str) -> Path | None:
    """File with the part positions of the images of a data set; None if there is none."""
    folder = (root / expected_folder(name)).parent
    file = folder / _SYNTH if name == "SYNTH" else stored(folder / _PARTS)
    return file if file.is_file() else None


def read_parts(root: Path, name: str, image_names: Sequence[str]) -> Parts:
    """Part positions of the images with these names, in their order; InputError if the file is missing or malformed."""
    if name == "SYNTH":
        return _drawn_parts(root)
    file, folder = parts_file(root, name), (root / expected_folder(name)).parent
    if file is None:
        raise InputError(f"no part positions for {name}: {folder} must hold {_PARTS} (also compressed)")
    rows = {image: row for row, image in enumerate(dict.fromkeys(image_names))}
    row_of_id, names = _image_rows(folder, rows), _part_names(folder / "parts" / "parts.txt")
    at, part, table = cells(file, row_of_id, len(names), "part", columns=5)
    positions, visible = np.full((len(rows), len(names), 2), np.nan), np.full((len(rows), len(names)), np.nan)
    visible[at, part] = table[:, 4]
    positions[at, part] = np.where(table[:, 4:] > 0, table[:, 2:4], np.nan)
    listed, birds = [rows[image] for image in image_names], None
    if os.path.lexists(boxes := stored(folder / _BIRDS)):  # a broken link is no missing file
        birds = _birds(boxes, row_of_id, len(rows))[listed].astype(np.float32)
    positions, visible = positions[listed].astype(np.float32), visible[listed].astype(np.float32)
    return Parts(names, positions, visible, PARTS_OF_GROUPS, birds=birds)


def _part_names(file: Path) -> tuple[str, ...]:
    """Names of the parts in the order of their ids, in which ``part_locs.txt`` counts them."""
    names = named_ids(file)
    if sorted(names) != list(range(1, len(names) + 1)):
        raise InputError(f"{file} must number the parts from 1, got {', '.join(map(str, sorted(names))):.100}")
    return tuple(names[part] for part in sorted(names))


def _birds(file: Path, row_of_id: dict[int, int], count: int) -> Float[np.ndarray, "n 4"]:
    """Box of the bird of each image; NaN where the file has none."""
    birds = np.full((count, 4), np.nan)
    for image, (left, top, width, height) in read_boxes(file).items():
        if row_of_id.get(image, -1) >= 0:
            birds[row_of_id[image]] = left, top, left + width, top + height
    return birds


def _drawn_parts(root: Path) -> Parts:
    from zslcore.synthbirds import load_ground_truth

    truth = load_ground_truth(root)
    groups = {name.replace("_", " "): (part,) for name, part in zip(truth.group_names, truth.group_parts, strict=True)}
    positions, visible = truth.positions.astype(np.float32), truth.visible.astype(np.float32)
    return Parts(truth.part_names, positions, visible, groups, extents=truth.extents)


def _drawn_labels(root: Path) -> Float[np.ndarray, "n A"]:
    from zslcore.synthbirds import load_ground_truth
    from zslcore.synthbirds.tables import shown_attributes

    return shown_attributes(load_ground_truth(root).values).astype(np.float32)


def _sun_labels(file: Path, rows: dict[str, int], num_attributes: int) -> Float[np.ndarray, "n A"]:
    listed = MatFile.read(file.with_name("images.mat"), ("images",)).strings("images")
    names = [name.replace("\\", "/") for name in listed]
    votes = MatFile.read(file, ("labels_cv",)).variables["labels_cv"]
    if votes.shape != (len(names), num_attributes) or votes.dtype.kind not in "fiu":
        wanted = f"numbers, {len(names)} images of images.mat x {num_attributes} attributes"
        raise InputError(f"labels_cv in {file} must hold {wanted}, got shape {votes.shape} and type {votes.dtype}")
    outside = ~((votes >= 0) & (votes <= 1))  # True for NaN
    if outside.any():
        where = f"{votes[outside][0]} for image {names[int(outside.any(1).argmax())]!r}"
        raise InputError(f"labels_cv in {file} must lie in [0, 1], got {where}")
    at = np.array(_positions(names, rows))
    if not (at >= 0).any():
        raise InputError(f"{file.with_name('images.mat')} must name images of the data set, but names none")
    labels = np.full((len(rows), num_attributes), np.nan, dtype=np.float32)
    labels[at[at >= 0]] = votes[at >= 0] > 0.5
    return labels


def _image_rows(folder: Path, rows: dict[str, int]) -> dict[int, int]:
    """Row of each image id of ``images.txt``; -1 for an image that the benchmark does not have."""
    file = folder / "images.txt"
    listed = listed_images(file)
    found = dict(zip(listed, _positions(listed.values(), rows), strict=True))
    if not any(row >= 0 for row in found.values()):
        raise InputError(f"{file} must name images of the data set, such as {next(iter(rows))!r}, but names none")
    return found


def _positions(names: Iterable[str], rows: dict[str, int]) -> list[int]:
    """Row of each name; -1 for names that no image has, or that several have if case does not count."""
    alike: dict[str, int] = {}
    for image, row in rows.items():
        key = folded(image)
        alike[key] = -1 if key in alike else row
    return [rows.get(name, alike.get(folded(name), -1)) for name in names]

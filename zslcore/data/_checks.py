"""Checks of a benchmark's tables. Each raises InputError with one sentence about the first fault that it finds."""

from pathlib import Path

import numpy as np

from zslcore.errors import InputError


def check_attributes(file: Path, attributes: np.ndarray, original: np.ndarray, names: list[str]) -> None:
    """Check names and class vectors: unique names; finite vectors of one shape, none all zero."""
    unique, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        repeated = str(unique[counts > 1][0])
        raise InputError(f"allclasses_names in {file} must name each class once, but repeats {repeated!r}")
    if original.shape != attributes.shape:
        shapes = f"{attributes.shape} and {original.shape}"
        raise InputError(f"att and original_att in {file} must have one shape, got {shapes}; att alone suffices")
    for key, matrix in (("att", attributes), ("original_att", original)):
        for row, column in np.argwhere(~np.isfinite(matrix)):
            found = f"{matrix[row, column]} for class {names[row]!r}, attribute {column + 1}"
            raise InputError(f"{key} in {file} must be finite, got {found}")
        for row in np.flatnonzero(~matrix.any(axis=1)):
            raise InputError(f"{key} in {file} must describe every class, but is all zero for {names[row]!r}")


def check_orientation(file: Path, attributes: np.ndarray, labels: np.ndarray) -> None:
    """Check that the class vectors of a file without class names are not transposed (classes x attributes)."""
    classes, columns = attributes.shape
    if labels.max(initial=0) + 1 == columns < classes:
        given = f"shape ({columns}, {classes}) with labels up to {columns}; it looks transposed"
        raise InputError(f"att in {file} must hold attributes x classes, got {given}")


def check_normalised(file: Path, attributes: np.ndarray, original: np.ndarray, names: tuple[str, ...]) -> None:
    """Check that ``att``, of unit norm, has the directions of ``original_att``, except where that holds a -1."""
    original = original.astype(np.float64)
    norms = np.linalg.norm(original, axis=1, keepdims=True)
    distances = np.linalg.norm(attributes - original / norms, axis=1)
    for row in np.flatnonzero((distances > 1e-2) & (original != -1).all(axis=1)):
        found = f"a distance of {distances[row]:.2g} for class {names[row]!r}"
        raise InputError(f"att in {file} must be original_att of unit length, got {found}")


def check_splits(file: Path, splits: dict[str, np.ndarray]) -> None:
    """Check that no split is empty or repeats an image, and that the splits which must be disjoint are."""
    for split, images in splits.items():
        unique, counts = np.unique(images, return_counts=True)
        if not len(unique):
            raise InputError(f"{split}_loc in {file} must list at least one image, but is empty")
        for image in unique[counts > 1]:
            raise InputError(f"{split}_loc in {file} must list each image once, but repeats {image + 1}")
    pairs = (("trainval", "test_seen"), ("trainval", "test_unseen"), ("test_seen", "test_unseen"), ("train", "val"))
    for first, second in pairs:
        both = np.intersect1d(splits.get(first, []), splits.get(second, []))
        if len(both):
            shared = f"{len(both)} images, the first is {int(both[0]) + 1}"
            raise InputError(f"{first}_loc and {second}_loc in {file} must be disjoint, but share {shared}")


def check_seen_and_unseen(
    folder: Path, seen: np.ndarray, unseen: np.ndarray, test_seen: np.ndarray, names: list[str]
) -> None:
    """Check that no class is both seen and unseen, and that the classes of test_seen are seen."""
    for row in np.intersect1d(seen, unseen):
        raise InputError(f"each class in {folder} must be either seen or unseen, but {names[row]!r} is both")
    for row in np.setdiff1d(test_seen, seen):
        raise InputError(f"test_seen_loc in {folder} must hold only images of seen classes, got {names[row]!r}")


def check_class_list(file: Path, listed: np.ndarray, labelled: np.ndarray, names: list[str]) -> None:
    """Check that a class list names the classes that the images have."""
    for row in np.setxor1d(listed, labelled):
        raise InputError(f"{file} and the labels must give the same classes, but differ in {names[row]!r}")

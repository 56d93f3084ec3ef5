"""Checks of a benchmark's tables. Each raises InputError with one sentence about the first fault that it finds."""

from pathlib import Path

import numpy as np

from zslcore.errors import InputError


def class_names_are_unique(file: Path, names: list[str]) -> None:
    unique, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        repeated = str(unique[counts > 1][0])
        raise InputError(f"allclasses_names in {file} must name each class once, but repeats {repeated!r}")


def attributes_are_finite(file: Path, key: str, matrix: np.ndarray, names: list[str]) -> None:
    for row, column in np.argwhere(~np.isfinite(matrix)):
        value = matrix[row, column]
        raise InputError(
            f"{key} in {file} must be finite, got {value} for class {names[row]!r}, attribute {column + 1}"
        )


def no_class_is_all_zero(file: Path, key: str, matrix: np.ndarray, names: list[str]) -> None:
    for row in np.flatnonzero(~matrix.any(axis=1)):
        raise InputError(f"{key} in {file} must describe every class, but is all zero for {names[row]!r}")


def classes_have_unit_norm(file: Path, attributes: np.ndarray, names: list[str]) -> None:
    norms = np.linalg.norm(attributes, axis=1)
    for row in np.flatnonzero(np.abs(norms - 1) > 1e-3):
        raise InputError(
            f"att in {file} must have an L2 norm of 1 for each class, got {norms[row]:.4g} for class {names[row]!r}"
        )


def shapes_agree(file: Path, attributes: np.ndarray, original: np.ndarray) -> None:
    if original.shape != attributes.shape:
        raise InputError(
            f"att and original_att in {file} must have one shape, got {attributes.shape} and {original.shape}"
        )


def every_image_has_a_label(file: Path, labels: np.ndarray, paths: list[str]) -> None:
    if len(paths) != len(labels):
        raise InputError(f"{file} must hold one label per image, got {len(labels)} labels and {len(paths)} images")


def images_are_unique(file: Path, split: str, images: np.ndarray) -> None:
    unique, counts = np.unique(images, return_counts=True)
    if not len(unique):
        raise InputError(f"{split}_loc in {file} must list at least one image, but is empty")
    if (counts > 1).any():
        raise InputError(f"{split}_loc in {file} must list each image once, but repeats {unique[counts > 1][0] + 1}")


def splits_are_disjoint(file: Path, splits: dict[str, np.ndarray], first: str, second: str) -> None:
    both = np.intersect1d(splits.get(first, []), splits.get(second, []))
    if len(both):
        raise InputError(
            f"{first}_loc and {second}_loc in {file} must be disjoint, but share {len(both)} images, "
            f"the first is {int(both[0]) + 1}"
        )


def no_class_is_seen_and_unseen(file: Path, seen: np.ndarray, unseen: np.ndarray, names: list[str]) -> None:
    for row in np.intersect1d(seen, unseen):
        raise InputError(f"each class in {file} must be either seen or unseen, but {names[row]!r} is both")


def test_seen_holds_seen_classes(file: Path, test_seen: np.ndarray, seen: np.ndarray, names: list[str]) -> None:
    for row in np.setdiff1d(test_seen, seen):
        raise InputError(f"test_seen_loc in {file} must hold only images of seen classes, got {names[row]!r}")


def list_agrees_with_labels(file: Path, listed: np.ndarray, labelled: np.ndarray, names: list[str]) -> None:
    for row in np.setxor1d(listed, labelled):
        raise InputError(f"{file} and the labels must give the same classes, but differ in {names[row]!r}")


def train_and_val_partition(folder: Path, train: np.ndarray, val: np.ndarray, seen: np.ndarray) -> None:
    if not len(train) or not len(val) or not np.array_equal(np.sort(np.concatenate([train, val])), seen):
        raise InputError(f"the train and val classes in {folder} must partition the {len(seen)} seen classes")


def split_holds_its_classes(file: Path, split: str, images: np.ndarray, allowed: np.ndarray) -> None:
    if not len(images):
        raise InputError(f"{split}_loc in {file} must list images of trainval_loc, but lists none")
    for image in np.setdiff1d(images, allowed):
        raise InputError(
            f"{split}_loc in {file} must hold only images of the {split} classes, but image {image + 1} is not one"
        )

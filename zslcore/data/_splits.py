"""Train and val classes of a benchmark, and the images of its train and val splits."""

from pathlib import Path

import numpy as np

from zslcore.data import xlsa17
from zslcore.errors import InputError


def class_list(path: Path, class_names: list[str], labels: np.ndarray) -> np.ndarray | None:
    """Listed classes that have images; None without a list or without the names of the classes."""
    listed = xlsa17.class_list(path, class_names) if class_names else None
    return None if listed is None else np.intersect1d(listed, labels)


def train_and_val_classes(
    folder: Path, class_names: list[str], labels: np.ndarray, splits: dict[str, np.ndarray], seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Train and val classes: from the class lists, or from the locations if a list is missing."""
    train = class_list(folder / "trainclasses1.txt", class_names, labels)
    val = class_list(folder / "valclasses1.txt", class_names, labels)
    if train is None or val is None:
        if not {"train", "val"} <= set(splits):
            lists = "trainclasses1.txt and valclasses1.txt"
            need = f"train_loc and val_loc, or {lists}" + ("" if class_names else " together with allclasses_names")
            raise InputError(f"{folder} must hold {need}")
        val = np.intersect1d(labels[splits["val"]], seen)
        train = np.setdiff1d(seen, val)
    if not len(train) or not len(val) or not np.array_equal(np.sort(np.concatenate([train, val])), seen):
        raise InputError(f"the train and val classes in {folder} must partition the {len(seen)} seen classes")
    return train, val


def within_trainval(folder: Path, name: str, splits: dict[str, np.ndarray], of_class: np.ndarray) -> np.ndarray:
    """Images of ``train`` or ``val``: the stored ones within trainval, or all of their classes if none are stored."""
    trainval = splits["trainval"]
    by_class = trainval[of_class[trainval]]
    # the train_loc and val_loc of AWA2 and SUN contain all of test_seen: without this, choices would see test images
    images = np.intersect1d(splits[name], trainval) if name in splits else by_class
    if not len(images):
        raise InputError(f"{name}_loc in {folder} must list images of trainval_loc, but lists none")
    for image in np.setdiff1d(images, by_class):
        only = f"only images of the {name} classes"
        raise InputError(f"{name}_loc in {folder} must hold {only}, but image {image + 1} is not one")
    return images

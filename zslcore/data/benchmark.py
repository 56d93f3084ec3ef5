"""A zero-shot benchmark on disk: read from the xlsa17 layout and validated as a whole."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from zslcore.data import _checks, xlsa17
from zslcore.data.semantics import load_word_vectors, read_attribute_names
from zslcore.errors import InputError

VECTORS = ("normalised", "original")
SPLITS = ("trainval", "test_seen", "test_unseen", "train", "val")


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A validated benchmark of C classes, A attributes and n images, made by :meth:`load`.

    Attributes:
        attributes: (C, A) float32 class vectors of unit L2 norm.
        original_attributes: (C, A) float32 annotations: percent, 0 to 100, for CUB and SYNTH; shares, 0 to 1, for SUN;
            -1 marks a missing annotation (four cells of AWA2).
        class_names: in the order of the rows, which is not the order of the folders for CUB and AWA2.
        labels: (n,) class index of each image.
        image_paths: (n,) expected path of each image; :meth:`check_images` tests whether the files exist.
        seen_classes, unseen_classes, train_classes, val_classes: sorted class indices; train and val classes partition
            the seen classes.

    Example:
        >>> benchmark.attributes.shape, benchmark.seen_classes, benchmark.unseen_classes
        ((5, 57), array([0, 1, 2, 4]), array([3]))
        >>> {name: len(benchmark.split(name)) for name in SPLITS}  # 25 images
        {'trainval': 16, 'test_seen': 4, 'test_unseen': 5, 'train': 12, 'val': 4}
    """

    name: str
    root: Path
    attributes: Float[np.ndarray, "C A"]
    original_attributes: Float[np.ndarray, "C A"]
    class_names: tuple[str, ...]
    attribute_names: tuple[str, ...]
    labels: Int[np.ndarray, " n"]
    image_paths: tuple[Path, ...]
    seen_classes: Int[np.ndarray, " S"]
    unseen_classes: Int[np.ndarray, " U"]
    train_classes: Int[np.ndarray, " T"]
    val_classes: Int[np.ndarray, " V"]
    _splits: dict[str, np.ndarray] = field(repr=False)

    @classmethod
    def load(cls, root: Path | str, name: str) -> "Benchmark":
        """Read ``root/xlsa17/data/NAME``; InputError if a file is missing or damaged, or the tables disagree."""
        root = Path(root).expanduser().absolute()
        folder = xlsa17.dataset_folder(root, name)
        file = folder / "att_splits.mat"
        required = ("allclasses_names", "att", "trainval_loc", "test_seen_loc", "test_unseen_loc")
        tables = xlsa17.MatFile.read(file, required, optional=("original_att", "train_loc", "val_loc"))
        class_names = tables.strings("allclasses_names")
        attributes = tables.matrix("att", num_classes=len(class_names))
        annotated = "original_att" if "original_att" in tables.variables else "att"
        original = tables.matrix(annotated, num_classes=len(class_names))
        _checks.check_attributes(file, attributes, original, class_names)
        labels, image_paths = _read_images(root, name, folder / "res101.mat", len(class_names))
        stored = [split for split in SPLITS if f"{split}_loc" in tables.variables]
        splits = {split: tables.indices(f"{split}_loc", limit=len(labels)) for split in stored}
        _checks.check_splits(file, splits)
        seen, unseen = np.unique(labels[splits["trainval"]]), np.unique(labels[splits["test_unseen"]])
        _checks.check_seen_and_unseen(folder, seen, unseen, labels[splits["test_seen"]], class_names)
        for list_name, classes in (("trainvalclasses.txt", seen), ("testclasses.txt", unseen)):
            listed = xlsa17.class_list(folder / list_name, class_names)
            if listed is not None:
                _checks.check_class_list(folder / list_name, listed, classes, class_names)
        train, val = _train_and_val_classes(folder, class_names, labels, splits, seen)
        names_file = root / "Attribute" / "names" / f"{name}.txt"
        splits["train"] = _within_trainval(folder, "train", splits, np.isin(labels, train))
        splits["val"] = _within_trainval(folder, "val", splits, np.isin(labels, val))
        return cls(
            name=name,
            root=root,
            attributes=attributes,
            original_attributes=original,
            class_names=tuple(class_names),
            attribute_names=read_attribute_names(names_file, num_attributes=attributes.shape[1]),
            labels=labels,
            image_paths=image_paths,
            seen_classes=seen,
            unseen_classes=unseen,
            train_classes=train,
            val_classes=val,
            _splits={split: np.sort(images) for split, images in splits.items()},
        )

    def split(self, name: str) -> Int[np.ndarray, " m"]:
        """Sorted image indices of a split, one of ``SPLITS``; ``"train"`` and ``"val"`` partition ``"trainval"``."""
        if name not in SPLITS:
            raise InputError(f"split must be one of {', '.join(SPLITS)}, got {name!r}")
        return self._splits[name]

    def vectors(self, kind: str = "normalised") -> Float[np.ndarray, "C A"]:
        """Class vectors: ``"normalised"`` to unit length, or the ``"original"`` annotations as shares in [0, 1].

        A missing annotation (-1) counts as 0. Otherwise both kinds have the same directions, so they differ only for a
        loss with ``normalize=False``.
        """
        if kind not in VECTORS:
            raise InputError(f"vectors must be one of {', '.join(VECTORS)}, got {kind!r}")
        if kind == "normalised":
            return self.attributes
        shares = np.clip(self.original_attributes, 0, None)
        return shares / np.float32(100) if shares.max() > 1 else shares

    def word_vectors(self, source: str = "published") -> Float[np.ndarray, "A k"]:
        """Word vectors of the attributes, one row each.

        ``source`` is ``"published"`` (``root/Attribute/w2v/NAME_attribute.pkl``, or ``.npy``) or the path of such a
        file.
        """
        return load_word_vectors(self.word_vectors_file(source), num_attributes=len(self.attribute_names))

    def word_vectors_file(self, source: str = "published") -> Path:
        """The file that :meth:`word_vectors` reads, whether it exists or not."""
        published = self.root / "Attribute" / "w2v" / f"{self.name}_attribute.pkl"
        path = published if source == "published" else Path(source)
        if path == published and not path.is_file() and path.with_suffix(".npy").is_file():
            path = path.with_suffix(".npy")
        return path

    def check_images(self) -> None:
        """Raise InputError if images are missing; the message counts them and names the first three."""
        missing = [path for path in self.image_paths if not path.is_file()]
        if missing:
            named = ", ".join(str(path) for path in missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise InputError(f"{len(missing)} of {len(self.image_paths)} images of {self.name} are missing: {named}")

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over attributes, labels, image paths and splits, independent of ``root``."""
        digest = hashlib.sha256()
        for array in (self.attributes, self.original_attributes):
            digest.update(array.astype("<f4").tobytes())
        for array in (self.labels, *(self._splits[name] for name in SPLITS)):
            digest.update(array.astype("<i8").tobytes())
        names = [path.relative_to(self.root).as_posix() for path in self.image_paths]
        digest.update("\n".join([*self.class_names, *names]).encode())
        return digest.hexdigest()[:16]


def _read_images(root: Path, name: str, file: Path, num_classes: int) -> tuple[np.ndarray, tuple[Path, ...]]:
    """Labels and paths of the n images."""
    tables = xlsa17.MatFile.read(file, ("labels", "image_files"))
    labels, stored = tables.indices("labels", limit=num_classes), tables.strings("image_files")
    if len(stored) != len(labels):
        raise InputError(f"{file} must hold one label per image, got {len(labels)} labels and {len(stored)} images")
    return labels, tuple(xlsa17.image_path(root, name, path) for path in stored)


def _train_and_val_classes(
    folder: Path, class_names: list[str], labels: np.ndarray, splits: dict[str, np.ndarray], seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Train and val classes: from the class lists, or from the locations if a list is missing."""
    train = xlsa17.class_list(folder / "trainclasses1.txt", class_names)
    val = xlsa17.class_list(folder / "valclasses1.txt", class_names)
    if train is None or val is None:
        if not {"train", "val"} <= set(splits):
            raise InputError(f"{folder} must hold train_loc and val_loc, or trainclasses1.txt and valclasses1.txt")
        val = np.intersect1d(labels[splits["val"]], seen)
        train = np.setdiff1d(seen, val)
    if not len(train) or not len(val) or not np.array_equal(np.sort(np.concatenate([train, val])), seen):
        raise InputError(f"the train and val classes in {folder} must partition the {len(seen)} seen classes")
    return train, val


def _within_trainval(folder: Path, name: str, splits: dict[str, np.ndarray], of_class: np.ndarray) -> np.ndarray:
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

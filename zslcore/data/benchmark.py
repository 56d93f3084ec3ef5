"""A zero-shot benchmark on disk, read from the xlsa17 layout and validated as a whole."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from zslcore.data import xlsa17
from zslcore.data.semantics import load_word_vectors, read_attribute_names
from zslcore.errors import InputError

VECTORS = ("normalised", "original")
SPLITS = ("trainval", "test_seen", "test_unseen", "train", "val")


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A validated benchmark: C classes, A attributes, n images. Made by :meth:`load`.

    Attributes:
        name, root: the data set and the folder that it was read from.
        attributes: (C, A) float32, each class vector of unit L2 norm, as the field uses them.
        original_attributes: (C, A) float32 as annotated: percent of annotators or images, 0 to 100, for CUB and SYNTH;
            shares, 0 to 1, for SUN; -1 marks a missing annotation (four cells of AWA2).
        class_names, attribute_names: in the order of the rows and columns. For CUB and AWA2 that is not the folders'.
        labels: (n,) class index of each image.
        image_paths: (n,) where each image should lie; :meth:`check_images` looks.
        seen_classes, unseen_classes, train_classes, val_classes: sorted class indices; train and val part the seen.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=5, num_unseen=1, images_per_class=5, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> benchmark.attributes.shape, np.linalg.norm(benchmark.attributes, axis=1).round(3).tolist()
    ((5, 57), [1.0, 1.0, 1.0, 1.0, 1.0])
    >>> len(benchmark.seen_classes), len(benchmark.unseen_classes), float(benchmark.vectors("original").max())
    (4, 1, 1.0)
    >>> {name: len(benchmark.split(name)) for name in SPLITS}  # of 25 images, one in five of each seen class to test
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
        """Read and validate ``root/xlsa17/data/NAME``.

        Checked: shapes, indices in range, locations without repeats or overlaps, labels and class lists that agree,
        no class both seen and unseen, finite attributes. Raises InputError with the first thing that is wrong.
        """
        root = Path(root).expanduser().absolute()
        folder = xlsa17.dataset_folder(root, name)
        split_file, image_file = folder / "att_splits.mat", folder / "res101.mat"
        keys = ("att", "original_att", "allclasses_names", "trainval_loc", "test_seen_loc", "test_unseen_loc")
        content = xlsa17.read_mat(split_file, keys, optional=("train_loc", "val_loc"))
        class_names = xlsa17.strings(split_file, "allclasses_names", content["allclasses_names"])
        _check_names(split_file, class_names)
        attributes = xlsa17.attribute_matrix(split_file, "att", content, class_names)
        _check_norms(split_file, attributes, class_names)
        original = xlsa17.attribute_matrix(split_file, "original_att", content, class_names)
        if original.shape != attributes.shape:
            raise InputError(f"att and original_att in {split_file} differ: {attributes.shape} and {original.shape}")

        images = xlsa17.read_mat(image_file, ("labels", "image_files"))
        labels = xlsa17.zero_based(image_file, "labels", images["labels"], len(class_names))
        stored_paths = xlsa17.strings(image_file, "image_files", images["image_files"])
        if len(stored_paths) != len(labels):
            raise InputError(f"{image_file} must hold one label an image, got {len(labels)} and {len(stored_paths)}")

        splits = {
            name: xlsa17.zero_based(split_file, f"{name}_loc", content[f"{name}_loc"], len(labels))
            for name in SPLITS
            if f"{name}_loc" in content
        }
        _check_locations(split_file, splits)
        classes = _split_classes(folder, class_names, labels, splits)
        _split_trainval(folder, labels, splits, classes)
        return cls(
            name=name,
            root=root,
            attributes=attributes,
            original_attributes=original,
            class_names=tuple(class_names),
            attribute_names=read_attribute_names(
                root / "Attribute" / "names" / f"{name}.txt", num_attributes=attributes.shape[1]
            ),
            labels=labels,
            image_paths=tuple(xlsa17.image_path(root, name, path) for path in stored_paths),
            **classes,
            _splits={name: np.sort(splits[name]) for name in SPLITS},
        )

    def split(self, name: str) -> Int[np.ndarray, " m"]:
        """Sorted positions of the images of a split: trainval, test_seen, test_unseen, and train, val of trainval."""
        if name not in SPLITS:
            raise InputError(f"split must be one of {', '.join(SPLITS)}, got {name!r}")
        return self._splits[name]

    def vectors(self, kind: str = "normalised") -> Float[np.ndarray, "C A"]:
        """Class vectors: ``"normalised"`` to unit length, or the ``"original"`` annotation as shares in [0, 1].

        Percent are divided by 100, and a missing annotation (AWA2's -1) counts as 0. Directions agree but for those, so
        the two differ for a loss that compares values (``normalize=False``), not for cosine scores.
        """
        if kind not in VECTORS:
            raise InputError(f"vectors must be one of {', '.join(VECTORS)}, got {kind!r}")
        if kind == "normalised":
            return self.attributes
        shares = np.clip(self.original_attributes, 0, None)
        return shares / np.float32(100) if shares.max() > 1 else shares

    def word_vectors(self, source: str = "published") -> Float[np.ndarray, "A k"]:
        """Word vectors of the attributes: ``root/Attribute/w2v/NAME_attribute.pkl`` (or ``.npy``), or a file of yours.

        ``source``: ``"published"``, or the path of an ``.npy`` or ``.pkl`` file with one row for each attribute.
        """
        path = self.root / "Attribute" / "w2v" / f"{self.name}_attribute.pkl"
        if source != "published":
            path = Path(source)
        elif not path.is_file() and path.with_suffix(".npy").is_file():
            path = path.with_suffix(".npy")
        return load_word_vectors(path, num_attributes=len(self.attribute_names))

    def check_images(self) -> None:
        """Raise one InputError that counts the missing images and names the first three, if any is missing."""
        missing = [path for path in self.image_paths if not path.is_file()]
        if missing:
            named = ", ".join(str(path) for path in missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise InputError(f"{len(missing)} of {len(self.image_paths)} images of {self.name} are missing: {named}")

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over attributes, labels, image paths and splits: the same wherever the files lie."""
        digest = hashlib.sha256()
        for array in (self.attributes, self.original_attributes):
            digest.update(array.astype("<f4").tobytes())
        for array in (self.labels, *(self._splits[name] for name in SPLITS)):
            digest.update(array.astype("<i8").tobytes())
        names = [path.relative_to(self.root).as_posix() for path in self.image_paths]
        digest.update("\n".join([*self.class_names, *names]).encode())
        return digest.hexdigest()[:16]


def _check_names(path: Path, class_names: list[str]) -> None:
    names, counts = np.unique(class_names, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"allclasses_names in {path} must name a class once, but repeats {str(names[counts > 1][0])!r}"
        )


def _check_norms(path: Path, attributes: np.ndarray, class_names: list[str]) -> None:
    norms = np.linalg.norm(attributes, axis=1)
    wrong = np.flatnonzero(np.abs(norms - 1) > 1e-3)
    if len(wrong):
        raise InputError(
            f"att in {path} must have an L2 norm of 1 per class (original_att over its norm), "
            f"got {norms[wrong[0]]:.4g} for class {class_names[wrong[0]]!r}"
        )


def _check_locations(path: Path, splits: dict[str, np.ndarray]) -> None:
    """Every location once, and none in two of trainval, test_seen and test_unseen."""
    for name, indices in splits.items():
        unique, counts = np.unique(indices, return_counts=True)
        if not len(unique):
            raise InputError(f"{name}_loc in {path} must name at least one image, and is empty")
        if (counts > 1).any():
            raise InputError(f"{name}_loc in {path} must name an image once, but repeats {unique[counts > 1][0] + 1}")
    pairs = [("trainval", "test_seen"), ("trainval", "test_unseen"), ("test_seen", "test_unseen"), ("train", "val")]
    for first, second in pairs:
        both = np.intersect1d(splits.get(first, []), splits.get(second, []))
        if len(both):
            raise InputError(
                f"{first}_loc and {second}_loc in {path} must be disjoint, but share {len(both)} images, "
                f"the first is {int(both[0]) + 1}"
            )


def _split_classes(
    folder: Path, class_names: list[str], labels: np.ndarray, splits: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Class indices of the four roles, from the class lists where there are some, checked against the labels."""
    seen, unseen = np.unique(labels[splits["trainval"]]), np.unique(labels[splits["test_unseen"]])
    both = np.intersect1d(seen, unseen)
    if len(both):
        raise InputError(f"a class of {folder} must be seen or unseen, but {class_names[both[0]]!r} is both")
    stray = np.setdiff1d(labels[splits["test_seen"]], seen)
    if len(stray):
        raise InputError(f"test_seen_loc of {folder} must hold seen classes only, got {class_names[stray[0]]!r}")
    for file, expected in (("trainvalclasses.txt", seen), ("testclasses.txt", unseen)):
        listed = xlsa17.class_list(folder / file, class_names)
        if listed is not None and not np.array_equal(listed, expected):
            odd = class_names[np.setxor1d(listed, expected)[0]]
            raise InputError(f"{folder / file} and the labels must name the same classes, but differ in {odd!r}")
    train = xlsa17.class_list(folder / "trainclasses1.txt", class_names)
    val = xlsa17.class_list(folder / "valclasses1.txt", class_names)
    if train is None or val is None:
        if not {"train", "val"} <= set(splits):
            raise InputError(f"{folder} must hold train_loc and val_loc, or trainclasses1.txt and valclasses1.txt")
        val = np.intersect1d(labels[splits["val"]], seen)
        train = np.setdiff1d(seen, val)
    if len(np.intersect1d(train, val)) or not np.array_equal(np.union1d(train, val), seen) or not len(train) * len(val):
        raise InputError(f"the train and val classes of {folder} must part the {len(seen)} seen classes")
    return {"seen_classes": seen, "unseen_classes": unseen, "train_classes": train, "val_classes": val}


def _split_trainval(
    folder: Path, labels: np.ndarray, splits: dict[str, np.ndarray], classes: dict[str, np.ndarray]
) -> None:
    """Fill in train and val: from their locations within trainval, or by class where the file has none (CUB).

    AWA2 and SUN ship a train_loc and val_loc that hold all of test_seen: without the intersection, whatever is
    chosen on them has been chosen on test images.
    """
    trainval = splits["trainval"]
    for name in ("train", "val"):
        by_class = trainval[np.isin(labels[trainval], classes[f"{name}_classes"])]
        splits[name] = np.intersect1d(splits[name], trainval) if name in splits else by_class
        if not len(splits[name]):
            raise InputError(f"{name}_loc of {folder} must name images of trainval_loc, and names none")
        stray = np.setdiff1d(splits[name], by_class)
        if len(stray):
            raise InputError(
                f"{name}_loc of {folder} must hold images of the {name} classes only, but image {stray[0] + 1} is not"
            )

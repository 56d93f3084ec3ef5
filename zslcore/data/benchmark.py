"""A zero-shot benchmark on disk: read from the xlsa17 layout and validated as a whole."""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from zslcore._io.locations import user_path
from zslcore.data import _checks, image_files, xlsa17
from zslcore.data._splits import class_list, train_and_val_classes, within_trainval
from zslcore.data.class_vectors import RELATIVE_VECTORS, relative_vectors
from zslcore.data.image_labels import Parts, read_image_attributes, read_parts
from zslcore.data.semantics import load_word_vectors, read_attribute_names
from zslcore.errors import InputError
from zslcore.layout import ARCHIVE, expected_folder

VECTORS = ("normalised", "original", *RELATIVE_VECTORS)
SPLITS = ("trainval", "test_seen", "test_unseen", "train", "val")


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A validated benchmark of C classes, A attributes and n images, made by :meth:`load`.

    Attributes:
        attributes: (C, A) float32 class vectors of unit L2 norm.
        original_attributes: (C, A) float32 annotations as stored: percent, 0 to 100, for CUB, AWA2 and SYNTH, where -1
            marks a missing annotation (four cells of AWA2); shares, 0 to 1, for SUN; any numbers for other data.
        class_names: in the order of the rows, which is not the order of the folders for CUB and AWA2; ``class 1``,
            ``class 2``, ... if the file has no names.
        labels: (n,) class index of each image.
        image_names: (n,) name of each image relative to its image folder, such as ``lark/1.jpg``.
        image_paths: (n,) path where each image was found or is expected; :meth:`check_images` tests whether the files
            exist.
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
    image_names: tuple[str, ...] = field(repr=False)
    image_paths: tuple[Path, ...]
    seen_classes: Int[np.ndarray, " S"]
    unseen_classes: Int[np.ndarray, " U"]
    train_classes: Int[np.ndarray, " T"]
    val_classes: Int[np.ndarray, " V"]
    _splits: dict[str, np.ndarray] = field(repr=False)

    @classmethod
    def load(cls, root: Path | str, name: str) -> "Benchmark":
        """Read ``root/xlsa17/data/NAME``; InputError if a file is missing or damaged, or the tables disagree."""
        root = user_path(root, what="root").absolute()
        folder = xlsa17.dataset_folder(root, name)
        file = folder / "att_splits.mat"
        optional = ("allclasses_names", "original_att", "test_seen_loc", "train_loc", "val_loc")
        tables = xlsa17.MatFile.read(file, ("att", "trainval_loc", "test_unseen_loc"), optional)
        stored_names = tables.strings("allclasses_names") if "allclasses_names" in tables.variables else []
        attributes = tables.matrix("att", num_classes=len(stored_names) or None)
        class_names = stored_names or list(_numbered_classes(len(attributes)))
        annotated = "original_att" if tables.has_values("original_att") else "att"
        original = tables.matrix(annotated, num_classes=len(class_names))
        _checks.check_attributes(file, attributes, original, class_names)
        labels, image_names = _read_images(folder / "res101.mat", len(class_names))
        if not stored_names:
            _checks.check_orientation(file, attributes, labels)
        stored = ["trainval", "test_unseen"]
        stored += [split for split in ("test_seen", "train", "val") if tables.has_values(f"{split}_loc")]
        splits = {split: tables.locations(f"{split}_loc", limit=len(labels)) for split in stored}
        _checks.check_splits(file, splits)
        splits.setdefault("test_seen", np.empty(0, dtype=np.int64))
        seen, unseen = np.unique(labels[splits["trainval"]]), np.unique(labels[splits["test_unseen"]])
        _checks.check_seen_and_unseen(folder, seen, unseen, labels[splits["test_seen"]], class_names)
        for list_name, classes in (("trainvalclasses.txt", seen), ("testclasses.txt", unseen)):
            listed = class_list(folder / list_name, stored_names, labels)
            if listed is not None:
                _checks.check_class_list(folder / list_name, listed, classes, class_names)
        train, val = train_and_val_classes(folder, stored_names, labels, splits, seen)
        names_file = root / "Attribute" / "names" / f"{name}.txt"
        splits["train"] = within_trainval(folder, "train", splits, np.isin(labels, train))
        splits["val"] = within_trainval(folder, "val", splits, np.isin(labels, val))
        return cls(
            name=name,
            root=root,
            attributes=_of_unit_norm(attributes),
            original_attributes=original,
            class_names=tuple(class_names),
            attribute_names=read_attribute_names(names_file, num_attributes=attributes.shape[1]),
            labels=labels,
            image_names=tuple(image_names),
            image_paths=image_files.locate(root, name, image_names),
            seen_classes=seen,
            unseen_classes=unseen,
            train_classes=train,
            val_classes=val,
            _splits={split: np.sort(images) for split, images in splits.items()},
        )

    def split(self, name: str) -> Int[np.ndarray, " m"]:
        """Sorted image indices of a split, one of ``SPLITS``; ``"train"`` and ``"val"`` partition ``"trainval"``.

        ``"test_seen"`` is empty for a split of conventional zero-shot learning, which allows no accuracy but T1.
        """
        if name not in SPLITS:
            raise InputError(f"split must be one of {', '.join(SPLITS)}, got {name!r}")
        return self._splits[name]

    def vectors(
        self, kind: str = "normalised", *, seen: Int[np.ndarray, " S"] | None = None
    ) -> Float[np.ndarray, "C A"]:
        """Class vectors of a kind.

        Args:
            kind: ``"normalised"`` to unit length, or the ``"original"`` annotations. Annotations in percent (from 0 to
                100, the largest above 10) become shares in [0, 1], where a missing one (-1) counts as 0. Other numbers
                stay as they are. If no annotation is missing, both kinds have the same directions. They then differ
                only for a loss with ``normalize=False``. For ``"centred"``, ``"standardised"`` and ``"whitened"`` see
                :func:`zslcore.data.class_vectors.relative_vectors`.
            seen: the classes that are trained on, by default ``seen_classes``; only for these last three kinds.
        """
        if kind not in VECTORS:
            raise InputError(f"vectors must be one of {', '.join(VECTORS)}, got {kind!r}")
        if kind == "normalised":
            return self.attributes
        if kind in RELATIVE_VECTORS:
            return relative_vectors(self.attributes, self.seen_classes if seen is None else seen, kind)
        original = self.original_attributes
        in_percent = 10 < original.max() <= 100 and ((original >= 0) | (original == -1)).all()
        return np.clip(original, 0, None) / np.float32(100) if in_percent else original

    @property
    def shares(self) -> Float[np.ndarray, "C A"] | None:
        """Original class vectors if they can be shares of images that show an attribute, else None.

        They cannot be shares if a value is outside [0, 1], or if the file has only vectors of unit length.

        Example:
            >>> benchmark.shares is None
            False
        """
        values = self.vectors("original")
        of_unit_length = (np.abs(np.linalg.norm(values, axis=1) - 1) <= 1e-3).all()
        return None if of_unit_length or values.min() < 0 or values.max() > 1 else values

    def word_vectors(self, source: str = "published") -> Float[np.ndarray, "A k"]:
        """Word vectors of the attributes, one row each.

        ``source`` is ``"published"`` (``root/Attribute/w2v/NAME_attribute.pkl``, or ``.npy``) or the path of such a
        file.
        """
        return load_word_vectors(self.word_vectors_file(source), num_attributes=len(self.attribute_names))

    def word_vectors_file(self, source: str = "published") -> Path:
        """The file that :meth:`word_vectors` reads, whether it exists or not."""
        published = self.root / "Attribute" / "w2v" / f"{self.name}_attribute.pkl"
        path = published if source == "published" else user_path(source, what="word_vectors")
        if path == published and not path.is_file() and path.with_suffix(".npy").is_file():
            path = path.with_suffix(".npy")
        return path

    @cached_property
    def image_attributes(self) -> Float[np.ndarray, "n A"]:
        """Labels of single images, 0 or 1; NaN where there is none. See :mod:`zslcore.data.image_labels`."""
        return read_image_attributes(self.root, self.name, self.image_names, len(self.attribute_names))

    def parts(self) -> Parts:
        """Part positions of the images, see :class:`zslcore.data.image_labels.Parts`."""
        return read_parts(self.root, self.name, self.image_names)

    def check_images(self) -> None:
        """Raise InputError if images are missing; the message counts them and names the first three.

        An image for which several files fit equally well counts as missing; the message then names two of these.
        """
        missing = [path for path in self.image_paths if not os.path.isfile(path)]
        if missing:
            several = image_files.found_several_times(self.root, self.name, self.image_names)
            if several := [several[path] for path in missing if path in several]:
                found = f"{len(several)} of {len(self.image_paths)} images of {self.name} were found several times"
                raise InputError(f"{found}, such as {several[0][0]} and {several[0][1]}: remove all but one")
            named = ", ".join(str(path) for path in missing[:3]) + (", ..." if len(missing) > 3 else "")
            raise InputError(f"{len(missing)} of {len(self.image_paths)} images of {self.name} are missing: {named}")

    def check_consistency(self) -> None:
        """Raise InputError for contradictions that a training would not notice.

        ``att`` must be ``original_att`` normalised; no image may lie in the folder of another class than its label's;
        and no image may be in several splits, unless some are listed with several labels, as in aPY.
        """
        folder = self.root / ARCHIVE / self.name
        vectors = (self.attributes, self.original_attributes)
        _checks.check_normalised(folder / "att_splits.mat", *vectors, self.class_names)
        if self.class_names != _numbered_classes(len(self.class_names)):
            paths = [path.relative_to(self.root).as_posix() for path in self.image_paths]
            image_files.check_folders(folder / "res101.mat", paths, self.labels, self.class_names)
        self._check_repeated(folder / "res101.mat")

    def _check_repeated(self, file: Path) -> None:
        """Check that no image is in two splits, unless images show several objects, as in aPY."""
        repeated = self.repeated_images()
        if any(len(set(self.labels[images].tolist())) > 1 for images in repeated):
            return
        split_of = {image: name for name in SPLITS[:3] for image in self.split(name).tolist()}
        for images in repeated:
            splits = [split_of[image] for image in images if image in split_of]
            if len(set(splits)) > 1:
                numbers = ", ".join(f"{image + 1} ({split_of.get(image, 'no split')})" for image in images[:3])
                found = f"{self.image_paths[images[0]]} as images {numbers}"
                raise InputError(f"image_files in {file} must list no image in several splits, but lists {found}")

    def repeated_images(self) -> list[list[int]]:
        """Image indices of each file that is listed more than once, under one path or several.

        Example:
            >>> benchmark.repeated_images()
            []
        """
        return image_files.repeated(self.image_paths)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over attributes, labels, image paths and splits, independent of ``root``."""
        digest = hashlib.sha256()
        for array in (self.attributes, self.original_attributes):
            digest.update(array.astype("<f4").tobytes())
        for array in (self.labels, *(self._splits[name] for name in SPLITS)):
            digest.update(array.astype("<i8").tobytes())
        folder = expected_folder(self.name).as_posix()
        names = [f"{folder}/{name}" for name in self.image_names]
        digest.update("\n".join([*self.class_names, *names]).encode())
        return digest.hexdigest()[:16]


def check_benchmark(benchmark: object) -> None:
    """Raise InputError for anything other than a benchmark, such as its name."""
    if not isinstance(benchmark, Benchmark):
        example = f", such as zslcore.data.load_benchmark({benchmark!r:.40})" if isinstance(benchmark, str) else ""
        raise InputError(f"benchmark must be a Benchmark{example}, got {benchmark!r:.100}")


def describe_repeated(benchmark: Benchmark) -> str:
    """How many image files are listed more than once, with the labels and splits of the first three; empty if none.

    Example:
        >>> describe_repeated(benchmark)
        ''
    """
    repeated = benchmark.repeated_images()
    if not repeated:
        return ""
    split_of = {image: name for name in SPLITS[:3] for image in benchmark.split(name).tolist()}
    several_labels = sum(len(set(benchmark.labels[images].tolist())) > 1 for images in repeated)
    several_splits = sum(len({split_of.get(image) for image in images}) > 1 for images in repeated)
    listed = []
    for images in repeated[:3]:
        names = [(image, benchmark.class_names[benchmark.labels[image]]) for image in images[:3]]
        uses = [f"{image + 1} ({name!r}, {split_of.get(image, 'no split')})" for image, name in names]
        more = ", ..." if len(images) > 3 else ""
        listed.append(f"{benchmark.image_paths[images[0]]} is image {', '.join(uses)}{more}")
    more = "; ..." if len(repeated) > 3 else ""
    files = "image files are" if len(repeated) > 1 else "image file is"
    several = f"{several_labels} with several labels, {several_splits} in several splits"
    return f"{len(repeated)} {files} listed more than once ({several}): {'; '.join(listed)}{more}"


def _numbered_classes(count: int) -> tuple[str, ...]:
    """Names of the classes where the file holds none."""
    return tuple(f"class {index + 1}" for index in range(count))


def _read_images(file: Path, num_classes: int) -> tuple[np.ndarray, list[str]]:
    """Labels of the n images, and their paths below the folder of the images."""
    tables = xlsa17.MatFile.read(file, ("labels", "image_files"))
    labels, stored = tables.indices("labels", limit=num_classes), tables.strings("image_files")
    if len(stored) != len(labels):
        raise InputError(f"{file} must hold one label per image, got {len(labels)} labels and {len(stored)} images")
    return labels, image_files.tails(file, stored, len(np.unique(labels)))


def _of_unit_norm(vectors: np.ndarray) -> np.ndarray:
    """Vectors of unit L2 norm; unchanged if they have it already, because the fingerprint depends on each bit."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return vectors if (np.abs(norms - 1) <= 1e-3).all() else (vectors / norms).astype(np.float32)

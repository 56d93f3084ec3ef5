"""A data set in the xlsa17 layout from a folder of class folders and a CSV of class attributes."""

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from zslcore._io.locations import data_root, user_path
from zslcore._io.numbers import is_number, is_whole
from zslcore.data.benchmark import Benchmark
from zslcore.data.class_names import class_finder
from zslcore.data.class_table import ClassChoice, check_name, class_choice, read_class_table, tidy
from zslcore.data.images import check_image
from zslcore.data.new_dataset import place_by, write_dataset
from zslcore.data.semantics import load_word_vectors
from zslcore.errors import InputError
from zslcore.layout import Tables, class_lists, expected_folder

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
NO_FOLDERS = {"", ".", "..", "images", "JPEGImages"}  # names that change what a path in the layout means
MIN_IMAGES = 4  # of a seen class: two to train, one held out for validation, one for the test


def make_dataset(
    source: Path | str,
    table: Path | str,
    name: str,
    *,
    root: Path | str | None = None,
    unseen: ClassChoice | None = None,
    val: ClassChoice | None = None,
    test_share: float = 0.2,
    seed: int = 0,
    word_vectors: Path | str | None = None,
    images: str = "copy",
) -> Benchmark:
    """Write the data set ``name`` below ``root`` and load it. Existing files are never replaced.

    Args:
        source: a folder with one folder of at least 4 images for each class. Folders within them must hold no images,
            unless their names begin with ``.``, ``@`` or ``_``, as those of network drives and archives do.
        table: a CSV file: a header; then one row per class, with the name of its folder and its attributes.
        name: of the new data set; its images go to ``root/name/images``.
        root: folder of the data sets, by default ``$ZSLCORE_DATA``.
        unseen: the unseen classes: names, or a number to draw; by default a fifth of the classes.
        val: the validation classes, which are seen: names, or a number to draw; by default a quarter of the seen ones.
        test_share: share of the images of each seen class that are kept for testing, in (0, 1).
        seed: of the draws.
        word_vectors: ``.npy`` file or pickled array with one row per attribute, for the networks that need them.
        images: ``"copy"``, ``"hardlink"`` or ``"symlink"``.

    Raises:
        InputError: if the folder, the table and the split do not fit together.
    """
    root = user_path(data_root() if root is None else root, what="root").absolute()
    table = user_path(table, what="table")
    if not is_number(test_share) or not 0 < test_share < 1:
        raise InputError(f"test_share must be a number in (0, 1), got {test_share!r:.100}")
    if not is_whole(seed) or seed < 0:
        raise InputError(f"seed must be a whole number of at least 0, got {seed!r:.100}")
    place = place_by(images)
    class_names, attribute_names, values = read_class_table(table)
    vectors = None
    if word_vectors is not None:
        vectors = load_word_vectors(word_vectors, num_attributes=len(attribute_names))
    sources, labels = _class_images(user_path(source, what="source"), class_names, table)
    rng = np.random.default_rng(seed)
    train, val_classes, unseen_classes = _roles(class_names, unseen, val, rng)
    files = [Path(class_names[label], path.name) for label, path in zip(labels, sources)]
    tables = Tables(
        class_names=class_names,
        attribute_names=attribute_names,
        attributes=values / np.linalg.norm(values, axis=1, keepdims=True),
        original_attributes=values,
        labels=labels,
        image_files=[(expected_folder(name) / file).as_posix() for file in files],
        splits=_splits(labels, train, val_classes, test_share, rng),
        class_lists=class_lists(train, val_classes, unseen_classes),
    )
    return write_dataset(root, name, tables, sources=sources, place=place, word_vectors=vectors)


def _class_images(source: Path, class_names: Sequence[str], table: Path) -> tuple[list[Path], Int[np.ndarray, " n"]]:
    """Images by class and name, and their labels; InputError unless the folders are the classes."""
    if not source.is_dir():
        raise InputError(f"{source} must be a folder with one folder of images for each class")
    find, folders = class_finder(class_names), {}
    for path in sorted(source.iterdir()):
        if not path.is_dir() or path.name[0] == ".":
            continue
        label = find(tidy(path.name))
        if label is None and _pictures(path):  # other folders come from archives and network drives
            raise InputError(f"{table} must have a row for each folder in {source}, but has none for {path.name!r}")
        if label is not None and (known := folders.setdefault(label, path)) != path:
            names = f"{known.name!r} and {path.name!r}"
            raise InputError(f"{source} must hold one folder for each class, but {names} are the same name")
    paths, labels, left_out = [], [], Counter()
    for label, name in enumerate(class_names):
        if label not in folders:
            raise InputError(f"{source} must hold a folder for each class in {table}, but has none for {name!r}")
        if "\\" in name or not NO_FOLDERS.isdisjoint(name.split("/")):
            raise InputError(f"a class in {table} must have a name that can be a folder, got {name!r}")
        members = _images(folders[label], name)
        paths += members
        labels += [label] * len(members)
        left_out += _left_out(folders[label])
    if left_out:
        counts = ", ".join(f"{ending or 'none'} ({count})" for ending, count in left_out.most_common())
        warnings.warn(f"files without the ending of an image are left out, by their endings: {counts}", stacklevel=3)
    return paths, np.array(labels)


def _pictures(folder: Path) -> list[Path]:
    """Sorted images in a folder. Hidden files and files with other extensions are skipped."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    return [path for path in paths if not path.is_dir()]


def _left_out(folder: Path) -> Counter[str]:
    """Number of files without the ending of an image, by ending; without hidden files and those of Windows."""
    files = [path for path in folder.iterdir() if path.name[0] != "." and not path.is_dir()]
    endings = Counter(path.suffix.lower() for path in files if path.name not in ("Thumbs.db", "desktop.ini"))
    return Counter({ending: count for ending, count in endings.items() if ending not in SUFFIXES})


def _images(folder: Path, name: str) -> list[Path]:
    """The images of a class, which are enough and can be read."""
    paths = _pictures(folder)
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and inner.name[0] not in ".@_" and _pictures(inner):
            raise InputError(f"the images of class {name!r} must lie in {folder} itself, but {inner.name!r} has some")
    if len(paths) < MIN_IMAGES:
        others = "".join(
            f", and {count} files that end in {ending}" for ending, count in _left_out(folder).items() if ending
        )
        given = f"{len(paths)} in {folder}{others}"
        raise InputError(f"the class {name!r} must have at least {MIN_IMAGES} images, got {given}")
    for path in paths:
        check_name(f"an image in {folder}", path.name)
        if "\\" in path.name:  # separates folders in the layout
            raise InputError(f"an image in {folder} must have a name without a backslash, got {path.name!r}")
        check_image(path)
    return paths


def _roles(
    class_names: Sequence[str], unseen: ClassChoice | None, val: ClassChoice | None, rng: np.random.Generator
) -> tuple[list[int], list[int], list[int]]:
    """Train, val and unseen classes."""
    count = len(class_names)
    choice = class_choice("unseen", max(1, round(count / 5)) if unseen is None else unseen, class_names)
    chosen = _draw("unseen", choice, list(range(count)), rng, most=count - 2)
    seen = [index for index in range(count) if index not in chosen]
    choice = class_choice("val", max(1, len(seen) // 4) if val is None else val, class_names)
    for index in () if isinstance(choice, int) else set(choice) & set(chosen):
        raise InputError(f"val must name seen classes, but {class_names[index]!r} is unseen")
    validation = _draw("val", choice, seen, rng, most=len(seen) - 1)
    return [index for index in seen if index not in validation], validation, chosen


def _draw(option: str, choice: int | list[int], among: list[int], rng: np.random.Generator, *, most: int) -> list[int]:
    """The classes of a choice, drawn if it is a number."""
    count = choice if isinstance(choice, int) else len(choice)
    if not 1 <= count <= most:
        raise InputError(f"{option} must be 1 to {most} of the {len(among)} classes it is chosen from, got {count}")
    return sorted(rng.choice(among, size=count, replace=False).tolist()) if isinstance(choice, int) else choice


def _splits(
    labels: Int[np.ndarray, " n"], train: list[int], val: list[int], test_share: float, rng: np.random.Generator
) -> dict[str, Int[np.ndarray, " m"]]:
    """Image indices of the five splits; ``test_share`` of each seen class goes to test_seen."""
    is_test = np.zeros(len(labels), dtype=bool)
    for index in sorted([*train, *val]):
        members = np.flatnonzero(labels == index)
        count = min(max(1, round(test_share * len(members))), len(members) - MIN_IMAGES + 1)
        is_test[rng.choice(members, size=count, replace=False)] = True
    is_train, is_val = np.isin(labels, train), np.isin(labels, val)
    return {
        "trainval": np.flatnonzero((is_train | is_val) & ~is_test),
        "test_seen": np.flatnonzero(is_test),
        "test_unseen": np.flatnonzero(~is_train & ~is_val),
        "train": np.flatnonzero(is_train & ~is_test),
        "val": np.flatnonzero(is_val & ~is_test),
    }

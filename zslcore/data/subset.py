"""A smaller data set from a larger one: some of its classes, its images cropped to boxes and made smaller."""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Int
from PIL import Image
from PIL.Image import Resampling

from zslcore._io.locations import data_root, user_path
from zslcore._io.numbers import is_whole
from zslcore.data.benchmark import SPLITS, Benchmark, check_benchmark
from zslcore.data.class_table import ClassChoice, class_choice
from zslcore.data.cub_tables import listed_images, read_boxes
from zslcore.data.images import read_image
from zslcore.data.new_dataset import place_by, write_dataset
from zslcore.errors import InputError
from zslcore.layout import Tables, class_lists, expected_folder

Box = tuple[float, float, float, float]  # left, top, width, height in pixels
JPEG_QUALITY = 90
LARGEST = 4096  # pixels of a short side


def make_subset(
    benchmark: Benchmark,
    name: str,
    *,
    root: Path | str | None = None,
    classes: ClassChoice | None = None,
    boxes: Path | str | None = None,
    size: int | None = None,
    square: bool = False,
    seed: int = 0,
    images: str = "copy",
) -> Benchmark:
    """Write the data set ``name`` below ``root`` and load it. Existing files are never replaced.

    Classes and images keep their order, class vectors and splits, and train, val and unseen classes stay what they
    are. Labels of single images and positions of parts are left out.

    Args:
        benchmark: the larger data set.
        name: of the new data set; its images go to ``root/name/images``.
        root: folder of the data sets, by default ``$ZSLCORE_DATA``.
        classes: names of the classes to keep, or a number to draw in the proportions of train, val and unseen.
        boxes: a ``bounding_boxes.txt`` as CUB has it (image id, left, top, width, height), with its ``images.txt``
            beside it; images are cropped to their boxes.
        size: short side of the new images in pixels.
        square: stretch them to size x size.
        seed: of the draw of the classes.
        images: ``"copy"``, ``"hardlink"`` or ``"symlink"``; only a copy can be cropped or resized.

    Raises:
        InputError: if a class, a box or an image is missing.
    """
    check_benchmark(benchmark)
    root = user_path(data_root() if root is None else root, what="root").absolute()
    drawn = boxes is not None or size is not None
    if size is not None and not (is_whole(size) and 1 <= size <= LARGEST):
        raise InputError(f"size must be a whole number of 1 to {LARGEST} pixels, got {size!r:.100}")
    if not isinstance(square, bool):
        raise InputError(f"square must be True or False, got {square!r:.100}")
    if square and size is None:
        raise InputError("square needs the size of its side")
    if drawn and images != "copy":
        raise InputError(f"images must be copy where they are cropped or resized, got {images!r}")
    if not is_whole(seed) or seed < 0:
        raise InputError(f"seed must be a whole number of at least 0, got {seed!r:.100}")
    place = place_by(images)
    tables, kept = subset_tables(benchmark, name, _kept_classes(benchmark, classes, seed))
    sources = [benchmark.image_paths[index] for index in kept]
    dataclasses.replace(benchmark, image_paths=tuple(sources)).check_images()
    names = [benchmark.image_names[index] for index in kept]
    found = {} if boxes is None else dict(zip(sources, _boxes_of(names, user_path(boxes, what="boxes"))))

    def place_smaller(source: Path, target: Path) -> None:
        _write_smaller(source, target, found.get(source), size, square)

    vectors = benchmark.word_vectors() if benchmark.word_vectors_file().is_file() else None
    place = place_smaller if drawn else place
    return write_dataset(root, name, tables, sources=sources, place=place, word_vectors=vectors)


def subset_tables(
    benchmark: Benchmark, name: str, classes: Int[np.ndarray, " c"]
) -> tuple[Tables, Int[np.ndarray, " m"]]:
    """Tables of the data set ``name`` with these classes, and the indices of its images in the larger one."""
    kept = np.flatnonzero(np.isin(benchmark.labels, classes))
    roles = (benchmark.train_classes, benchmark.val_classes, benchmark.unseen_classes)
    tables = Tables(
        class_names=[benchmark.class_names[index] for index in classes],
        attribute_names=benchmark.attribute_names,
        attributes=benchmark.attributes[classes],
        original_attributes=benchmark.original_attributes[classes],
        labels=np.searchsorted(classes, benchmark.labels[kept]),
        image_files=[(expected_folder(name) / benchmark.image_names[index]).as_posix() for index in kept],
        splits={split: np.flatnonzero(np.isin(kept, benchmark.split(split))) for split in SPLITS},
        class_lists=class_lists(*(np.flatnonzero(np.isin(classes, role)).tolist() for role in roles)),
    )
    return tables, kept


def _kept_classes(benchmark: Benchmark, classes: ClassChoice | None, seed: int) -> Int[np.ndarray, " c"]:
    """Sorted indices of the classes to keep; InputError unless they hold train, val and unseen classes."""
    roles = {"train": benchmark.train_classes, "val": benchmark.val_classes, "unseen": benchmark.unseen_classes}
    if classes is None:
        return np.arange(len(benchmark.class_names))
    choice = class_choice("classes", classes, benchmark.class_names)
    if isinstance(choice, int):
        count = sum(map(len, roles.values()))  # a class without images has no role
        if not 1 <= choice <= count:
            raise InputError(f"classes must be 1 to {count} of {benchmark.name}, got {choice}")
        rng = np.random.default_rng(seed)
        shuffled = np.concatenate([rng.permutation(role) for role in roles.values()])
        # evenly spaced positions take the same share of each role
        choice = shuffled[((np.arange(choice) + 0.5) * count / choice).astype(int)]
    for role, members in roles.items():
        if not np.isin(choice, members).any():
            wanted = f"train, val and unseen classes of {benchmark.name}"
            raise InputError(f"classes must hold {wanted}, but hold no {role} class")
    return np.sort(choice)


def _boxes_of(images: list[str], file: Path) -> list[Box]:
    """The box of each image; InputError for the first image without one."""
    names = listed_images(file.with_name("images.txt"))
    boxes = {names.get(image): box for image, box in read_boxes(file).items()}
    for image in images:
        if image not in boxes:
            raise InputError(f"{file} and its images.txt must give a box for each image, but have none for {image}")
    return [boxes[image] for image in images]


def _write_smaller(source: Path, target: Path, box: Box | None, size: int | None, square: bool) -> None:
    """Write an image again, cropped to its box and resized, under the file format of its name."""
    picture = read_image(source)
    if box is not None:
        left, top, right, bottom = (round(edge) for edge in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
        box = (max(0, left), max(0, top), min(right, picture.width), min(bottom, picture.height))
        if box[0] >= box[2] or box[1] >= box[3]:
            raise InputError(f"the box of {source} must overlap the image of {picture.width} x {picture.height} pixels")
        picture = picture.crop(box)
    if size is not None:
        factor = size / min(picture.size)
        shape = (size, size) if square else tuple(max(size, round(side * factor)) for side in picture.size)
        picture = picture.resize(shape, resample=Resampling.LANCZOS)
    if target.suffix.lower() not in Image.registered_extensions():
        raise InputError(f"{source} must have an ending of an image format, to be written again, such as .jpg")
    picture.save(target, quality=JPEG_QUALITY)

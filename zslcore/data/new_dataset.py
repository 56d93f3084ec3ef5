"""Writing a new data set in the xlsa17 layout, so that it appears complete or not at all."""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zslcore._io.locations import check_dataset_name, check_folder
from zslcore._io.progress import progress_bar
from zslcore._io.writing import new_tree, remove_abandoned
from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError
from zslcore.layout import ARCHIVE, Tables, expected_folder, write_tables

Place = Callable[[Path, Path], object]  # writes the image of the first path to the second
RESERVED = ("SYNTH", "Attribute", "cache", "xlsa17")  # folders of the root, and the generated data set


def write_dataset(
    root: Path,
    name: str,
    tables: Tables,
    *,
    sources: Sequence[Path],
    place: Place,
    word_vectors: Float[np.ndarray, "A k"] | None,
) -> Benchmark:
    """Write a new data set below ``root`` and load it; all its files are removed if either fails.

    Args:
        root: folder of the data sets, created if needed.
        name: of the data set.
        tables: with ``image_files`` below the data set's image folder.
        sources: the n images, in the order of ``tables``.
        place: called as ``place(source, target)`` for each image.
        word_vectors: of the attributes, or None.

    Raises:
        InputError: if ``root`` holds a data set of this name already, or the name cannot be used.
    """
    check_dataset_name(name)
    if name in RESERVED:
        raise InputError(f"the name of a data set must not be {', '.join(RESERVED)}; got {name!r}")
    check_folder("the root of a data set", root)
    vectors = Path("Attribute", "w2v", f"{name}_attribute.npy")
    names = Path("Attribute", "names", f"{name}.txt")
    parts = (expected_folder(name), names, vectors, ARCHIVE / name)  # tables last: nobody loads it before
    remove_abandoned(root / name)  # of a process that was killed
    for part in (*parts, vectors.with_suffix(".pkl")):
        if os.path.lexists(root / part):
            raise InputError(f"{root / part} exists already: give the new data set another name")
    with new_tree(root, name, parts) as unfinished:
        write_tables(unfinished, name, tables)
        if word_vectors is not None:
            (unfinished / vectors).parent.mkdir(parents=True)
            np.save(unfinished / vectors, word_vectors)
        source_of = dict(zip(tables.image_files, sources, strict=True))  # a file may be listed more than once
        for file, source in progress_bar(source_of.items(), desc="images", unit="image", leave=False):
            (unfinished / file).parent.mkdir(parents=True, exist_ok=True)
            place(source, unfinished / file)
        Benchmark.load(unfinished, name).check_images()
    return Benchmark.load(root, name)


def _link(link: Callable[[Path, Path], None], source: Path, target: Path) -> None:
    try:
        link(source.resolve(), target)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        raise InputError(f"images must be copy, because {source} cannot be linked: {error.strerror}") from None


# errors of file systems without links, and of links between two file systems
NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP)
PLACES: dict[str, Place] = {
    "copy": shutil.copyfile,
    "hardlink": partial(_link, os.link),
    "symlink": partial(_link, os.symlink),
}


def place_by(how: str) -> Place:
    """The function that copies or links an image; InputError for another word than those of ``PLACES``."""
    if not isinstance(how, str) or how not in PLACES:
        raise InputError(f"images must be one of {', '.join(PLACES)}, got {how!r:.100}")
    return PLACES[how]

"""Writes SynthBirds as a benchmark called ``SYNTH`` in the xlsa17 layout.

The root folder holds ``xlsa17/data/SYNTH`` and ``Attribute`` like every benchmark in this layout, and also::

    SYNTH/images/001.Red_crowned_Longtail/Red_crowned_Longtail_0001.png
    SYNTH/ground_truth.npz      the fields of GroundTruth
    SYNTH/stamp.json            version and settings; written last, so a folder without it is incomplete
"""

import multiprocessing
import os
import shutil
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from zslcore._io import locations
from zslcore._io.progress import progress_bar
from zslcore._io.writing import locked, new_folder, remove
from zslcore.errors import InputError
from zslcore.synthbirds import picture, schema, tables
from zslcore.synthbirds.schema import NAME, Settings, Values


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The true attributes and parts of the n images of a SYNTH, in the order of the benchmark's images.

    Positions and boxes are in pixels of the picture, x to the right and y down. There are 10 groups and 8 parts.

    Attributes:
        group_parts: the part where each group shows, such as ``crown`` for the group ``crown_color``.
        values: (n, groups) index of the drawn value of each group, in the order of ``schema.GROUPS``.
        positions: (n, parts, 2) x and y of the innermost point of each part.
        extents: (n, parts, 4) box of each part: left, top, right, bottom.
        visible: (n, parts) share of the part, 0 to 1, that no leaf, twig or blade covers.

    Example:
        >>> truth = load_ground_truth(benchmark.root)
        >>> part = truth.part_names.index(truth.group_parts[truth.group_names.index("wing_color")])
        >>> truth.part_names[part], truth.positions[:, part].shape, truth.extents[:, part].shape
        ('wing', (25, 2), (25, 4))
    """

    group_names: tuple[str, ...]
    group_parts: tuple[str, ...]
    part_names: tuple[str, ...]
    values: Values
    positions: Float[np.ndarray, "n parts 2"]
    extents: Float[np.ndarray, "n parts 4"]
    visible: Float[np.ndarray, "n parts"]


def generate(
    root: str | Path,
    *,
    seed: int = 0,
    num_classes: int = 50,
    num_unseen: int = 10,
    images_per_class: int = 30,
    size: int = 128,
    workers: int = 2,
) -> Path:
    """Write the benchmark ``SYNTH`` below ``root``, next to other benchmarks if there are any, and return ``root``.

    The bytes depend on the settings (see :class:`~zslcore.synthbirds.Settings`) and the version, not on the number of
    worker processes. The default takes about 17 s on two cores. :func:`ensure` generates only what is missing.
    """
    if workers < 1:
        raise InputError(f"SynthBirds: workers must be at least 1, got {workers!r}")
    settings = Settings(seed, num_classes, num_unseen, images_per_class, size)
    try:
        _write(Path(root), settings, workers)
    except BaseException:
        remove(Path(root) / NAME / "images")
        raise
    return Path(root)


def _write(root: Path, settings: Settings, workers: int) -> None:
    home = root / NAME
    (home / "stamp.json").unlink(missing_ok=True)
    shutil.rmtree(home / "images", ignore_errors=True)
    shares = schema.sample_class_distributions(settings.seed, settings.num_classes)
    names = schema.class_names(shares)
    values = schema.draw_benchmark(settings.seed, shares, settings.images_per_class)
    files = []
    for name in names:
        (home / "images" / name).mkdir(parents=True)
        for number in range(1, settings.images_per_class + 1):
            files.append(f"{NAME}/images/{name}/{name.partition('.')[2]}_{number:04d}.png")
    parts = _paint([root / file for file in files], values, settings, workers)
    np.savez(
        home / "ground_truth.npz",
        group_names=np.array(list(schema.GROUPS)),
        group_parts=np.array([schema.PART_OF_GROUP[group] for group in schema.GROUPS]),
        part_names=np.array(schema.PARTS),
        values=values.astype(np.int64),
        positions=np.stack([part["positions"] for part in parts]),
        extents=np.stack([part["extents"] for part in parts]),
        visible=np.stack([part["visible"] for part in parts]),
    )
    tables.write_tables(root, settings, names, files, values)
    (home / "stamp.json").write_bytes(settings.stamp.encode())


def _paint(paths: list[Path], values: Values, settings: Settings, workers: int) -> list[dict[str, np.ndarray]]:
    """Paint all images, and return their parts in order."""
    paint = partial(picture.paint_file, seed=settings.seed, size=settings.size)
    bar = partial(progress_bar, total=len(paths), desc="SynthBirds", unit="image", leave=False)
    if workers == 1:
        return list(bar(map(paint, paths, values.tolist(), range(len(paths)))))
    # fork needs no importable __main__ (notebooks, scripts on stdin); elsewhere it is unsafe or missing
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        return list(bar(pool.map(paint, paths, values.tolist(), range(len(paths)), chunksize=8)))


def _end_with_parent() -> None:
    """End this worker when its parent was killed; otherwise it would wait forever and hold the parent's locks."""

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def load_ground_truth(root: str | Path) -> GroundTruth:
    """Read the ground truth of the SYNTH below ``root``; InputError if there is none or it is damaged."""
    path = Path(root) / NAME / "ground_truth.npz"
    if not path.is_file():
        raise InputError(f"SynthBirds: no ground truth at {path}; make it with zslcore.synthbirds.ensure()")
    try:
        with np.load(path) as stored:
            return GroundTruth(
                group_names=tuple(stored["group_names"].tolist()),
                group_parts=tuple(stored["group_parts"].tolist()),
                part_names=tuple(stored["part_names"].tolist()),
                values=stored["values"],
                positions=stored["positions"],
                extents=stored["extents"],
                visible=stored["visible"],
            )
    except (OSError, MemoryError):
        raise
    except Exception as error:  # numpy and zipfile raise many types for a damaged file
        raise InputError(
            f"SynthBirds: {path} is damaged: remove {path.parent}, and zslcore.synthbirds.ensure() makes it again"
        ) from error


def is_complete(root: str | Path, settings: Settings | None = None) -> bool:
    """Whether ``root`` holds a complete SYNTH of this version with these settings (by default, the default ones)."""
    settings = settings or Settings()
    stamp, pictures = Path(root) / NAME / "stamp.json", Path(root).glob(f"{NAME}/images/*/*.png")
    if not stamp.is_file() or stamp.read_bytes() != settings.stamp.encode():
        return False
    return len(list(pictures)) == settings.num_classes * settings.images_per_class


def ensure(root: str | Path | None = None, *, settings: Settings | None = None, workers: int = 2) -> Path:
    """Return the root of a complete SYNTH. Generate it first if it is missing, incomplete or of another version.

    An interrupted run leaves no benchmark. A second process waits for the first and uses its result. ``root``, by
    default ``synth`` in the cache folder, must hold nothing but SYNTH; otherwise InputError, and nothing is deleted.
    """
    settings = settings or Settings()
    root = locations.cache_root() / "synth" if root is None else Path(root)
    if is_complete(root, settings):
        return root
    with locked(root.with_name(f".{root.name}.lock")):
        if is_complete(root, settings):  # another process made it meanwhile
            return root
        _refuse_foreign(root)
        with new_folder(root) as fresh:
            _write(fresh, settings, workers)
            (root / NAME / "stamp.json").unlink(missing_ok=True)  # first: an interruption here leaves no benchmark
            shutil.rmtree(root, ignore_errors=True)
    if not is_complete(root, settings):
        raise InputError(f"SynthBirds: cannot replace the old benchmark at {root}; is the folder writable?")
    return root


def _refuse_foreign(root: Path) -> None:
    """Raise InputError if a folder holds more than a SYNTH, because :func:`ensure` replaces all of it."""
    own = (NAME, f"xlsa17/data/{NAME}", f"Attribute/w2v/{NAME}_attribute.pkl", f"Attribute/names/{NAME}.txt")
    for path in sorted(root.rglob("*")):
        path = path.relative_to(root)
        if not any(path.is_relative_to(mine) or Path(mine).is_relative_to(path) for mine in own):
            raise InputError(f"SynthBirds: {root} must be new, empty or an earlier SYNTH, but holds {path}")

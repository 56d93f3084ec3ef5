"""SynthBirds: the embedded benchmark, generated in seconds, in the layout of the real ones (name ``SYNTH``).

Under ROOT, besides ``xlsa17/data/SYNTH`` and ``Attribute`` as every benchmark of the xlsa17 layout has them::

    SYNTH/images/001.Red_crowned_Longtail/Red_crowned_Longtail_0001.png
    SYNTH/ground_truth.npz
    SYNTH/stamp.json            version and settings, written last: without it the folder is incomplete

``ground_truth.npz`` holds, for the n images in the order of ``image_files`` and P parts (pixels of the final
picture, x to the right, y down; :func:`load_ground_truth` reads it):

- ``values`` (n x groups): index of the drawn value of every group; ``group_names``, ``group_parts``: the part
  where a group shows; ``part_names``
- ``positions`` (n x P x 2): innermost point of the part; ``extents`` (n x P x 4): its box, left, top, right, bottom
- ``visible`` (n x P): share 0..1 of the part that no leaf, twig or blade covers

A class is a distribution over the values of every group, an image draws from it, and the class attribute is the
share of the class's images that show the value (percent in ``original_att``, unit L2 norm in ``att``).
"""

import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from zslcore._io import locations
from zslcore._io.progress import progress_bar
from zslcore.errors import InputError
from zslcore.synthbirds import picture, schema, tables
from zslcore.synthbirds.settings import NAME, Settings


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What is really in the pictures, image by image (see the head of this module).

    Of n images, 10 groups and 8 parts. ``group_parts`` names the part where each group shows; positions and boxes are
    in pixels, x to the right and y down; ``visible`` is a share in [0, 1].

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     truth = load_ground_truth(folder)
    >>> part = truth.part_names.index(truth.group_parts[truth.group_names.index("wing_color")])
    >>> truth.part_names[part], truth.positions[:, part].shape, truth.extents[:, part].shape
    ('wing', (8, 2), (8, 4))
    >>> bool((truth.extents[:, part, :2] <= truth.positions[:, part]).all())  # not left of or above the box
    True
    """

    group_names: tuple[str, ...]
    group_parts: tuple[str, ...]
    part_names: tuple[str, ...]
    values: Int[np.ndarray, "n groups"]
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
    """Write the benchmark ``SYNTH`` under ``root`` (beside other benchmarks, if any) and give ``root``.

    The bytes depend on the settings and the version alone, not on ``workers`` (processes). Pictures are
    size x size RGB PNG. About 17 s for the default 1500 images on two idle cores. :class:`~zslcore.errors.InputError`
    for a setting out of range. Prefer :func:`ensure`, which makes what is missing and never shows half of it.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     len(list(root.glob("SYNTH/images/*/*.png")))
    8
    """
    settings = Settings(seed, num_classes, num_unseen, images_per_class, size)
    if workers < 1:
        raise InputError(f"SynthBirds: workers must be at least 1, got {workers!r}")
    root = Path(root)
    home = root / NAME
    (home / "stamp.json").unlink(missing_ok=True)
    shutil.rmtree(home / "images", ignore_errors=True)
    shares = schema.sample_class_distributions(seed, num_classes)
    names = schema.class_names(shares)
    values = schema.draw_benchmark(seed, shares, images_per_class)
    files = [
        f"{NAME}/images/{name}/{name.partition('.')[2]}_{number:04d}.png"
        for name in names
        for number in range(1, images_per_class + 1)
    ]
    for name in names:
        (home / "images" / name).mkdir(parents=True)
    drawn = zip(files, values.tolist())
    tasks = [(root / file, row, (seed, 3, index), size) for index, (file, row) in enumerate(drawn)]
    parts = _run(tasks, workers)
    _write_ground_truth(home, values, parts)
    tables.write_tables(root, settings, names, files, values)
    (home / "stamp.json").write_text(settings.stamp)
    return root


def _run(tasks: list[tuple], workers: int) -> list[dict[str, np.ndarray]]:
    """Results of all tasks in order, with a progress bar."""
    bar = {"total": len(tasks), "desc": "SynthBirds", "unit": "image", "leave": False}
    if workers == 1:
        return list(progress_bar(map(picture.paint_file, tasks), **bar))
    # fork needs no importable __main__ (notebooks, scripts on stdin); elsewhere it is unsafe or missing.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(progress_bar(pool.map(picture.paint_file, tasks, chunksize=8), **bar))


def _write_ground_truth(home: Path, values: Int[np.ndarray, "n groups"], parts: list[dict[str, np.ndarray]]) -> None:
    np.savez(
        home / "ground_truth.npz",
        group_names=np.array(list(schema.GROUPS)),
        group_parts=np.array([schema.PART_OF_GROUP[group] for group in schema.GROUPS]),
        part_names=np.array(schema.PARTS),
        values=values.astype(np.int64),
        **{key: np.stack([part[key] for part in parts]) for key in ("positions", "extents", "visible")},
    )


def load_ground_truth(root: str | Path) -> GroundTruth:
    """Read ``ROOT/SYNTH/ground_truth.npz``; :class:`~zslcore.errors.InputError` when it is not there.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     load_ground_truth(root).positions.shape
    (8, 8, 2)
    """
    path = Path(root) / NAME / "ground_truth.npz"
    if not path.is_file():
        raise InputError(f"SynthBirds: no ground truth at {path}; make it with zslcore.synthbirds.ensure()")
    with np.load(path, allow_pickle=False) as stored:
        texts = {key: tuple(stored[key].tolist()) for key in ("group_names", "group_parts", "part_names")}
        return GroundTruth(**texts, **{key: stored[key] for key in ("values", "positions", "extents", "visible")})


def is_complete(root: str | Path, settings: Settings | None = None) -> bool:
    """Whether ``root`` holds a whole SYNTH of this version and these settings (default: the default ones).

    >>> is_complete("/nowhere")
    False
    """
    settings = settings or Settings()
    home = Path(root) / NAME
    try:
        if (home / "stamp.json").read_text() != settings.stamp:
            return False
    except OSError:
        return False
    pictures = sum(1 for _ in home.glob("images/*/*.png"))
    return pictures == settings.num_classes * settings.images_per_class


def ensure(root: str | Path | None = None, *, workers: int = 2, **sizes: int) -> Path:
    """Root folder of a complete SYNTH, generated first where it is absent, incomplete or of another version.

    ``root`` (default: ``synth`` in the cache folder) is SYNTH's alone. It is made in a temporary folder beside
    it and moved into place whole, so an interrupted run leaves nothing that could be taken for a benchmark, and
    of two processes at once one wins and the other uses what it finds. ``sizes`` are :func:`generate`'s settings.
    :class:`~zslcore.errors.InputError` when the folder holds anything else, which is never deleted.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     small = dict(num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     root = ensure(Path(folder) / "synth", **small)
    ...     ensure(root, **small) == root and is_complete(root, Settings(0, 4, 1, 2, 32))
    True
    """
    settings = Settings(**sizes)
    root = locations.cache_root() / "synth" if root is None else Path(root)
    if is_complete(root, settings):
        return root
    _refuse_foreign(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent, ignore_cleanup_errors=True) as temporary:
        fresh = generate(Path(temporary) / "fresh", workers=workers, **vars(settings))
        for attempt in range(10):
            if is_complete(root, settings):  # another process was faster
                return root
            with contextlib.suppress(FileNotFoundError):
                os.replace(root, Path(temporary) / f"stale{attempt}")
            with contextlib.suppress(OSError):  # another process moved its own in between: look again
                os.replace(fresh, root)
                return root
    raise InputError(f"SynthBirds: cannot put the generated benchmark at {root}; is the folder writable?")


_OWN_ENTRIES = {
    "": {"xlsa17", "Attribute", NAME},
    "xlsa17": {"data"},
    "xlsa17/data": {NAME},
    "Attribute": {"w2v", "names"},
    "Attribute/w2v": {f"{NAME}_attribute.pkl"},
    "Attribute/names": {f"{NAME}.txt"},
}


def _refuse_foreign(root: Path) -> None:
    """Stop before a folder that holds more than an old or broken SYNTH is moved away."""
    for folder, own in _OWN_ENTRIES.items():
        inside = {entry.name for entry in (root / folder).iterdir()} if (root / folder).is_dir() else set()
        for foreign in sorted(inside - own):
            raise InputError(
                f"SynthBirds: {root} must be new, empty or an earlier SYNTH, but holds {Path(folder) / foreign}"
            )

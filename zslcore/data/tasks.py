"""Tasks: which images a model is trained on and tested on. The final one is the test; others are within trainval."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from zslcore._io.numbers import is_number, is_whole
from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError

FOLDS = 3  # of the seen classes, from which a run takes gamma


@dataclass(frozen=True, eq=False)
class ZeroShotTask:
    """Images to train on and images of seen and unseen classes to test on, by their indices in the benchmark.

    Example:
        >>> task = test_task(benchmark)
        >>> task.classes, task.num_seen
        (array([0, 1, 2, 4, 3]), 4)
        >>> task.relabel(np.array([3, 4]))
        array([4, 3])
    """

    name: str
    train: Int[np.ndarray, " n"]
    test_seen: Int[np.ndarray, " s"]
    test_unseen: Int[np.ndarray, " u"]
    seen_classes: Int[np.ndarray, " S"]
    unseen_classes: Int[np.ndarray, " U"]

    @property
    def classes(self) -> Int[np.ndarray, " C"]:
        """Class indices of the benchmark in the order of the score columns: seen classes, then unseen classes."""
        return np.concatenate([self.seen_classes, self.unseen_classes])

    @property
    def num_seen(self) -> int:
        """Number of seen classes."""
        return len(self.seen_classes)

    def relabel(self, labels: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Class indices of the benchmark as positions in ``classes``."""
        foreign = ~np.isin(labels, self.classes)
        if foreign.any():
            raise InputError(f"labels must be classes of the task {self.name}, got {labels[foreign][0]}")
        order = np.argsort(self.classes)
        return order[np.searchsorted(self.classes, labels, sorter=order)]


def test_task(benchmark: Benchmark) -> ZeroShotTask:
    """Train on trainval, test on test_seen and test_unseen."""
    return ZeroShotTask(
        name="test",
        train=benchmark.split("trainval"),
        test_seen=benchmark.split("test_seen"),
        test_unseen=benchmark.split("test_unseen"),
        seen_classes=benchmark.seen_classes,
        unseen_classes=benchmark.unseen_classes,
    )


test_task.__test__ = False  # pytest would collect it as a test


def validation_task(benchmark: Benchmark, *, seed: int = 0, held_out: float = 0.2) -> ZeroShotTask:
    """Task within trainval: the val classes act as unseen, held-out images of the train classes as seen test images.

    ``held_out`` is the share of each train class to hold out, in (0, 1): at least one image and never all.

    Example:
        >>> task = validation_task(benchmark, held_out=0.25)  # 3 train classes of 4 images, 1 val class of 4
        >>> len(task.train), len(task.test_seen), len(task.test_unseen), task.num_seen
        (9, 3, 4, 3)
    """
    rng = np.random.default_rng(seed)
    return _held_out_task("validation", benchmark, benchmark.split("train"), benchmark.split("val"), held_out, rng)


def fold_tasks(
    benchmark: Benchmark, folds: int | None = None, *, seed: int = 0, held_out: float = 0.2
) -> list[ZeroShotTask]:
    """Tasks within trainval, one for each fold of the seen classes, which acts as unseen.

    Args:
        benchmark: the benchmark.
        folds: number of folds, at least 2; by default 3, or 2 if there are only 2 seen classes.
        seed: seed of the folds and of the held-out images.
        held_out: share of each other class to hold out as seen test images, in (0, 1).

    Example:
        >>> [task.unseen_classes.tolist() for task in fold_tasks(benchmark, 2)]  # of the seen classes 0, 1, 2, 4
        [[0, 2], [1, 4]]
    """
    folds = min(FOLDS, len(benchmark.seen_classes)) if folds is None else folds
    if not is_whole(folds) or not 2 <= folds <= len(benchmark.seen_classes):
        raise InputError(f"folds must lie in 2..{len(benchmark.seen_classes)}, the seen classes, got {folds!r:.100}")
    rng, trainval, tasks = np.random.default_rng(seed), benchmark.split("trainval"), []
    for fold, classes in enumerate(np.array_split(rng.permutation(benchmark.seen_classes), folds)):
        name, unseen = f"fold_{fold + 1}", np.isin(benchmark.labels[trainval], classes)
        tasks.append(_held_out_task(name, benchmark, trainval[~unseen], trainval[unseen], held_out, rng))
    return tasks


def _held_out_task(
    name: str,
    benchmark: Benchmark,
    images: Int[np.ndarray, " n"],
    test_unseen: Int[np.ndarray, " u"],
    held_out: float,
    rng: np.random.Generator,
) -> ZeroShotTask:
    """Task that trains on images, without a share of each class that is held out as its seen test images."""
    if not is_number(held_out) or not 0 < held_out < 1:
        raise InputError(f"held_out must lie in (0, 1), got {held_out!r:.100}")
    seen, held = np.unique(benchmark.labels[images]), []
    for index in seen:
        members = images[benchmark.labels[images] == index]
        if len(members) < 2:
            class_name = benchmark.class_names[index]
            raise InputError(f"class {class_name!r} must have at least 2 train images, got {len(members)}")
        count = min(max(1, round(held_out * len(members))), len(members) - 1)
        held.append(rng.choice(members, size=count, replace=False))
    test_seen = np.sort(np.concatenate(held))
    return ZeroShotTask(
        name=name,
        train=np.setdiff1d(images, test_seen),
        test_seen=test_seen,
        test_unseen=test_unseen,
        seen_classes=seen,
        unseen_classes=np.unique(benchmark.labels[test_unseen]),
    )

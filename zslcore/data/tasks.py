"""What a model is trained on and tested on: the test split of a benchmark, or its validation split.

Both have one shape, so that whatever is chosen on the validation split carries over to the test split.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError


@dataclass(frozen=True, eq=False)
class ZeroShotTask:
    """Images to train on, images of seen and unseen classes to test on, as positions in the benchmark.

    ``classes`` is the order of the columns of all scores: the seen classes first, then the unseen ones.

    >>> task = ZeroShotTask("test", *(np.array(x) for x in ([0, 1], [2], [3], [1, 4], [0, 2])))
    >>> task.classes, task.num_seen
    (array([1, 4, 0, 2]), 2)
    >>> task.relabel(np.array([4, 2, 1]))
    array([1, 3, 0])
    """

    name: str
    train: Int[np.ndarray, " n"]
    test_seen: Int[np.ndarray, " s"]
    test_unseen: Int[np.ndarray, " u"]
    seen_classes: Int[np.ndarray, " S"]
    unseen_classes: Int[np.ndarray, " U"]

    @property
    def classes(self) -> Int[np.ndarray, " C"]:
        """Class indices of the benchmark, seen then unseen."""
        return np.concatenate([self.seen_classes, self.unseen_classes])

    @property
    def num_seen(self) -> int:
        """How many of ``classes`` are seen."""
        return len(self.seen_classes)

    def relabel(self, labels: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Class indices of the benchmark as positions in ``classes``; InputError for a class not in the task."""
        classes = self.classes
        order = np.argsort(classes)
        found = np.minimum(np.searchsorted(classes, labels, sorter=order), len(classes) - 1)
        positions = order[found]
        if (classes[positions] != labels).any():
            raise InputError(
                f"labels must be classes of the {self.name} task, got {labels[classes[positions] != labels][0]}"
            )
        return positions


def test_task(benchmark: Benchmark) -> ZeroShotTask:
    """Train on trainval, test on test_seen and test_unseen: each use is a look at the test set.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=3, size=32, workers=1)
    ...     task = test_task(Benchmark.load(root, "SYNTH"))
    >>> len(task.train), len(task.test_seen), len(task.test_unseen), task.num_seen  # one of each seen class to test
    (6, 3, 3, 3)
    """
    return ZeroShotTask(
        name="test",
        train=benchmark.split("trainval"),
        test_seen=benchmark.split("test_seen"),
        test_unseen=benchmark.split("test_unseen"),
        seen_classes=benchmark.seen_classes,
        unseen_classes=benchmark.unseen_classes,
    )


test_task.__test__ = False  # not a test for pytest to collect


def validation_task(benchmark: Benchmark, *, seed: int = 0, held_out: float = 0.2) -> ZeroShotTask:
    """Train on train, test on val as the unseen classes and on ``held_out`` of each train class as the seen ones.

    The share is drawn per class, seeded, at least one image and never all. Only trainval images occur. Raises
    InputError for a class with a single image or a share outside (0, 1).

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=5, num_unseen=1, images_per_class=5, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> task = validation_task(benchmark, held_out=0.25)  # 3 train classes with 4 images each, one of the four held out
    >>> len(task.train), len(task.test_seen), len(task.test_unseen), task.num_seen
    (9, 3, 4, 3)
    >>> np.intersect1d(task.test_unseen, test_task(benchmark).train).size  # all of them: no test image occurs
    4
    """
    if not 0 < held_out < 1:
        raise InputError(f"held_out must lie in (0, 1), got {held_out}")
    rng = np.random.default_rng(seed)
    images = benchmark.split("train")
    held = []
    for index in benchmark.train_classes:
        members = images[benchmark.labels[images] == index]
        if len(members) < 2:
            raise InputError(
                f"class {benchmark.class_names[index]!r} has {len(members)} image(s), at least 2 are needed"
            )
        count = min(max(1, round(held_out * len(members))), len(members) - 1)
        held.append(rng.choice(members, size=count, replace=False))
    test_seen = np.sort(np.concatenate(held))
    return ZeroShotTask(
        name="validation",
        train=np.setdiff1d(images, test_seen),
        test_seen=test_seen,
        test_unseen=benchmark.split("val"),
        seen_classes=benchmark.train_classes,
        unseen_classes=benchmark.val_classes,
    )

"""Random splits of a benchmark's classes into seen and unseen ones, the unit of replication of the study."""

import dataclasses

import numpy as np

from zslcore.data.benchmark import Benchmark


def split_classes(benchmark: Benchmark, number: int) -> Benchmark:
    """The benchmark with other seen and unseen classes.

    The numbers of seen, unseen, train and val classes stay those of the benchmark, and so does the share of each seen
    class's images that are kept for ``test_seen``. Unlike the proposed split of Xian et al. (TPAMI 2019), the draw
    ignores which classes are in ImageNet. A backbone that was trained on ImageNet may therefore know unseen classes.

    Args:
        benchmark: any benchmark.
        number: 0 for the benchmark's own split, which is returned unchanged; K for the Kth random split.

    Example:
        >>> other = split_classes(benchmark, 1)
        >>> len(other.seen_classes), len(other.unseen_classes), other.unseen_classes.tolist()
        (4, 1, [4])
    """
    if number == 0:
        return benchmark
    rng = np.random.default_rng([7, number])
    classes = rng.permutation(np.concatenate([benchmark.seen_classes, benchmark.unseen_classes]))
    unseen, seen = np.split(classes, [len(benchmark.unseen_classes)])
    val, train = np.split(seen, [len(benchmark.val_classes)])
    tested = len(benchmark.split("test_seen"))
    share = tested / (tested + len(benchmark.split("trainval")))
    test_seen = []
    for index in np.sort(seen):
        images = np.flatnonzero(benchmark.labels == index)
        count = min(max(1, round(share * len(images))), len(images) - 1) if tested else 0
        test_seen.append(rng.choice(images, size=count, replace=False))
    held = np.sort(np.concatenate(test_seen))
    trainval = np.setdiff1d(np.flatnonzero(np.isin(benchmark.labels, seen)), held)
    of_val = np.isin(benchmark.labels[trainval], val)
    splits = {
        "trainval": trainval,
        "test_seen": held,
        "test_unseen": np.flatnonzero(np.isin(benchmark.labels, unseen)),
        "train": trainval[~of_val],
        "val": trainval[of_val],
    }
    return dataclasses.replace(
        benchmark,
        seen_classes=np.sort(seen),
        unseen_classes=np.sort(unseen),
        train_classes=np.sort(train),
        val_classes=np.sort(val),
        _splits=splits,
    )

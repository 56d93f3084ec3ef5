"""How many classes and images a batch can have on a data set."""

import functools
from pathlib import Path

import numpy as np

from zslcore._io.locations import data_root
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import fold_tasks, test_task
from zslcore.errors import InputError


def batch_limits(benchmark: Benchmark) -> dict[str, int]:
    """The most ways and shots that a batch of the test task and of the folds can have.

    Example:
        >>> batch_limits(benchmark)  # 4 seen classes of 4 images; a fold trains on at least 2 classes
        {'ways': 2, 'shots': 3}
    """
    tasks = (*fold_tasks(benchmark), test_task(benchmark))
    counts = [np.unique(benchmark.labels[task.train], return_counts=True)[1] for task in tasks]
    return {"ways": min(map(len, counts)), "shots": int(min(count.min() for count in counts))}


def stored_batch_limits(dataset: str) -> dict[str, int]:
    """:func:`batch_limits` of a data set below the data folder; none if it is not there or cannot be read."""
    folder = data_root() / "xlsa17" / "data" / dataset
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return _limits_of(data_root(), dataset, tuple(path.stat().st_mtime_ns for path in files)) if files else {}


@functools.cache
def _limits_of(root: Path, dataset: str, times: tuple[int, ...]) -> dict[str, int]:
    """The limits for one state of the files, which take a second to read."""
    try:
        return batch_limits(Benchmark.load(root, dataset))
    except (InputError, ImportError):  # raised again where the data set is used
        return {}

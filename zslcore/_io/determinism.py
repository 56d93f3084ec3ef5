"""Results that depend neither on the number of cores nor on what ran before."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch on one thread within the block, because sums over several threads depend on their number.

    It is not slow: EfficientNet-Lite0 at 224 px took 13 ms an image on one thread, 20 ms on two, on two busy cores.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed torch and use one thread within the block; restore its random state after it.

    Example:
        >>> with reproducible(3):
        ...     torch.rand(1), torch.get_num_threads()
        (tensor([0.0043]), 1)
    """
    with torch.random.fork_rng(), single_thread():
        torch.manual_seed(seed)
        yield

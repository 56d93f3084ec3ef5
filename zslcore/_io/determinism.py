"""Results that do not depend on how many cores there are, nor on what ran before."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch on one thread within the block: sums over several threads depend on their number.

    It costs little here: the networks are small, and for EfficientNet-Lite0 at 224 px one thread on two busy cores
    was measured to be faster than two (13 ms against 20 ms an image), since waiting threads spin.

    >>> with single_thread():
    ...     torch.get_num_threads()
    1
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed torch and use one thread within the block; the caller's random states come back afterwards.

    Those of Python and numpy too: nothing here draws from them, but a resumed checkpoint sets them.

    >>> with reproducible(3):
    ...     first = torch.rand(2)
    >>> with reproducible(3):
    ...     bool((torch.rand(2) == first).all())
    True
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state that accelerate restores
    try:
        with torch.random.fork_rng(), single_thread():
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002

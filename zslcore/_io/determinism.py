"""Blocks of code whose results depend neither on the number of cores nor on earlier computations."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import RLock

import torch

_ONE_AT_A_TIME = RLock()  # random state, default type and number of threads belong to the whole process


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
    """Seed torch, and use one thread and deterministic convolutions within the block; restore all three after it.

    cuDNN's fastest convolutions add in a random order, so each training on a GPU would differ from the last.

    Example:
        >>> with reproducible(3):
        ...     torch.rand(1), torch.get_num_threads()
        (tensor([0.0043]), 1)
    """
    cudnn = torch.backends.cudnn
    kept = cudnn.deterministic
    with torch.random.fork_rng(), single_thread():
        torch.manual_seed(seed)
        cudnn.deterministic = True
        try:
            yield
        finally:
            cudnn.deterministic = kept


@contextmanager
def usual_torch() -> Iterator[None]:
    """Give torch its default settings within the block, and restore those of the caller after it.

    The settings are the default type and device, the recording of gradients, and autocast. The random state is restored
    too. Another thread that enters such a block waits until this one has ended.

    Example:
        >>> with torch.no_grad(), usual_torch():
        ...     torch.is_grad_enabled()
        True
    """
    with _ONE_AT_A_TIME, _usual_settings():
        yield


@contextmanager
def _usual_settings() -> Iterator[None]:
    # torch 2.6 cannot name its default device once set_default_device(None) was called
    dtype, elsewhere = torch.get_default_dtype(), torch.empty(0).device.type != "cpu"
    # a device as a context slows every call of torch, so it is entered only where it changes something
    device = torch.device("cpu") if elsewhere else nullcontext()
    cuda = torch.autocast("cuda", enabled=False) if torch.is_autocast_enabled("cuda") else nullcontext()
    with (
        torch.random.fork_rng(),
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
        cuda,
        device,
    ):
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)

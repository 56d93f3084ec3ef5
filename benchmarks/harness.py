"""Timing: several functions in turn, medians and quartiles, floors of the machine, and the rows of the report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

MATRIX = 1024  # side of the square matrices whose product measures the arithmetic peak


@dataclass(frozen=True)
class Timing:
    """Seconds of the repeats of one function."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """Median."""
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile."""
        return tuple(float(value) for value in np.quantile(self.seconds, [0.25, 0.75]))

    def scaled(self, factor: float) -> "Timing":
        """The time of ``factor`` times the work, for work of which only a part was measured."""
        return Timing([factor * value for value in self.seconds])


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the report.

    Attributes:
        what, size: what was measured, and on which input.
        ours: time of the library.
        plain: time of a plain implementation in this folder.
        floor: time of a product with the same arithmetic, or of a copy of the same bytes.
        target: the goal, as text; ``met`` says whether it is reached, None if there is none.
        note: names the plain implementation and the floor, and gives other numbers.
        memory: bytes, on a GPU the peak.
    """

    what: str
    size: str
    ours: Timing
    plain: Timing | None = None
    floor: Timing | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""
    memory: int | None = None
    device: str = field(default="cpu")

    @property
    def gain(self) -> float:
        """Time of the plain implementation over ours; NaN if there is none."""
        return self.plain.median / self.ours.median if self.plain else float("nan")

    @property
    def over_floor(self) -> float:
        """Our time over that of the floor; NaN if there is none."""
        return self.ours.median / self.floor.median if self.floor else float("nan")


def measure(device: str, repeats: int, **functions: Callable[[], object]) -> dict[str, Timing]:
    """Call the functions in turn, so that other load on the machine affects all of them; the first round is dropped.

    On the CPU, where all functions run on one thread, the time is that of the processor, which other processes change
    little. Functions of less than 2 ms are called several times for each repeat.
    """
    calls, seconds = {}, {name: [] for name in functions}
    for name, function in functions.items():
        first = _elapsed(device, function, 1)  # slower than the others; of slow functions one call is enough
        calls[name] = 1 if first > 0.1 else max(1, min(100, int(0.002 / _elapsed(device, function, 1))))
    for _ in range(repeats):
        for name, function in functions.items():
            seconds[name].append(_elapsed(device, function, calls[name]))
    return {name: Timing(values) for name, values in seconds.items()}


def _elapsed(device: str, function: Callable[[], object], calls: int) -> float:
    """Seconds of a call."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    synchronize(device)
    start = clock()
    for _ in range(calls):
        function()
    synchronize(device)
    return (clock() - start) / calls


def synchronize(device: str) -> None:
    """Wait for the GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def product_of(flops: float, device: str, dtype: torch.dtype = torch.float32) -> Callable[[], object]:
    """Matrix products with this number of floating-point operations: the floor of compute-bound functions."""
    rows = max(1, round(flops / (2 * MATRIX**2)))
    left = torch.ones(min(rows, 4 * MATRIX), MATRIX, device=device, dtype=dtype)
    right = torch.ones(MATRIX, MATRIX, device=device, dtype=dtype)
    whole, rest = divmod(rows, len(left))

    def run() -> None:
        for _ in range(whole):
            left @ right
        left[:rest] @ right

    return run


def copy_of(num_bytes: float, device: str) -> Callable[[], object]:
    """A copy that moves this number of bytes, half read and half written: the floor of memory-bound functions."""
    source = torch.ones(max(1, round(num_bytes / 8)), device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def flops_of(function: Callable[[], object]) -> int:
    """Floating-point operations of the products and convolutions in a call."""
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def peak_memory(function: Callable[[], object], device: str) -> int:
    """Bytes that a call allocates at its peak, beyond what was there before."""
    function()
    if device == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        function()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True, acc_events=True) as record:
        function()
    changes = [event.nbytes() for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    return int(max(np.cumsum(changes), default=0))


def gpu_seconds(function: Callable[[], object]) -> float:
    """Seconds that a GPU computes in a call."""
    function()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as record:
        function()
        torch.cuda.synchronize()
    return sum(event.self_device_time_total for event in record.key_averages()) / 1e6

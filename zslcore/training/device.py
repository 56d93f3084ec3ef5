"""Device and precision of a training, and the configuration of accelerate.

Several processes, under ``torchrun`` or ``accelerate launch``, give the same results as one process, with one
exception: the batch norms of a fine-tuned backbone normalise each process's part of the batch, and the statistics of
the first process are kept.
"""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import TorchDynamoPlugin

from zslcore.config import RunConfig
from zslcore.errors import InputError, one_line

SLOW_BF16 = "this CPU has no AVX-512, so bf16 is emulated and far slower than float32; set precision to 'float32'"


def resolve_device(name: str, *, fallback: bool = False) -> torch.device:
    """The torch device of the setting ``device``; ``"auto"`` is the GPU if there is one.

    On a machine without a GPU, ``"cuda"`` raises InputError, or is the CPU with ``fallback``.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if name == "cuda" and not torch.cuda.is_available() and not fallback:
        raise InputError("device must be 'auto' or 'cpu' on a machine without a CUDA GPU, got 'cuda'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def callers_accelerate() -> Iterator[None]:
    """Restore the caller's configuration of accelerate after the block; a process has only one."""
    kinds = (PartialState, AcceleratorState, GradientState)
    kept = [dict(kind._shared_state) for kind in kinds]
    try:
        yield
    finally:
        if any(kept):
            for kind, state in zip(kinds, kept):
                kind._shared_state.clear()
                kind._shared_state.update(state)


def make_accelerator(config: RunConfig) -> Accelerator:
    """An accelerator with the device, precision and compilation of a config.

    Raises InputError for a missing GPU, for variables that a launcher left, and if the processes cannot share a batch
    equally.
    """
    _check_launcher()
    device = resolve_device(config.device).type
    if config.precision == "bf16" and device == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2":
        warnings.warn(SLOW_BF16, stacklevel=2)  # oneDNN's bf16 convolutions need AVX-512
    # accelerate keeps one set-up per process and refuses another, but the runs of a notebook may differ
    AcceleratorState._reset_state(reset_partial_state=not dist.is_initialized())
    try:
        accelerator = Accelerator(
            cpu=device == "cpu",
            mixed_precision="bf16" if config.precision == "bf16" else "no",
            dynamo_plugin=TorchDynamoPlugin(backend="inductor" if config.compile else "no", mode=compile_mode(device)),
            # unused: a ResNet's own classifier, and GEMNet's queries without their losses
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
    except (ValueError, ImportError, dist.DistError) as error:  # what variables of other launchers ask for
        reason = f"the launcher's variables in the environment cannot be followed: {one_line(error)}"
        raise InputError(f"{reason}; unset them if no launcher started this process") from None
    batch, processes = config.ways * config.shots, accelerator.num_processes
    if batch % processes:
        raise InputError(f"ways x shots must be a multiple of the {processes} processes, got {batch}")
    return accelerator


def compile_mode(device: str) -> str:
    """The mode of torch.compile: with CUDA graphs on one GPU, where launching small kernels takes most of a step."""
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    return "reduce-overhead" if device == "cuda" and alone else "default"


def _check_launcher() -> None:
    """Raise InputError for variables of a launcher such as torchrun that are empty, or left over from it."""
    values = {name: os.environ.get(name, "-1") for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
    for name, text in values.items():
        if not re.fullmatch("-?[0-9]+", text):
            raise InputError(f"{name} in the environment must be a whole number or be unset, got {text!r:.100}")
    started = {"LOCAL_RANK": int(values["LOCAL_RANK"]) != -1, "WORLD_SIZE": int(values["WORLD_SIZE"]) > 1}
    for name in started:
        if started[name] and not os.environ.get("MASTER_ADDR"):
            raise InputError(f"{name} in the environment must be unset, except by torchrun, which sets MASTER_ADDR too")


def weight_dtype(precision: str) -> torch.dtype:
    """The type of weights and inputs; with ``"bf16"`` they are float32, and only products are bfloat16."""
    return torch.float64 if precision == "float64" else torch.float32


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """The type of products in a forward pass: bfloat16 with ``"bf16"``, that of the weights otherwise."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

"""Where a training runs and how it survives: accelerate's set-up, the processes, and checkpoints that resume exactly.

One process on a CPU or GPU, or several under ``torchrun`` or ``accelerate launch``; bfloat16 and ``torch.compile`` as
the config says. Several processes train as one does, but for a fine-tuned backbone with batch norm: it normalises by
the part of the batch that a process has, and keeps the running statistics of the first process.
"""

import warnings
from contextlib import AbstractContextManager

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState

from zslcore.config import RunConfig
from zslcore.errors import InputError

SLOW_BF16 = "this CPU has no AVX-512, so bf16 is emulated and far slower than float32; set precision to 'float32'"


def resolve_device(name: str) -> torch.device:
    """The device of a config: ``"auto"`` is the GPU where there is one.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device must be 'auto' or 'cpu' on a machine without a CUDA GPU, got 'cuda'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def make_accelerator(config: RunConfig) -> Accelerator:
    """accelerate, set up for a config; warns of a precision that this machine has to emulate.

    Raises InputError for a missing GPU, and for batches that cannot be shared.

    >>> accelerator = make_accelerator(RunConfig(dataset="SYNTH", device="cpu"))
    >>> accelerator.device, accelerator.num_processes  # more of them under torchrun
    (device(type='cpu'), 1)
    """
    device = resolve_device(config.device).type
    if config.precision == "bf16" and device == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2":
        warnings.warn(SLOW_BF16, stacklevel=2)  # AVX-512 is what oneDNN's bf16 convolutions are written for
    # accelerate keeps one set-up a process and refuses another; runs of one notebook may differ in theirs
    AcceleratorState._reset_state(reset_partial_state=not dist.is_initialized())
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision="bf16" if config.precision == "bf16" else "no",
        dynamo_backend="inductor" if config.compile else "no",
        # a ResNet's own classifier and GEMNet's queries without their losses stand idle, which DDP wants to know
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    batch, processes = config.ways * config.shots, accelerator.num_processes
    if batch % processes:
        raise InputError(f"ways x shots must be a multiple of the {processes} processes, got {batch}")
    return accelerator


def autocast(config: RunConfig, device: torch.device) -> AbstractContextManager:
    """The precision of a config's forward passes; of weights and statistics see ``weight_dtype``.

    >>> layer = torch.nn.Linear(4, 2)
    >>> with autocast(RunConfig(dataset="SYNTH", precision="bf16"), torch.device("cpu")):
    ...     product = layer(torch.ones(3, 4))
    >>> product.dtype, layer.weight.dtype
    (torch.bfloat16, torch.float32)
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")

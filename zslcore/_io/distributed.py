"""Sums over the processes of a distributed training, so that each process computes with the joined batch.

DDP averages the gradients of the processes. That is enough for a loss that is a mean over images; other losses need
these functions. Outside a distributed training, all of them return what they are given.
"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn


def share_of_batch() -> tuple[int, int]:
    """Rank of this process and the number of processes; (0, 1) outside a distributed training."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def all_sum(values: Tensor) -> Tensor:
    """Sum over the processes; not differentiable."""
    if share_of_batch()[1] == 1:
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return total


def all_mean(value: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Mean over the processes, with the gradient of this process's own value.

    For a loss f(mean): DDP averages the processes' gradients f'(mean) x (their own), which is the gradient of f(mean).
    """
    processes = share_of_batch()[1]
    return value if processes == 1 else all_sum(value) / processes + (value - value.detach())


def all_rows(values: Float[Tensor, "B A"]) -> tuple[Float[Tensor, "N A"], int]:
    """Rows of all processes, in order of rank, and the index of this process's first row; not differentiable.

    All processes must have the same number of rows.
    """
    rank, processes = share_of_batch()
    if processes == 1:
        return values, 0
    parts = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(processes)]
    dist.all_gather(parts, values.detach().contiguous())
    return torch.cat(parts), rank * len(values)


def share_buffers(model: nn.Module) -> None:
    """Give all processes the buffers of the first one, such as the running statistics of a batch norm.

    DDP does this at the start of a training step only. All processes must call it.
    """
    if share_of_batch()[1] > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)

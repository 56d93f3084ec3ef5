"""What the processes of a distributed training tell each other, so that each computes with the joined batch.

DDP averages the gradients of the processes. A loss that is a mean over images is then that of the joined batch; one
that is no such mean needs these functions.
"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn


def num_processes() -> int:
    """Processes of a distributed training; 1 outside of one.

    >>> num_processes()
    1
    """
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def all_sum(values: Tensor) -> Tensor:
    """Sum over the processes of a distributed training; without one, the values as they are. Not differentiable.

    >>> all_sum(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    if num_processes() == 1:
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return total


def all_mean(value: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Mean over the processes, with the gradient of this process's own value.

    For a function f of the mean of all: what DDP makes of the processes' gradients, each f'(mean) times its own, is
    then f'(mean) times their average, the gradient of f.

    >>> all_mean(torch.tensor(2.0))
    tensor(2.)
    """
    if num_processes() == 1:
        return value
    return all_sum(value) / num_processes() + (value - value.detach())


def all_rows(values: Float[Tensor, "B A"]) -> tuple[Float[Tensor, "N A"], int]:
    """Rows of all processes, one process after the other, and the place of this one's first. Not differentiable.

    All must have equally many. Without a distributed training, the values as they are.

    >>> all_rows(torch.tensor([[1.0], [2.0]]))
    (tensor([[1.],
            [2.]]), 0)
    """
    if num_processes() == 1:
        return values, 0
    parts = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(num_processes())]
    dist.all_gather(parts, values.detach().contiguous())
    return torch.cat(parts), dist.get_rank() * len(values)


def share_of_batch() -> tuple[int, int]:
    """Rank of this process and the number of processes; (0, 1) outside a distributed training.

    >>> share_of_batch()
    (0, 1)
    """
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def share_buffers(model: nn.Module) -> None:
    """Give all processes the buffers of the first one, such as the running statistics of a batch norm.

    Each process counts its own part of a batch. DDP shares the buffers when a training step begins, so what the last
    step of an epoch changed would stay apart. Called by all processes; does nothing in a single one.

    >>> share_buffers(nn.BatchNorm2d(3))
    """
    if share_of_batch()[1] > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)

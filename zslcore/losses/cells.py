"""Statistics of (class, attribute) cells over a batch, and the worst-case weights made from them."""

import torch

from zslcore._io.distributed import all_sum
from zslcore._io.numbers import is_number
from zslcore.errors import InputError
from zslcore.losses.basic import at_least_float32
from zslcore.losses.checks import check_labels, check_positive, check_present
from zslcore.losses.shapes import Cells, Labels, Outputs, Present, Sizes


def mean_by_class(error: Outputs, labels: Labels, num_classes: int, *, shared: bool = False) -> tuple[Cells, Sizes]:
    """Mean error of each class and attribute (0 for absent classes), and the number of images of each class.

    With ``shared``, over the batches of all processes; the mean then has no gradient.

    Example:
        >>> mean_by_class(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0]), num_classes=1)
        (tensor([[2.]]), tensor([2.]))
    """
    labels, error = check_labels(labels, len(error), num_classes), at_least_float32(error)
    mean, count = mean_by_cell(error, torch.ones_like(error), labels, num_classes, shared=shared)
    return mean, count.amax(1)


def mean_by_cell(
    error: Outputs, weight: Outputs, labels: Labels, num_classes: int, *, shared: bool = False
) -> tuple[Cells, Cells]:
    """Weighted mean error of each class and attribute (0 where no image counts), and the sum of its weights."""
    total, count = error.new_zeros(2, num_classes, error.shape[1])
    total, count = total.index_add(0, labels, weight * error), count.index_add(0, labels, weight)
    if shared:
        total, count = all_sum(total), all_sum(count)
    return total / torch.where(count > 0, count, 1.0), count


def cvar_weights(error: Cells, present: Present, *, alpha: float) -> Cells:
    """Conditional value at risk: equal weights on the worst cells of the present classes, 0 on the others.

    ``alpha``, in (0, 1], is the share of the cells that get a weight; their number is rounded up, and at
    least 1. The weights have mean 1 over the cells of present classes, so that with ``alpha=1`` all weights are 1.

    Example:
        >>> cvar_weights(torch.tensor([[1.0, 2.0], [4.0, 3.0]]), torch.tensor([True, True]), alpha=0.5)
        tensor([[0., 0.],
                [2., 2.]])
    """
    check_present(present, error)
    error = at_least_float32(error)
    if not is_number(alpha) or not 0 < alpha <= 1:
        raise InputError(f"alpha must lie in (0, 1], got {alpha!r}")
    cells = int(present.sum()) * error.shape[1]
    worst = max(1, -(-round(alpha * cells * 1e6) // 1_000_000))  # rounded up, but ignoring floating-point noise
    chosen = torch.where(present[:, None], error, -torch.inf).flatten().topk(min(worst, error.numel())).indices
    weights = torch.zeros_like(error).flatten().index_fill(0, chosen, cells / worst)
    return weights.view_as(error)


def group_dro_update(log_weights: Cells, error: Cells, present: Present, *, step: float) -> Cells:
    """Exponentiated-gradient step of group DRO (Sagawa et al., ICLR 2020); each (class, attribute) cell is a group.

    Multiplies the weights of present classes by exp(step x error / mean error), then divides all weights by the
    smallest, because only their ratios matter. Dividing by the mean error makes ``step`` independent of the scale of
    the errors: the paper's losses are around 1, squared errors of unit vectors around 1 / A. Cells whose error is not
    finite keep their weight.

    It takes and returns logarithms, because the weights would underflow to 0 in float32 and stay there.

    Example:
        >>> group_dro_update(torch.zeros(1, 2), torch.tensor([[1.0, 3.0]]), torch.tensor([True]), step=0.1)
        tensor([[0.0000, 0.1000]])
    """
    check_positive("step", step)
    check_present(present, error)
    measured = present[:, None] & error.isfinite()
    error = torch.where(measured, error, 0.0)
    mean = error.sum() / measured.sum().clamp(min=1)
    raised = log_weights + step * error / torch.where(mean > 0, mean, 1.0)
    return raised - raised.min()  # small logarithms keep their digits when small steps are added


def mean_one_weights(log_weights: Cells, present: Present) -> Cells:
    """Weights of the present classes' cells, scaled to mean 1 over them; 0 for absent classes."""
    here = torch.where(present[:, None], log_weights, -torch.inf)
    return here.flatten().softmax(0).view_as(here) * (present.sum() * here.shape[1])

"""Errors by cell: the mean of each (class, attribute) over a batch, also one that several processes share."""

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from zslcore._io.distributed import all_sum
from zslcore.errors import InputError
from zslcore.losses.elementwise import check_positive

LABEL_TYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_labels(labels: Integer[Tensor, " B"], num_images: int, num_classes: int) -> Int[Tensor, " B"]:
    """The labels as int64, to index with; InputError unless there is a class in [0, num_classes) for each image.

    Of other integers torch would take uint8 for a mask, and a label too few would be broadcast to all images. The range
    is checked on the CPU alone, since a GPU would have to be waited for.

    >>> check_labels(torch.tensor([1, 0], dtype=torch.uint8), num_images=2, num_classes=2)
    tensor([1, 0])
    """
    if not isinstance(labels, Tensor) or labels.dtype not in LABEL_TYPES:
        given = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        names = ", ".join(map(str, LABEL_TYPES))
        raise InputError(f"labels must be a tensor of whole numbers ({names}), got {given}")
    if labels.shape != (num_images,):
        raise InputError(f"labels must have shape ({num_images},), got {tuple(labels.shape)}")
    labels = labels.long()
    if labels.device.type == "cpu" and labels.numel() and not 0 <= labels.min() <= labels.max() < num_classes:
        raise InputError(
            f"labels must lie in 0..{num_classes - 1} (num_classes={num_classes}), "
            f"got {labels.min().item()}..{labels.max().item()}"
        )
    return labels


def mean_by_class(
    error: Float[Tensor, "B A"], labels: Integer[Tensor, " B"], num_classes: int, *, shared: bool = False
) -> tuple[Float[Tensor, "C A"], Float[Tensor, " C"]]:
    """Mean error of each class and attribute (zeros for absent classes), and the images of each class.

    ``shared``: over the batches of all processes, so that each has the statistics of the joined batch; the mean then
    has no gradient. Raises InputError for labels that are not one class in [0, num_classes) for each image.

    >>> mean_by_class(torch.tensor([[1.0], [3.0]]), torch.tensor([1, 1]), num_classes=2)
    (tensor([[0.],
            [2.]]), tensor([0., 2.]))
    """
    labels = check_labels(labels, len(error), num_classes)
    count = torch.zeros(num_classes, dtype=error.dtype, device=error.device)
    count = count.index_add(0, labels, torch.ones_like(labels, dtype=error.dtype))
    total = torch.zeros(num_classes, error.shape[1], dtype=error.dtype, device=error.device)
    total = total.index_add(0, labels, error)
    if shared:
        total, count = all_sum(total), all_sum(count)
    return total / count.clamp(min=1)[:, None], count


def cvar_weights(error: Float[Tensor, "C A"], present: Bool[Tensor, " C"], *, alpha: float) -> Float[Tensor, "C A"]:
    """Conditional value at risk: 1 on the worst share ``alpha`` in (0, 1] of the cells of present classes, else 0.

    At least one cell; their number is rounded up. Scaled to mean 1 over the cells of present classes, so that alpha = 1
    is no weighting.

    >>> cvar_weights(torch.tensor([[1.0, 2.0], [4.0, 3.0]]), torch.tensor([True, True]), alpha=0.5)
    tensor([[0., 0.],
            [2., 2.]])
    """
    if not 0 < alpha <= 1:
        raise InputError(f"alpha must lie in (0, 1], got {alpha!r}")
    cells = int(present.sum()) * error.shape[1]
    worst = max(1, -(-round(alpha * cells * 1e6) // 1_000_000))  # rounded up, but not for the last bits of a product
    chosen = torch.where(present[:, None], error, -torch.inf).flatten().topk(min(worst, error.numel())).indices
    weights = torch.zeros_like(error).flatten().index_fill(0, chosen, cells / worst)
    return weights.view_as(error)


def group_dro_update(
    log_weights: Float[Tensor, "C A"], error: Float[Tensor, "C A"], present: Bool[Tensor, " C"], *, step: float
) -> Float[Tensor, "C A"]:
    """Exponentiated-gradient step of group DRO (Sagawa et al., ICLR 2020), a group being a (class, attribute) cell.

    weights x exp(step x error / mean error), for the cells of present classes; then all are divided by the smallest,
    since only their ratios matter (:func:`mean_one_weights`). In and out as logarithms: in float32 a weight that lags
    far enough would be 0, and stay 0 whatever the error of its cell. The errors count in units of their mean, so that
    ``step`` > 0 does not depend on their scale (the paper's losses are around 1; squared errors of unit vectors are
    around 1 / A).

    >>> group_dro_update(torch.zeros(1, 2), torch.tensor([[1.0, 3.0]]), torch.tensor([True]), step=0.1)
    tensor([[0.0000, 0.1000]])
    """
    check_positive("step", step)
    mean = error.sum() / (present.sum() * error.shape[1]).clamp(min=1)
    raised = log_weights + torch.where(present[:, None], step * error / torch.where(mean > 0, mean, 1.0), 0.0)
    return raised - raised.min()  # leads over the last: the small ones, which small steps change, keep their digits


def mean_one_weights(log_weights: Float[Tensor, "C A"], present: Bool[Tensor, " C"]) -> Float[Tensor, "C A"]:
    """The weights of the present classes' cells, at least one, scaled to mean 1 over them; 0 for absent classes.

    However far an absent class is ahead, those that are there share a mean of 1.

    >>> mean_one_weights(torch.tensor([[1.0, 3.0], [1e30, 1.0]]).log(), torch.tensor([True, False]))
    tensor([[0.5000, 1.5000],
            [0.0000, 0.0000]])
    """
    here = torch.where(present[:, None], log_weights, -torch.inf)
    return here.flatten().softmax(0).view_as(here) * (present.sum() * here.shape[1])

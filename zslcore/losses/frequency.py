"""Weights by how frequent a label value is: inverse, square-root-inverse, and smoothed over neighbouring values (LDS).

Deep imbalanced regression's answer to imbalance (Yang et al., ICML 2021), per attribute: classes whose value of an
attribute is rare among the training images weigh more there. Pure functions of the class vectors and class sizes.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from zslcore.errors import InputError
from zslcore.losses.elementwise import check_positive


def label_frequency(
    vectors: Float[Tensor, "C A"], counts: Int[Tensor, " C"], *, bins: int = 20, kernel_width: float = 0.0
) -> Float[Tensor, "C A"]:
    """Training images whose value of an attribute falls into the same bin as the class's, for every class.

    ``counts``: training images of each class. Each attribute's range is cut into ``bins`` of equal width. With
    ``kernel_width`` > 0, in bins, the histogram is first smoothed by a Gaussian of that deviation, cut off at three of
    them (label distribution smoothing, LDS).

    >>> label_frequency(torch.tensor([[0.0], [0.1], [1.0]]), torch.tensor([5, 2, 1]), bins=2).flatten()
    tensor([7., 7., 1.])
    """
    if bins < 1:
        raise InputError(f"bins must be at least 1, got {bins}")
    check_positive("kernel_width", kernel_width, or_zero=True)
    low, high = vectors.amin(0), vectors.amax(0)
    share = (vectors - low) / torch.where(high > low, high - low, 1.0)
    index = (share * bins).long().clamp(max=bins - 1)  # (C, A)
    histogram = torch.zeros(bins, vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
    histogram.scatter_add_(0, index, counts.to(vectors)[:, None].expand_as(vectors).contiguous())
    if kernel_width:
        histogram = F.conv1d(histogram.T[:, None], _gaussian(kernel_width).to(vectors), padding="same")[:, 0].T
    return histogram.gather(0, index)


def _gaussian(width: float) -> Float[Tensor, "1 1 taps"]:
    reach = max(1, round(3 * width))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / width).square())
    return (kernel / kernel.sum())[None, None]


def frequency_weights(
    vectors: Float[Tensor, "C A"],
    counts: Int[Tensor, " C"],
    *,
    power: float = 1.0,
    bins: int = 20,
    kernel_width: float = 0.0,
) -> Float[Tensor, "C A"]:
    """Weight of each class and attribute: frequency^-power, with mean 1 per attribute over the training images.

    ``power`` 1 is inverse, 0.5 square-root-inverse, 0 no weighting. Classes without training images weigh as their
    bin does, or 1 where the bin is empty, and do not enter the mean.

    >>> frequency_weights(torch.tensor([[0.0], [1.0]]), torch.tensor([3, 1])).flatten()
    tensor([0.6667, 2.0000])
    """
    check_positive("power", power, or_zero=True)
    check_counts(counts, vectors)
    frequency = label_frequency(vectors, counts, bins=bins, kernel_width=kernel_width)
    weights = torch.where(frequency > 0, frequency.clamp(min=torch.finfo(vectors.dtype).tiny) ** -power, 0.0)
    mean = (counts.to(vectors)[:, None] * weights).sum(0) / counts.sum()
    return torch.where(frequency > 0, weights / mean, 1.0)


def check_counts(counts: Tensor, vectors: Tensor) -> None:
    """InputError unless ``counts`` has a number of at least 0 for each row of ``vectors``, not all of them 0.

    >>> check_counts(torch.tensor([0, 2]), torch.eye(2))
    """
    if counts.shape != vectors.shape[:1] or counts.sum() < 1 or counts.min() < 0:
        raise InputError("counts must hold the training images of each class, at least one in all")

"""Weights by label frequency: inverse, square-root-inverse, and smoothed over neighbouring values (LDS).

Source: Yang et al., "Delving into Deep Imbalanced Regression", ICML 2021, applied per attribute. A class gets a large
weight for an attribute if few training images have a similar value of that attribute.
"""

import torch
import torch.nn.functional as F

from zslcore.errors import InputError
from zslcore.losses.basic import at_least_float32
from zslcore.losses.checks import check_counts, check_positive
from zslcore.losses.shapes import Cells, Counts


def label_frequency(vectors: Cells, counts: Counts, *, bins: int = 20, kernel_width: float = 0.0) -> Cells:
    """Number of training images in the same bin of attribute values, for each class and attribute.

    There are ``bins`` bins of equal width over the range of an attribute. A ``kernel_width`` above 0 smooths the counts
    with a Gaussian of that deviation, in bins, cut off at three deviations (label distribution smoothing, LDS).

    Example:
        >>> label_frequency(torch.tensor([[0.0], [0.1], [1.0]]), torch.tensor([5, 2, 1]), bins=2).flatten()
        tensor([7., 7., 1.])
    """
    if bins < 1:
        raise InputError(f"bins must be at least 1, got {bins}")
    check_positive("kernel_width", kernel_width, or_zero=True)
    vectors = at_least_float32(vectors)
    low, high = vectors.amin(0), vectors.amax(0)
    share = (vectors - low) / torch.where(high > low, high - low, 1.0)
    index = (share * bins).long().clamp(max=bins - 1)  # (C, A)
    histogram = torch.zeros(bins, vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
    histogram.scatter_add_(0, index, counts.to(vectors)[:, None].expand_as(vectors).contiguous())
    if kernel_width:
        reach = max(1, round(3 * kernel_width))
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / kernel_width).square())
        kernel = (kernel / kernel.sum()).to(vectors)[None, None]
        histogram = F.conv1d(histogram.T[:, None], kernel, padding="same")[:, 0].T
    return histogram.gather(0, index)


def frequency_weights(
    vectors: Cells, counts: Counts, *, power: float = 1.0, bins: int = 20, kernel_width: float = 0.0
) -> Cells:
    """Weight of each class and attribute: frequency^-power, scaled to mean 1 per attribute over the training images.

    Classes without training images get the weight of their bin, or 1 if the bin is empty. ``bins`` and ``kernel_width``
    are those of :func:`label_frequency`.

    Example:
        >>> frequency_weights(torch.tensor([[0.0], [1.0]]), torch.tensor([3, 1])).flatten()
        tensor([0.6667, 2.0000])
    """
    check_positive("power", power, or_zero=True)
    check_counts(counts, vectors)
    vectors = at_least_float32(vectors)  # whole numbers, such as ages, are allowed
    frequency = label_frequency(vectors, counts, bins=bins, kernel_width=kernel_width)
    weights = torch.where(frequency > 0, frequency.clamp(min=torch.finfo(vectors.dtype).tiny) ** -power, 0.0)
    mean = (counts.to(vectors)[:, None] * weights).sum(0) / counts.sum()
    return torch.where(frequency > 0, weights / mean, 1.0)

"""Weights by label frequency: inverse, square-root-inverse, and smoothed over neighbouring values (LDS).

Source: Yang et al., "Delving into Deep Imbalanced Regression", ICML 2021, applied per attribute. A class gets a large
weight for an attribute if few training images have a similar value of that attribute.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from zslcore.losses.basic import at_least_float32
from zslcore.losses.checks import check_counts, check_positive, check_whole
from zslcore.losses.shapes import Cells, Counts


def label_frequency(
    vectors: Shaped[Tensor, "C A"], counts: Counts, *, bins: int = 20, kernel_width: float = 0.0
) -> Cells:
    """Number of training images in the same bin of attribute values, for each class and attribute.

    There are ``bins`` bins of equal width over the range of an attribute, those of :func:`numpy.histogram`. A
    ``kernel_width`` above 0 smooths the counts with a Gaussian of that deviation, in bins, cut off at three deviations
    (label distribution smoothing, LDS).

    Example:
        >>> label_frequency(torch.tensor([[0.0], [0.1], [1.0]]), torch.tensor([5, 2, 1]), bins=2).flatten()
        tensor([7., 7., 1.])
    """
    check_whole("bins", bins)
    check_counts(counts, vectors)
    check_positive("kernel_width", kernel_width, or_zero=True)
    vectors = at_least_float32(vectors)
    columns = [_bin_of_each(values, bins) for values in vectors.detach().cpu().numpy().T]
    index = torch.from_numpy(np.stack(columns, axis=1)).to(vectors.device)  # (C, A)
    histogram = torch.zeros(bins, vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
    histogram.scatter_add_(0, index, counts.to(vectors)[:, None].expand_as(vectors).contiguous())
    if kernel_width:
        reach = max(1, round(3 * kernel_width))
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / kernel_width).square())
        kernel = (kernel / kernel.sum()).to(vectors)[None, None]
        with torch.autocast("cpu", enabled=False):  # on the CPU, because a GPU would round to TF32
            smoothed = F.conv1d(histogram.T[:, None].cpu(), kernel.cpu(), padding="same")[:, 0].T
        histogram = smoothed.to(vectors.device)
    return histogram.gather(0, index)


def _bin_of_each(values: Float[np.ndarray, " C"], bins: int) -> Int[np.ndarray, " C"]:
    """Index of each value's bin; the last bin holds its upper edge too."""
    edges = np.histogram_bin_edges(values, bins)
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)


def frequency_weights(
    vectors: Shaped[Tensor, "C A"], counts: Counts, *, power: float = 1.0, bins: int = 20, kernel_width: float = 0.0
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

"""Balanced MSE (Ren et al., "Balanced MSE for Imbalanced Visual Regression", CVPR 2022): BMC and GAI.

The loss is the negative log-likelihood of the true label given the prediction, times 2 sigma^2. It equals the squared
error plus a term that pushes predictions away from frequent labels. BMC estimates the density of labels from the
batch, GAI from the training set.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from zslcore._io.distributed import all_rows
from zslcore.errors import InputError
from zslcore.losses.basic import at_least_float32, comparable, l2_normalize
from zslcore.losses.checks import check_columns, check_counts, check_tensors, readable
from zslcore.losses.shapes import Counts, Outputs, Scalar, Targets


def bmc_loss(
    prediction: Targets,
    target: Targets,
    *,
    sigma: Float[Tensor, "..."] | float,
    normalize: bool = True,
    shared: bool = False,
) -> Scalar:
    """Batch-based Monte-Carlo Balanced MSE; at least 0. It needs two images or more.

    This is the cross entropy of the logits -\\|prediction_i - target_j\\|^2 / (2 sigma^2) over the images j of the
    batch, times 2 sigma^2. This factor has no gradient, so that a trained sigma fits the noise. Images of one class
    have the same target. With k such images, the cross entropy is at least the constant ln k.

    ``sigma`` is the noise level, above 0: one number for the whole vector, or one per attribute, shape (A,). In the
    latter case, each attribute is a separate problem, and the losses are averaged. With ``shared``, the images j are
    those of all processes, which must have the same number of images.

    Example:
        >>> bmc_loss(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.eye(2), sigma=0.1)
        tensor(0.)
    """
    prediction, target = comparable(prediction, target, normalize=normalize)
    sigma = _checked_sigma(sigma, prediction)
    targets, first = all_rows(target) if shared else (target, 0)
    if len(targets) == 1:  # the softmax over one image is 1, whatever is predicted
        raise InputError("BMC compares with the other images of the batch and needs at least two, got 1; GAI needs one")
    truth = torch.arange(first, first + len(prediction), device=prediction.device)
    if sigma.ndim == 0:
        logits = -_squared_distances(prediction, targets) / (2 * sigma.square())
        return F.cross_entropy(logits, truth) * 2 * sigma.detach().square()
    distances = (prediction[:, None] - targets[None]).square()  # (B, N, A) for N images in all processes
    logits = -distances / (2 * sigma.square())
    losses = F.cross_entropy(logits, truth[:, None].expand_as(prediction), reduction="none")  # (B, A)
    return (losses * 2 * sigma.detach().square()).mean()


def gai_loss(
    prediction: Targets,
    target: Targets,
    vectors: Shaped[Tensor, "C A"],
    counts: Counts,
    *,
    sigma: Scalar | float,
    normalize: bool = True,
) -> Scalar:
    """Balanced MSE with the density of the training labels in closed form; may be negative.

    The paper fits a Gaussian mixture to the labels. Here labels are class vectors v_c, so the density is known exactly:
    each v_c has a probability, which is the class's share of the training images. The loss is the mean over the images
    of

        \\|p - t\\|^2 + 2 sigma^2 ln sum_c share_c exp(-\\|p - v_c\\|^2 / (2 sigma^2))

    ``vectors`` are those of the classes, L2-normalised with ``normalize`` like prediction and target; ``counts`` are
    their numbers of training images; ``sigma`` is the noise, one value above 0.

    Example:
        >>> gai_loss(torch.eye(2), torch.eye(2), torch.eye(2), torch.tensor([1, 1]), sigma=1.0)
        tensor(-0.7598)
    """
    prediction, target = comparable(prediction, target, normalize=normalize)
    sigma = _checked_sigma(sigma, prediction)
    if sigma.ndim:
        raise InputError(f"sigma of GAI must be one number, got shape {tuple(sigma.shape)}")
    check_columns("vectors", vectors, prediction)
    check_tensors(counts=counts, vectors=vectors)
    if readable(counts):
        check_counts(counts, vectors)
    vectors = l2_normalize(at_least_float32(vectors)) if normalize else at_least_float32(vectors)
    variance = sigma.square()
    share = counts.to(prediction) / counts.sum()
    log_share = torch.where(share > 0, share, 1.0).log().masked_fill(share <= 0, -torch.inf)
    density = (log_share - _squared_distances(prediction, vectors) / (2 * variance)).logsumexp(1)
    distance = (prediction - target).square().sum(1)
    return ((distance / (2 * variance) + density) * 2 * variance.detach()).mean()


def _squared_distances(rows: Outputs, others: Float[Tensor, "M A"]) -> Float[Tensor, "B M"]:
    """From differences, not inner products, so that identical rows have distance exactly 0."""
    return (rows[:, None] - others[None]).square().sum(2)


def _checked_sigma(sigma: Tensor | float, prediction: Tensor) -> Tensor:
    try:
        values = torch.as_tensor(sigma, device=prediction.device)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"sigma must be one number or one for each attribute, got {sigma!r:.100}") from None
    if values.shape not in ((), (prediction.shape[1],)):
        raise InputError(f"sigma must be one number or one for each attribute, got shape {tuple(values.shape)}")
    given = sigma if isinstance(sigma, Tensor) else torch.as_tensor(sigma)
    if readable(given) and not bool(((values > 0) & values.isfinite()).all()):
        raise InputError(f"sigma must be finite and above 0, got {given.tolist()!r:.100}")
    return at_least_float32(values)

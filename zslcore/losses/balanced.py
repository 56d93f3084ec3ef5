"""Balanced MSE (Ren et al., "Balanced MSE for Imbalanced Visual Regression", CVPR 2022): BMC and GAI.

Both take the prediction as the centre of a Gaussian of deviation sigma and ask which label it came from, among labels
as they are distributed in training: the negative log-likelihood of the true one, times 2 sigma^2, is the squared error
plus a term that pushes predictions away from where labels are dense. BMC reads that density off the batch, GAI off the
whole training set.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from zslcore._io.distributed import all_rows
from zslcore.errors import InputError
from zslcore.losses.basic import at_least_float32, comparable, l2_normalize
from zslcore.losses.frequency import check_counts


def bmc_loss(
    prediction: Float[Tensor, "B A"],
    target: Float[Tensor, "B A"],
    *,
    sigma: Float[Tensor, "..."] | float,
    normalize: bool = True,
    shared: bool = False,
) -> Float[Tensor, ""]:
    """Batch-based Monte-Carlo Balanced MSE; at least 0.

    Cross entropy of logits -\\|prediction_i - target_j\\|^2 / (2 sigma^2) over the images j of the batch, times
    2 sigma^2. ``sigma`` > 0: one for the whole vector, shape (), or one per attribute, shape (A,), and then each
    attribute is a problem of its own, averaged. The factor has no gradient, so a trained sigma fits the noise.

    Images of one class share a target, and so share the likelihood: with k of them the cross entropy is at least ln k,
    without a gradient of its own.

    ``shared``: the images j are those of all processes, which must have equally many; their targets have no gradient
    then. The average of the processes' losses, as of their gradients, is that of the joined batch.

    >>> bmc_loss(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.eye(2), sigma=0.1)
    tensor(0.)
    """
    sigma = _checked_sigma(sigma, prediction)
    with torch.autocast(prediction.device.type, enabled=False):
        prediction, target = comparable(prediction, target, normalize=normalize)
        targets, first = all_rows(target) if shared else (target, 0)
        truth = torch.arange(first, first + len(prediction), device=prediction.device)
        if sigma.ndim == 0:
            logits = -_squared_distances(prediction, targets) / (2 * sigma.square())
            return F.cross_entropy(logits, truth) * 2 * sigma.detach().square()
        distances = (prediction[:, None] - targets[None]).square()  # (B, N, A), N images in all
        logits = -distances / (2 * sigma.square())
        losses = F.cross_entropy(logits, truth[:, None].expand_as(prediction), reduction="none")  # (B, A)
        return (losses * 2 * sigma.detach().square()).mean()


def gai_loss(
    prediction: Float[Tensor, "B A"],
    target: Float[Tensor, "B A"],
    vectors: Float[Tensor, "C A"],
    counts: Int[Tensor, " C"],
    *,
    sigma: Float[Tensor, ""] | float,
    normalize: bool = True,
) -> Float[Tensor, ""]:
    """Balanced MSE with the density of the training labels in closed form.

    The paper fits a Gaussian mixture to the labels. Here labels are class vectors, so the mixture is known exactly:
    a point at each of ``vectors`` with the share of its training images, ``counts``. Then

        \\|p - t\\|^2 + 2 sigma^2 ln sum_c share_c exp(-\\|p - vectors_c\\|^2 / (2 sigma^2))

    averaged over the images. ``sigma`` > 0 as in :func:`bmc_loss`, of shape ().

    >>> gai_loss(torch.eye(2), torch.eye(2), torch.eye(2), torch.tensor([1, 1]), sigma=1.0)
    tensor(-0.7598)
    """
    sigma = _checked_sigma(sigma, prediction)
    if sigma.ndim:
        raise InputError(f"sigma of GAI must be one number, got shape {tuple(sigma.shape)}")
    if counts.device.type == "cpu":
        check_counts(counts, vectors)
    with torch.autocast(prediction.device.type, enabled=False):
        prediction, target = comparable(prediction, target, normalize=normalize)
        vectors = at_least_float32(vectors)
        vectors = l2_normalize(vectors) if normalize else vectors
        variance = sigma.square()
        share = counts.to(prediction) / counts.sum()
        present = share > 0
        log_share = torch.where(present, share, 1.0).log().masked_fill(~present, -torch.inf)
        density = (log_share - _squared_distances(prediction, vectors) / (2 * variance)).logsumexp(1)
        distance = (prediction - target).square().sum(1)
        return ((distance / (2 * variance) + density) * 2 * variance.detach()).mean()


def _squared_distances(rows: Float[Tensor, "B A"], others: Float[Tensor, "M A"]) -> Float[Tensor, "B M"]:
    """Exact differences, not inner products: identical rows are at distance exactly zero."""
    return (rows[:, None] - others[None]).square().sum(2)


def _checked_sigma(sigma: Tensor | float, prediction: Tensor) -> Tensor:
    values = torch.as_tensor(sigma, device=prediction.device)
    if values.shape not in ((), (prediction.shape[1],)):
        raise InputError(f"sigma must be one number or one for each attribute, got shape {tuple(values.shape)}")
    # on a GPU a look at the values would stop the program until they are there
    on_cpu = not isinstance(sigma, Tensor) or sigma.device.type == "cpu"
    if on_cpu and not bool(((values > 0) & values.isfinite()).all()):
        raise InputError(f"sigma must be finite and above 0, got {torch.as_tensor(sigma).tolist()!r:.100}")
    return at_least_float32(values)

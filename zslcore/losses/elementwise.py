"""Losses that are functions of the error of each cell: absolute, smoothed, robust and focal errors."""

import torch
import torch.nn.functional as F

from zslcore._io.distributed import all_mean
from zslcore.losses.basic import comparable, elementwise_error
from zslcore.losses.checks import check_positive
from zslcore.losses.shapes import Scalar, Targets


def mae_loss(prediction: Targets, target: Targets, *, normalize: bool = True) -> Scalar:
    """Mean absolute error over the B x A cells.

    Example:
        >>> mae_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), normalize=False)
        tensor(1.5000)
    """
    return elementwise_error(prediction, target, kind="mae", normalize=normalize).mean()


def charbonnier_loss(prediction: Targets, target: Targets, *, normalize: bool = True) -> Scalar:
    """Mean of sqrt(error^2 + 1e-10), a smoothed absolute error, which the released code calls RMSE.

    Example:
        >>> charbonnier_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), normalize=False)
        tensor(1.5000)
    """
    return elementwise_error(prediction, target, kind="charbonnier", normalize=normalize).mean()


def rmse_loss(prediction: Targets, target: Targets, *, normalize: bool = True, shared: bool = False) -> Scalar:
    """Root of the mean squared error over the B x A cells; its gradient is 0 if all errors are exactly 0.

    With ``shared``, the mean is over the batches of all processes, which must have the same number of images.

    Example:
        >>> rmse_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), normalize=False)
        tensor(1.5811)
    """
    mean = elementwise_error(prediction, target, normalize=normalize).mean()
    mean = all_mean(mean) if shared else mean  # the mean of the processes' roots would be smaller
    return mean.clamp(min=torch.finfo(mean.dtype).tiny).sqrt()  # the slope of a root at 0 is infinite


def huber_loss(prediction: Targets, target: Targets, *, delta: float = 1.0, normalize: bool = True) -> Scalar:
    """Huber loss (1964): mean of error^2 / 2 up to ``delta`` and of delta (\\|error\\| - delta / 2) beyond it.

    With ``normalize`` the default delta gives exactly MSE / 2: components of unit vectors are around A^-1/2, so that no
    error reaches the linear part. Choose a ``delta`` below A^-1/2 to get another loss.

    Example:
        >>> huber_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), normalize=False)
        tensor(1.)
    """
    check_positive("delta", delta)
    return F.huber_loss(*comparable(prediction, target, normalize=normalize), delta=delta)


def focal_loss(
    prediction: Targets, target: Targets, *, beta: float = 0.2, gamma: float = 1.0, normalize: bool = True
) -> Scalar:
    """Focal-R: mean of sigmoid(beta \\|error\\|)^gamma x error^2.

    Source: Yang et al., "Delving into Deep Imbalanced Regression", ICML 2021, with the squared instead of the absolute
    error. Choose ``beta`` by the scale of the errors: if ``beta`` times the usual error is near 0, the factor is almost
    constant. The default is that of the paper, for ages in years.

    Example:
        >>> focal_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), beta=0.0, normalize=False)  # MSE / 2
        tensor(1.2500)
    """
    check_positive("beta", beta, or_zero=True)
    check_positive("gamma", gamma, or_zero=True)
    prediction, target = comparable(prediction, target, normalize=normalize)
    difference = prediction - target
    return (torch.sigmoid(beta * difference.abs()) ** gamma * difference.square()).mean()

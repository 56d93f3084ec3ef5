"""Regression losses that judge every (image, attribute) cell by itself: absolute, smoothed, robust and focal errors.

All take prediction (B, A) and target (B, A), compare directions unless ``normalize=False``, and compute in float32 at
least, also inside a bf16 autocast region.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from zslcore._io.distributed import all_mean
from zslcore.errors import InputError
from zslcore.losses.basic import comparable, elementwise_error


def mae_loss(
    prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], *, normalize: bool = True
) -> Float[Tensor, ""]:
    """Mean absolute error over the B x A cells.

    >>> mae_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), normalize=False)
    tensor(1.5000)
    """
    return elementwise_error(prediction, target, kind="mae", normalize=normalize).mean()


def charbonnier_loss(
    prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], *, normalize: bool = True
) -> Float[Tensor, ""]:
    """Mean of sqrt(error^2 + 1e-10): a smoothed absolute error, which the released code calls RMSE.

    >>> charbonnier_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), normalize=False)
    tensor(1.5000)
    """
    return elementwise_error(prediction, target, kind="charbonnier", normalize=normalize).mean()


def rmse_loss(
    prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], *, normalize: bool = True, shared: bool = False
) -> Float[Tensor, ""]:
    """Root of the mean squared error over the B x A cells; without gradient where all errors are exactly zero.

    ``shared``: over the batches of all processes, which must have equally many images. All then have the same loss, and
    the average of their gradients is that of the joined batch.

    >>> rmse_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), normalize=False)
    tensor(1.5811)
    """
    mean = elementwise_error(prediction, target, normalize=normalize).mean()
    mean = all_mean(mean) if shared else mean  # a mean of the processes' roots would be smaller
    return mean.clamp(min=torch.finfo(mean.dtype).tiny).sqrt()  # the root's own slope at zero is infinite


def huber_loss(
    prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], *, delta: float = 1.0, normalize: bool = True
) -> Float[Tensor, ""]:
    """Mean of error^2 / 2 up to ``delta`` > 0 and of delta (\\|error\\| - delta / 2) beyond it (Huber 1964).

    With ``normalize`` the default delta is MSE / 2 exactly: components of unit vectors are around A^-1/2, and no error
    gets to the linear part. There a Huber loss that differs needs a ``delta`` of the errors' own size, below A^-1/2.

    >>> huber_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), normalize=False)
    tensor(1.)
    """
    check_positive("delta", delta)
    with torch.autocast(prediction.device.type, enabled=False):
        return F.huber_loss(*comparable(prediction, target, normalize=normalize), delta=delta)


def focal_loss(
    prediction: Float[Tensor, "B A"],
    target: Float[Tensor, "B A"],
    *,
    beta: float = 0.2,
    gamma: float = 1.0,
    normalize: bool = True,
) -> Float[Tensor, ""]:
    """Focal-R: mean of sigmoid(beta \\|error\\|)^gamma x error^2 (Yang et al., "Delving into Deep Imbalanced
    Regression", ICML 2021, with the squared for their absolute error).

    The factor lies in [2^-gamma, 1): at ``beta`` times the usual error near 0 it is constant and changes nothing, so
    ``beta`` has to be chosen by the scale of the errors; the default is the paper's, for ages in years.

    >>> focal_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]), beta=0.0, normalize=False)  # MSE / 2
    tensor(1.2500)
    """
    for name, value in (("beta", beta), ("gamma", gamma)):
        check_positive(name, value, or_zero=True)
    with torch.autocast(prediction.device.type, enabled=False):
        prediction, target = comparable(prediction, target, normalize=normalize)
        difference = prediction - target
        return (torch.sigmoid(beta * difference.abs()) ** gamma * difference.square()).mean()


def check_positive(name: str, value: float, *, or_zero: bool = False) -> None:
    """InputError unless ``value`` is finite and above 0, or at least 0 with ``or_zero``.

    >>> check_positive("delta", 0.5)
    """
    if not (0 <= value < float("inf") if or_zero else 0 < value < float("inf")):
        raise InputError(f"{name} must be a finite number {'of at least' if or_zero else 'above'} 0, got {value!r}")

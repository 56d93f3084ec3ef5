"""What all losses are made of: normalisation, elementwise errors, cosine scores, and the plain losses on them."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from zslcore.errors import InputError

NORM_EPS = 1e-10  # added to the L2 norm, so that an all-zero row stays zero instead of becoming NaN
CHARBONNIER_EPS = 1e-10  # inside the root of the smoothed absolute error; keeps its slope finite at zero

ERROR_KINDS = ("mse", "mae", "charbonnier")


def l2_normalize(values: Float[Tensor, "*batch A"]) -> Float[Tensor, "*batch A"]:
    """Divide each row by its L2 norm (+1e-10); an all-zero row stays zero.

    >>> l2_normalize(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    return values / (values.norm(dim=-1, keepdim=True) + NORM_EPS)


def elementwise_error(
    prediction: Float[Tensor, "B A"],
    target: Float[Tensor, "B A"],
    *,
    kind: str = "mse",
    normalize: bool = True,
) -> Float[Tensor, "B A"]:
    """Error of every (image, attribute) cell, at least in float32, also inside a bf16 autocast region.

    ``kind``: ``"mse"`` (p-t)^2; ``"mae"`` |p-t|; ``"charbonnier"`` sqrt((p-t)^2 + 1e-10), a smoothed absolute
    error, which the released ReMSE code calls RMSE. With ``normalize`` both sides are L2-normalised per image
    first, so that only directions are compared.

    >>> elementwise_error(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]), normalize=False)
    tensor([[1., 4.]])
    """
    if kind not in ERROR_KINDS:
        raise InputError(f"kind must be one of {', '.join(ERROR_KINDS)}, got {kind!r}")
    with torch.autocast(prediction.device.type, enabled=False):
        prediction, target = comparable(prediction, target, normalize=normalize)
        difference = prediction - target
        if kind == "mse":
            return difference.square()
        if kind == "mae":
            return difference.abs()
        return (difference.square() + CHARBONNIER_EPS).sqrt()


def comparable(
    prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], *, normalize: bool
) -> tuple[Float[Tensor, "B A"], Float[Tensor, "B A"]]:
    """Both sides as a loss compares them: checked, at least float32, of unit length with ``normalize``.

    To be called with autocast off, as :func:`elementwise_error` does. Raises InputError for shapes that differ, and
    where there is no image or no attribute.

    >>> comparable(torch.tensor([[3.0, 4.0]], dtype=torch.bfloat16), torch.tensor([[0.0, 2.0]]), normalize=True)
    (tensor([[0.6000, 0.8000]]), tensor([[0., 1.]]))
    """
    if prediction.shape != target.shape or prediction.ndim != 2:
        raise InputError(
            "prediction and target must have one shape (images, attributes), "
            f"got {tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if not prediction.numel():
        raise InputError(f"prediction must hold at least one image and one attribute, got {tuple(prediction.shape)}")
    prediction, target = at_least_float32(prediction), at_least_float32(target)
    return (l2_normalize(prediction), l2_normalize(target)) if normalize else (prediction, target)


def at_least_float32(values: Tensor) -> Tensor:
    """float32 and float64 as they are, other types as float32; any shape.

    >>> at_least_float32(torch.tensor([1 / 3], dtype=torch.bfloat16))  # the digits that bfloat16 lost stay lost
    tensor([0.3340])
    >>> at_least_float32(torch.zeros(1, dtype=torch.float64)).dtype
    torch.float64
    """
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def mse_loss(
    prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], *, normalize: bool = True
) -> Float[Tensor, ""]:
    """Mean squared error over the B x A cells; with ``normalize`` it equals (2/A)(1 - cosine), see 03_theory.

    >>> mse_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]))  # orthogonal, A = 2
    tensor(1.)
    """
    return elementwise_error(prediction, target, kind="mse", normalize=normalize).mean()


def cosine_scores(
    prediction: Float[Tensor, "B A"], attributes: Float[Tensor, "C A"], *, scale: float
) -> Float[Tensor, "B C"]:
    """Score of every class: ``scale * cos(prediction, class attributes)``, in [-scale, scale].

    >>> cosine_scores(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]]), scale=20.0)
    tensor([[20.,  0.]])
    """
    with torch.autocast(prediction.device.type, enabled=False):
        prediction, attributes = at_least_float32(prediction), at_least_float32(attributes)
        return scale * l2_normalize(prediction) @ l2_normalize(attributes).T


def cosine_cross_entropy(
    prediction: Float[Tensor, "B A"],
    attributes: Float[Tensor, "C A"],
    labels: Int[Tensor, " B"],
    *,
    scale: float,
) -> Float[Tensor, ""]:
    """Cross entropy of the scaled cosine scores over the classes given (the seen ones, in training).

    >>> cosine_cross_entropy(torch.eye(2), torch.eye(2), torch.tensor([0, 1]), scale=20.0).item() < 1e-6
    True
    """
    return F.cross_entropy(cosine_scores(prediction, attributes, scale=scale), labels)

"""The parts that all losses share: normalisation, elementwise errors, cosine scores, and the plain losses on them."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from zslcore._io.distributed import all_sum
from zslcore.errors import InputError
from zslcore.losses.checks import (
    check_columns,
    check_labels,
    check_no_gaps,
    check_outputs,
    check_tensors,
    counted_cells,
)
from zslcore.losses.shapes import Cells, Labels, Mask, Outputs, SampleWeight, Scalar, Targets

NORM_EPS = 1e-10  # added to the L2 norm, so that an all-zero row stays zero instead of becoming NaN
LARGEST_SQUARED = 1e15  # rows with larger values are scaled down before their norm
CHARBONNIER_EPS = 1e-10  # added inside the root of the smoothed absolute error, so that its slope at 0 is finite

ERROR_KINDS = ("mse", "mae", "charbonnier")


def l2_normalize(values: Float[Tensor, "*batch A"]) -> Float[Tensor, "*batch A"]:
    """Divide each row by its L2 norm (+1e-10), in at least float32; an all-zero row stays zero.

    Example:
        >>> l2_normalize(torch.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    values = at_least_float32(values)
    largest = values.detach().abs().amax(-1, keepdim=True) if values.shape[-1] else 1.0
    scale = torch.where(largest > LARGEST_SQUARED, largest, 1.0)  # large squares overflow; a scale of 1 changes no bit
    values = values / scale
    return values / (values.norm(dim=-1, keepdim=True) + NORM_EPS)


def elementwise_error(prediction: Targets, target: Targets, *, kind: str = "mse", normalize: bool = True) -> Outputs:
    """Error of every (image, attribute) cell.

    Args:
        kind: ``"mse"`` (p-t)^2; ``"mae"`` |p-t|; ``"charbonnier"`` sqrt((p-t)^2 + 1e-10), a smoothed absolute error,
            which the released ReMSE code calls RMSE.
        normalize: L2-normalise prediction and target per image first.

    Example:
        >>> elementwise_error(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]), normalize=False)
        tensor([[1., 4.]])
    """
    if kind not in ERROR_KINDS:
        raise InputError(f"kind must be one of {', '.join(ERROR_KINDS)}, got {kind!r}")
    prediction, target = comparable(prediction, target, normalize=normalize)
    difference = prediction - target
    if kind == "mse":
        return difference.square()
    if kind == "mae":
        return difference.abs()
    return (difference.square() + CHARBONNIER_EPS).sqrt()


def counted_error(
    prediction: Targets,
    target: Targets,
    *,
    kind: str,
    normalize: bool,
    mask: Mask | None,
    sample_weight: SampleWeight | None,
) -> tuple[Outputs, Outputs]:
    """Error and weight of every cell. A cell that does not count has error 0, weight 0 and no gradient."""
    check_outputs(prediction, target, normalize=normalize)
    left_out = ~counted_cells(target, mask, sample_weight)
    # before any arithmetic, because the gradient of a NaN stays NaN when it is multiplied by 0
    prediction, target = prediction.masked_fill(left_out, 0), target.masked_fill(left_out, 0)
    error = elementwise_error(prediction, target, kind=kind, normalize=normalize).masked_fill(left_out, 0)
    weight = torch.ones_like(error) if sample_weight is None else sample_weight.to(error)[:, None].expand_as(error)
    return error, weight.masked_fill(left_out, 0)


def comparable(prediction: Targets, target: Targets, *, normalize: bool) -> tuple[Outputs, Outputs]:
    """Check prediction and target, convert them to at least float32, and normalise them if asked."""
    check_outputs(prediction, target, normalize=normalize)
    check_no_gaps(target)
    prediction, target = at_least_float32(prediction), at_least_float32(target)
    return (l2_normalize(prediction), l2_normalize(target)) if normalize else (prediction, target)


def at_least_float32(values: Tensor) -> Tensor:
    """Leave float32 and float64 as they are, and convert all other types to float32."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def loss_ratio(weighted: Scalar, plain: Scalar) -> Scalar:
    """Weighted loss over plain loss, of all processes together; 1 for a plain loss of 0, NaN if one is not finite."""
    weighted, plain = all_sum(torch.stack([weighted.detach(), plain.detach()]))
    ratio = torch.where(weighted.isfinite(), weighted / plain, torch.nan)
    return torch.where(plain == 0, 1.0, ratio)


def mse_loss(prediction: Outputs, target: Outputs, *, normalize: bool = True) -> Scalar:
    """Mean squared error over the B x A cells; with ``normalize`` it equals (2/A)(1 - cosine), see 03_theory.

    Example:
        >>> mse_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]))  # orthogonal, A = 2
        tensor(1.)
    """
    return elementwise_error(prediction, target, kind="mse", normalize=normalize).mean()


def cosine_scores(prediction: Outputs, attributes: Cells, *, scale: float) -> Float[Tensor, "B C"]:
    """Score of every class: ``scale * cos(prediction, class attributes)``, in [-scale, scale].

    Example:
        >>> cosine_scores(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]]), scale=20.0)
        tensor([[20.,  0.]])
    """
    check_tensors(prediction=prediction, attributes=attributes)
    check_columns("attributes", attributes, prediction)
    with torch.autocast(prediction.device.type, enabled=False):
        prediction, attributes = l2_normalize(prediction), l2_normalize(attributes)
        dtype = torch.promote_types(prediction.dtype, attributes.dtype)  # a matrix product needs one
        return scale * prediction.to(dtype) @ attributes.to(dtype).T


def cosine_cross_entropy(prediction: Outputs, attributes: Cells, labels: Labels, *, scale: float) -> Scalar:
    """Cross entropy of the scaled cosine scores over the given classes (in training: the seen classes).

    Example:
        >>> cosine_cross_entropy(torch.eye(2), torch.eye(2), torch.tensor([0, 1]), scale=1.0)  # ln(1 + exp(-1))
        tensor(0.3133)
    """
    scores = cosine_scores(prediction, attributes, scale=scale)
    if not scores.numel():
        raise InputError(f"prediction must hold at least one image, and attributes one class, got {len(prediction)}")
    return F.cross_entropy(scores, check_labels(labels, *scores.shape))

"""The weights of ReMSE, from the mean error of each class and attribute; :mod:`zslcore.remse` has the formula."""

import torch
from jaxtyping import Float
from torch import Tensor

from zslcore._io.numbers import is_number
from zslcore.errors import InputError
from zslcore.losses.basic import at_least_float32
from zslcore.losses.checks import check_exponents, check_tensors
from zslcore.losses.shapes import Cells

REFERENCES = ("min", "mean", "median")


def remse_weights(error: Cells, *, p: float, p2: float, reference: str | float = "min") -> Cells:
    """Weight of each class and attribute, at least 1; exactly 1 for cells without a measured error (0, inf or NaN).

    The weights have no gradient, and do not change if all errors are multiplied by a constant.

    Args:
        error: mean errors, (C, A).
        p: exponent that balances classes within an attribute, >= 0.
        p2: exponent that balances attributes within a class, >= 0.
        reference: ``"min"`` (the paper), or the less noisy ``"mean"``, ``"median"`` or a quantile in (0, 1); cells
            below the reference get weight 1.

    Example:
        >>> remse_weights(torch.tensor([[1.0, 1.0], [torch.e, 1.0], [0.0, 0.0]]), p=1, p2=0)
        tensor([[1., 1.],
                [2., 1.],
                [1., 1.]])
    """
    check_tensors(error=error)
    if error.ndim != 2 or not error.numel():
        raise InputError(f"error must have shape (classes, attributes) without a 0, got {tuple(error.shape)}")
    check_exponents(p, p2)
    check_reference(reference)
    error = at_least_float32(error.detach())  # half precision is too coarse for ratios
    # a ratio of errors can overflow float32, a logarithm cannot; cells without a measured error are never a minimum
    log_error = error.log().nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=torch.inf)
    between_classes = _balancing(error, log_error, reference, exponent=p, dim=0)
    between_attributes = _balancing(error, log_error, reference, exponent=p2, dim=1)
    return (between_classes * between_attributes).nan_to_num(nan=1.0, posinf=1.0)


def _balancing(error: Cells, log_error: Cells, reference: str | float, *, exponent: float, dim: int) -> Cells:
    """``(1 + ln(error / reference)) ** exponent`` along ``dim``; infinite or NaN for cells without a measured error."""
    if reference == "min":
        excess = log_error - log_error.amin(dim, keepdim=True)
    else:
        excess = (log_error - _log_reference(error, log_error, reference, dim)).clamp(min=0)
    return (1 + excess) ** exponent


def _log_reference(error: Cells, log_error: Cells, reference: str | float, dim: int) -> Float[Tensor, "..."]:
    """Logarithm of the mean, the median or a quantile of the measured errors along ``dim``."""
    valid = log_error.isfinite()
    if reference == "mean":
        return (torch.where(valid, error, 0.0).sum(dim, keepdim=True) / valid.sum(dim, keepdim=True).clamp(min=1)).log()
    # the same as torch.nanquantile, which cannot be compiled in one graph
    ordered = torch.where(valid, log_error, torch.inf).sort(dim).values
    quantile = 0.5 if reference == "median" else float(reference)
    rank = quantile * (valid.sum(dim, keepdim=True) - 1).clamp(min=0).to(log_error.dtype)
    below, above = ordered.gather(dim, rank.floor().long()), ordered.gather(dim, rank.ceil().long())
    return below.lerp(above, rank.frac())


def check_reference(reference: str | float) -> None:
    """Check ReMSE's reference: a word of ``REFERENCES`` or a quantile in (0, 1)."""
    named = isinstance(reference, str) and reference in REFERENCES
    if not named and not is_number(reference):
        raise InputError(f"reference must be one of {', '.join(REFERENCES)} or a quantile in (0, 1), got {reference!r}")
    if not named and not 0 < reference < 1:
        raise InputError(f"reference given as a quantile must lie in (0, 1), got {reference!r}")

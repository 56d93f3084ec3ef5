"""All regression losses by name. The keyword arguments of a loss's builder are its options."""

import functools
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from zslcore.errors import InputError
from zslcore.losses import charbonnier_loss, focal_loss, frequency_weights, huber_loss, mae_loss, mse_loss, rmse_loss
from zslcore.losses.checks import check_counts, check_normalize
from zslcore.losses.modules import BMC, GAI, Criterion, CVaR, GroupDRO, Uncertainty, WeightedMSE
from zslcore.losses.shapes import Cells, Counts
from zslcore.remse import ReMSE


def _remse(control: str) -> Callable[..., nn.Module]:
    def build(vectors: Cells, counts: Counts, *, normalize: bool, **options: Any) -> nn.Module:
        return ReMSE(*vectors.shape, normalize=normalize, control=control, **options)

    return build


CRITERIA = {
    "mse": lambda vectors, counts, *, normalize: Criterion(partial(mse_loss, normalize=normalize), amplification=1.0),
    "mae": lambda vectors, counts, *, normalize: Criterion(partial(mae_loss, normalize=normalize)),
    "charbonnier": lambda vectors, counts, *, normalize: Criterion(partial(charbonnier_loss, normalize=normalize)),
    "rmse": lambda vectors, counts, *, normalize: Criterion(partial(rmse_loss, normalize=normalize), shared=True),
    "huber": lambda vectors, counts, *, normalize, delta=1.0: Criterion(
        partial(huber_loss, delta=delta, normalize=normalize)
    ),
    "focal": lambda vectors, counts, *, normalize, beta=0.2, gamma=1.0: Criterion(
        partial(focal_loss, beta=beta, gamma=gamma, normalize=normalize)
    ),
    "inverse": lambda vectors, counts, *, normalize, bins=20: WeightedMSE(
        frequency_weights(vectors, counts, power=1.0, bins=bins), normalize=normalize
    ),
    "sqrt_inverse": lambda vectors, counts, *, normalize, bins=20: WeightedMSE(
        frequency_weights(vectors, counts, power=0.5, bins=bins), normalize=normalize
    ),
    "lds": lambda vectors, counts, *, normalize, bins=20, kernel_width=2.0: WeightedMSE(
        frequency_weights(vectors, counts, bins=bins, kernel_width=kernel_width), normalize=normalize
    ),
    "bmc": lambda vectors, counts, *, normalize, sigma=0.1: BMC((), sigma=sigma, normalize=normalize),
    "bmc_per_attribute": lambda vectors, counts, *, normalize, sigma=0.1: BMC(
        vectors.shape[1:], sigma=sigma, normalize=normalize
    ),
    "gai": lambda vectors, counts, *, normalize, sigma=0.1: GAI(vectors, counts, sigma=sigma, normalize=normalize),
    "uncertainty": lambda vectors, counts, *, normalize: Uncertainty(vectors.shape[1], normalize=normalize),
    "group_dro": lambda vectors, counts, *, normalize, step=0.01: GroupDRO(
        vectors.shape, step=step, normalize=normalize
    ),
    "cvar": lambda vectors, counts, *, normalize, alpha=0.2: CVaR(vectors.shape, alpha=alpha, normalize=normalize),
    "remse": _remse("none"),
    "remse_permuted": _remse("permuted"),
    "remse_random": _remse("random"),
}
_NO_OPTIONS = ("vectors", "counts", "num_classes", "num_attributes", "normalize", "control")


def criterion_options(name: str) -> dict[str, Any]:
    """Options of a loss and their defaults; ``inspect.Parameter.empty`` for required options (ReMSE's p, p2).

    Example:
        >>> criterion_options("huber"), list(criterion_options("remse"))[:3]
        ({'delta': 1.0}, ['p', 'p2', 'kind'])
    """
    if name not in CRITERIA:
        raise InputError(f"loss must be one of {', '.join(CRITERIA)}, got {name!r}")
    parameters = _parameters(ReMSE if name.startswith("remse") else CRITERIA[name])
    return {option: parameter.default for option, parameter in parameters.items() if option not in _NO_OPTIONS}


@functools.cache
def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def build_criterion(name: str, vectors: Cells, counts: Counts, *, normalize: bool = True, **options: Any) -> nn.Module:
    """Build a regression loss as a module: ``criterion(prediction (B, A), target (B, A), labels (B,))`` -> scalar.

    Args:
        name: one of ``CRITERIA``.
        vectors: attribute vector of each class that labels index.
        counts: number of training images of each class.
        normalize: compare prediction and target as directions.
        options: as listed by :func:`criterion_options`.

    Example:
        >>> import torch
        >>> criterion = build_criterion("cvar", torch.rand(4, 6), torch.tensor([5, 5, 5, 5]), alpha=0.1)
        >>> criterion(torch.rand(8, 6), torch.rand(8, 6), torch.arange(8) % 4).shape
        torch.Size([])
    """
    known = criterion_options(name)
    for option in options:
        if option not in known:
            raise InputError(f"options of {name} must be among: {', '.join(known) or 'none'}; got {option!r}")
    missing = [option for option in known if known[option] is inspect.Parameter.empty and option not in options]
    if missing:
        raise InputError(f"{name} needs the options {', '.join(missing)}")
    check_counts(counts, vectors)
    check_normalize(normalize, vectors.shape[1])
    criterion = CRITERIA[name](vectors, counts, normalize=normalize, **options)
    if isinstance(criterion, Criterion):
        criterion.function(vectors[:1], vectors[:1])  # raises for an option out of range now, not in the first step
    return criterion

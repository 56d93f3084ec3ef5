"""All regression losses by name: :func:`build_criterion` makes a module of any of ``CRITERIA``.

Each is called as ``criterion(prediction, target, labels)`` and has an ``amplification``, see
:mod:`zslcore.losses.modules`. What a loss needs to know of the training set, its class vectors and class sizes, is
given once.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zslcore.errors import InputError
from zslcore.losses import charbonnier_loss, focal_loss, frequency_weights, huber_loss, mae_loss, mse_loss, rmse_loss
from zslcore.losses.modules import BMC, GAI, Criterion, CVaR, GroupDRO, Uncertainty, WeightedMSE
from zslcore.remse import ReMSE

_FUNCTIONS = {
    "mse": mse_loss,
    "mae": mae_loss,
    "charbonnier": charbonnier_loss,
    "rmse": rmse_loss,
    "huber": huber_loss,
    "focal": focal_loss,
}
_POWERS = {"inverse": 1.0, "sqrt_inverse": 0.5, "lds": 1.0}  # exponents of the label frequency
_CONTROLS = {"remse": "none", "remse_permuted": "permuted", "remse_random": "random"}
_OTHERS = {
    "bmc": BMC,
    "bmc_per_attribute": BMC,
    "gai": GAI,
    "uncertainty": Uncertainty,
    "group_dro": GroupDRO,
    "cvar": CVaR,
}
CRITERIA = (*_FUNCTIONS, *_POWERS, *_OTHERS, *_CONTROLS)
_SET_HERE = ("normalize", "control", "power", "shared")  # not options: given for all losses, or by the name or mode


def criterion_options(name: str) -> dict[str, Any]:
    """Options of a loss and their defaults; ``inspect.Parameter.empty`` for those that must be given (ReMSE's p, p2).

    >>> criterion_options("huber")
    {'delta': 1.0}
    >>> list(criterion_options("remse"))[:3]
    ['p', 'p2', 'kind']
    """
    if name not in CRITERIA:
        raise InputError(f"loss must be one of {', '.join(CRITERIA)}, got {name!r}")
    source: Callable = {**_FUNCTIONS, **_OTHERS}.get(name, ReMSE if name in _CONTROLS else frequency_weights)
    parameters = inspect.signature(source).parameters.values()
    options = {
        one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY and one.name not in _SET_HERE
    }
    if name == "lds":
        return options | {"kernel_width": 2.0}
    return options if name not in _POWERS else {"bins": options["bins"]}


def build_criterion(
    name: str, vectors: Float[Tensor, "C A"], counts: Int[Tensor, " C"], *, normalize: bool = True, **options: Any
) -> nn.Module:
    """A regression loss as a module: ``criterion(prediction (B, A), target (B, A), labels (B,))`` -> scalar.

    ``vectors``: attribute vectors of the classes that labels index; ``counts``: training images of each. With
    ``normalize`` prediction and target are compared as directions. ``options`` as :func:`criterion_options` lists them.
    Raises InputError for an unknown name, option or value.

    >>> criterion = build_criterion("cvar", torch.rand(4, 6), torch.tensor([5, 5, 5, 5]), alpha=0.1)
    >>> criterion(torch.rand(8, 6), torch.rand(8, 6), torch.arange(8) % 4).shape
    torch.Size([])
    """
    known = criterion_options(name)
    for option in options:
        if option not in known:
            raise InputError(f"options of {name} must be among: {', '.join(known) or 'none'}; got {option!r}")
    missing = [
        option for option, default in known.items() if default is inspect.Parameter.empty and option not in options
    ]
    if missing:
        raise InputError(f"{name} needs the options {', '.join(missing)}")
    options = {"normalize": normalize} | options
    if name in _FUNCTIONS:
        function = partial(_FUNCTIONS[name], **options)
        function(vectors[:1], vectors[:1])  # an option out of range is named now rather than in the first step
        return Criterion(function, amplification=1.0 if name == "mse" else torch.nan, shared=name == "rmse")
    if name in _CONTROLS:
        return ReMSE(*vectors.shape, control=_CONTROLS[name], **options)
    if name in _POWERS:
        del options["normalize"]
        weights = frequency_weights(vectors, counts, power=_POWERS[name], **(known | options))
        return WeightedMSE(weights, normalize=normalize)
    arguments = {
        "bmc": ((),),
        "bmc_per_attribute": ((vectors.shape[1],),),
        "gai": (vectors, counts),
        "uncertainty": (vectors.shape[1],),
    }
    return _OTHERS[name](*arguments.get(name, (tuple(vectors.shape),)), **options)

"""Regression losses as modules of one signature, ``criterion(prediction, target, labels)`` -> scalar.

For losses with state or parameters, and for any function of prediction and target. ``amplification``: how far a
module's weights raised the mean squared error in the last training batch, which is what they did to the effective
lambda; NaN for losses that are no weighted MSE.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zslcore.losses.balanced import bmc_loss, gai_loss
from zslcore.losses.basic import elementwise_error
from zslcore.losses.cells import all_sum, cvar_weights, group_dro_update, mean_by_class
from zslcore.losses.elementwise import check_positive


class Criterion(nn.Module):
    """A loss that is a function of prediction and target alone.

    >>> criterion = Criterion(lambda prediction, target: (prediction - target).square().mean())
    >>> criterion(torch.eye(2), torch.eye(2), torch.tensor([0, 1]))
    tensor(0.)
    """

    def __init__(self, function: Callable[..., Tensor], *, amplification: float = math.nan) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("amplification", torch.tensor(amplification))

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Int[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch; labels do not matter."""
        return self.function(prediction, target)


class WeightedMSE(nn.Module):
    """Mean of weight x squared error, with a weight for each class and attribute; base of those that learn theirs."""

    def __init__(self, weights: Float[Tensor, "C A"], *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize
        self.register_buffer("weights", weights.clone())
        self.register_buffer("amplification", torch.ones(()))

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Int[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch."""
        error = elementwise_error(prediction, target, normalize=self.normalize)
        cells = self.cell_weights(error.detach(), labels).to(error)
        loss = (cells[labels] * error).mean()
        if self.training:
            with torch.no_grad():
                weighted, plain = all_sum(len(labels) * torch.stack([loss.detach(), error.detach().mean()]))
                self.amplification.copy_(torch.where(plain > 0, weighted / plain, 1.0))
        return loss

    def cell_weights(self, error: Float[Tensor, "B A"], labels: Int[Tensor, " B"]) -> Float[Tensor, "C A"]:
        """Weights for this batch."""
        return self.weights


class _OverCells(WeightedMSE):
    """A weighted mean over the cells of a batch's classes, each cell counting the same however many images it has."""

    @torch.no_grad()
    def cell_weights(self, error: Float[Tensor, "B A"], labels: Int[Tensor, " B"]) -> Float[Tensor, "C A"]:
        matrix, count = mean_by_class(error, labels, len(self.weights), shared=self.training)
        present = count > 0
        weights = self.of_cells(matrix, present)
        # the mean over images counts a cell by its images; this factor undoes it
        return weights * (count.sum() / (count.clamp(min=1) * present.sum().clamp(min=1)))[:, None]

    def of_cells(self, matrix: Tensor, present: Tensor) -> Tensor:
        """Weights of the cells, of mean 1 over those present."""
        raise NotImplementedError


class GroupDRO(_OverCells):
    """Group DRO over (class, attribute) cells: weights that grow with the error of a cell, kept between steps."""

    def __init__(self, shape: tuple[int, int], *, step: float = 0.01, normalize: bool = True) -> None:
        super().__init__(torch.ones(shape), normalize=normalize)
        check_positive("step", step)
        self.step = step

    def of_cells(self, matrix: Tensor, present: Tensor) -> Tensor:
        """The weights after this batch, scaled to mean 1 over its classes."""
        if self.training:
            self.weights.copy_(group_dro_update(self.weights.to(matrix), matrix, present, step=self.step))
        weights = self.weights.to(matrix)
        return weights / weights[present].mean().clamp(min=torch.finfo(weights.dtype).tiny)


class CVaR(_OverCells):
    """Mean over the worst share ``alpha`` of the (class, attribute) cells of a batch."""

    def __init__(self, shape: tuple[int, int], *, alpha: float = 0.2, normalize: bool = True) -> None:
        super().__init__(torch.ones(shape), normalize=normalize)
        cvar_weights(torch.ones(1, 1), torch.ones(1, dtype=torch.bool), alpha=alpha)  # names what is allowed
        self.alpha = alpha

    def of_cells(self, matrix: Tensor, present: Tensor) -> Tensor:
        """Equal weights on the worst cells."""
        return cvar_weights(matrix, present, alpha=self.alpha)


class BMC(nn.Module):
    """Batch-based Balanced MSE with a sigma that trains, as its logarithm: one, or one for each attribute."""

    def __init__(self, shape: tuple[int, ...] = (), *, sigma: float = 0.1, normalize: bool = True) -> None:
        super().__init__()
        check_positive("sigma", sigma)
        self.normalize = normalize
        self.log_sigma = nn.Parameter(torch.full(shape, math.log(sigma)))
        self.register_buffer("amplification", torch.tensor(math.nan))

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Int[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch; labels do not matter."""
        return bmc_loss(prediction, target, sigma=self.log_sigma.exp(), normalize=self.normalize)


class GAI(nn.Module):
    """Balanced MSE with the labels' density in closed form (:func:`gai_loss`) and a sigma that trains."""

    def __init__(
        self, vectors: Float[Tensor, "C A"], counts: Int[Tensor, " C"], *, sigma: float = 0.1, normalize: bool = True
    ) -> None:
        super().__init__()
        check_positive("sigma", sigma)
        self.normalize = normalize
        self.register_buffer("vectors", vectors.clone())
        self.register_buffer("counts", counts.clone())
        self.log_sigma = nn.Parameter(torch.tensor(math.log(sigma)))
        self.register_buffer("amplification", torch.tensor(math.nan))

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Int[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch; labels do not matter."""
        settings = {"sigma": self.log_sigma.exp(), "normalize": self.normalize}
        return gai_loss(prediction, target, self.vectors, self.counts, **settings)


class Uncertainty(nn.Module):
    """Homoscedastic uncertainty weighting (Kendall, Gal and Cipolla, CVPR 2018): mean of exp(-s_a) error^2 + s_a.

    The log-variance s_a of each attribute is a parameter; at the optimum exp(s_a) is the mean squared error of a.
    """

    def __init__(self, num_attributes: int, *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize
        self.log_variance = nn.Parameter(torch.zeros(num_attributes))
        self.register_buffer("amplification", torch.tensor(math.nan))

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Int[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch, which may be negative; labels do not matter."""
        error = elementwise_error(prediction, target, normalize=self.normalize)
        return ((-self.log_variance).exp() * error + self.log_variance).mean()

"""Regression losses as modules: ``criterion(prediction (B, A), target (B, A), labels (B,))`` -> scalar.

The buffer ``amplification`` is the weighted loss divided by the plain loss in the last training batch: the factor by
which the weights raise the mean squared error and therefore the effective lambda. It is NaN for losses that are not a
weighted MSE.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zslcore._io.numbers import is_number
from zslcore.errors import InputError
from zslcore.losses.balanced import bmc_loss, gai_loss
from zslcore.losses.basic import at_least_float32, elementwise_error, loss_ratio
from zslcore.losses.cells import cvar_weights, group_dro_update, mean_by_class, mean_one_weights
from zslcore.losses.checks import check_labels, check_positive, check_tensors, check_weights, check_whole
from zslcore.losses.shapes import Cells, Counts, Labels, Outputs, Scalar, Targets
from zslcore.losses.state import Stateful

SIGMA_RANGE = (1e-6, 1e6)  # the square, and its reciprocal, stay far from the limits of float32


class Criterion(nn.Module):
    """A loss that ignores the labels.

    Args:
        function: loss of prediction and target.
        amplification: see :mod:`zslcore.losses.modules`.
        shared: the loss is not a mean over images, so ``function`` takes the keyword ``shared``, which is True in
            training mode, to compute it over the joined batch of all processes.
    """

    def __init__(self, function: Callable[..., Tensor], *, amplification: float = math.nan, shared: bool = False):
        super().__init__()
        self.function, self.shared = function, shared
        self.register_buffer("amplification", torch.tensor(amplification), persistent=False)

    def forward(self, prediction: Targets, target: Targets, labels: Labels) -> Scalar:
        """Loss of a batch."""
        if self.shared:
            return self.function(prediction, target, shared=self.training)
        return self.function(prediction, target)


class WeightedMSE(Stateful):
    """Mean of weight x squared error, with a fixed weight, at least 0, for each class and attribute.

    Example:
        >>> criterion = WeightedMSE(torch.tensor([[1.0, 3.0]]), normalize=False)  # one class, two attributes
        >>> loss = criterion(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2), torch.tensor([0]))
        >>> loss, criterion.amplification  # (1 x 1 + 3 x 4) / 2; the plain loss is (1 + 4) / 2
        (tensor(6.5000), tensor(2.6000))
    """

    def __init__(self, weights: Cells, *, normalize: bool = True) -> None:
        super().__init__()
        check_weights(weights)
        self.normalize = normalize
        self.register_buffer("weights", at_least_float32(weights).clone())
        self.register_buffer("amplification", torch.ones(()), persistent=False)

    def forward(self, prediction: Targets, target: Targets, labels: Labels) -> Scalar:
        """Loss of a batch."""
        error = elementwise_error(prediction, target, normalize=self.normalize)
        labels = check_labels(labels, len(error), len(self.weights))
        if self.weights.shape[1] != error.shape[1]:
            raise InputError(f"weights must be for {error.shape[1]} attributes, got {self.weights.shape[1]}")
        cells = self.cell_weights(error.detach(), labels).to(error)
        loss = (cells[labels] * error).mean()
        if self.training:
            self.amplification.copy_(loss_ratio(loss, error.mean()))
        return loss

    def cell_weights(self, error: Outputs, labels: Labels) -> Cells:
        """Weights for this batch."""
        return self.weights


class _OverCells(WeightedMSE):
    """Weighted mean over the cells of the batch's classes; the number of images in a cell does not matter."""

    @torch.no_grad()
    def cell_weights(self, error: Outputs, labels: Labels) -> Cells:
        matrix, count = mean_by_class(error, labels, len(self.weights), shared=self.training)
        present = count > 0
        weights = self._of_cells(matrix, present)  # of mean 1 over the cells of present classes
        # the mean over images weights a cell by its number of images; this factor cancels that
        return weights * (count.sum() / (count.clamp(min=1) * present.sum().clamp(min=1)))[:, None]


class GroupDRO(_OverCells):
    """Group DRO over the cells of a (C, A) ``shape``, see :func:`zslcore.losses.cells.group_dro_update`.

    In each batch, the weights are scaled to mean 1 over the cells of the batch's classes. The buffer ``log_weights``
    has their logarithms, up to a constant, and changes in training mode only. The buffer ``weights`` is for inspection:
    the same weights with mean 1 over all cells.
    """

    def __init__(self, shape: tuple[int, int], *, step: float = 0.01, normalize: bool = True) -> None:
        super().__init__(torch.ones(shape), normalize=normalize)
        check_positive("step", step)
        self.step = step
        self.register_buffer("log_weights", torch.zeros_like(self.weights))

    def reset_parameters(self) -> None:
        """Reset the weights."""
        self.log_weights.fill_(0)
        self.weights.fill_(1)

    def _of_cells(self, matrix: Tensor, present: Tensor) -> Tensor:
        if self.training:
            self.log_weights.copy_(group_dro_update(self.log_weights.to(matrix), matrix, present, step=self.step))
            self.weights.copy_(mean_one_weights(self.log_weights, torch.ones_like(present)))
        return mean_one_weights(self.log_weights.to(matrix), present)


class CVaR(_OverCells):
    """Mean over the worst share ``alpha`` of a batch's cells, see :func:`zslcore.losses.cvar_weights`."""

    def __init__(self, shape: tuple[int, int], *, alpha: float = 0.2, normalize: bool = True) -> None:
        super().__init__(torch.ones(shape), normalize=normalize)
        cvar_weights(torch.ones(1, 1), torch.ones(1, dtype=torch.bool), alpha=alpha)  # checks alpha
        self.alpha = alpha

    def _of_cells(self, matrix: Tensor, present: Tensor) -> Tensor:
        return cvar_weights(matrix, present, alpha=self.alpha)


class LearntNoise(Stateful):
    """Base of losses with a trained noise sigma, stored as its logarithm ``log_sigma``.

    Train sigma with Adam, as :class:`zslcore.training.loop.Trainer` does. With SGD, sigma would hardly change, because
    the likelihood is multiplied by small constants (2 sigma^2, 1 / A, lambda).

    Args:
        shape: () for one sigma, (A,) for one per attribute.
        sigma: initial value, in ``SIGMA_RANGE``. The trained sigma stays in this range, because its optimum can be 0 or
            infinite.
    """

    def __init__(self, shape: tuple[int, ...] = (), *, sigma: float = 0.1, normalize: bool = True) -> None:
        super().__init__()
        low, high = SIGMA_RANGE
        if not is_number(sigma) or not low <= sigma <= high:
            raise InputError(f"sigma must be a number from {low} to {high}, got {sigma!r}")
        self.normalize, self.initial_sigma = normalize, sigma
        self.log_sigma = nn.Parameter(at_least_float32(torch.zeros(shape)).fill_(math.log(sigma)))
        self.register_buffer("amplification", torch.tensor(math.nan), persistent=False)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Give sigma its initial value."""
        self.log_sigma.fill_(math.log(self.initial_sigma))

    @property
    def sigma(self) -> Float[Tensor, "..."]:
        """The noise level; in training mode it is first moved back into its range."""
        if self.training:
            with torch.no_grad():  # a clamp inside the graph would have no gradient, and sigma could never come back
                self.log_sigma.clamp_(*map(math.log, SIGMA_RANGE))
        return self.log_sigma.exp()


class BMC(LearntNoise):
    """Batch-based Balanced MSE (:func:`zslcore.losses.bmc_loss`) with a trained sigma; at least 0.

    In training mode the labels are those of all processes.
    """

    def forward(self, prediction: Targets, target: Targets, labels: Labels) -> Scalar:
        """Loss of a batch; labels do not matter."""
        return bmc_loss(prediction, target, sigma=self.sigma, normalize=self.normalize, shared=self.training)


class GAI(LearntNoise):
    """GAI, the closed form of Balanced MSE (:func:`zslcore.losses.gai_loss`), with a trained sigma."""

    def __init__(self, vectors: Cells, counts: Counts, *, sigma: float = 0.1, normalize: bool = True) -> None:
        super().__init__((), sigma=sigma, normalize=normalize)
        check_tensors(vectors=vectors, counts=counts)
        self.register_buffer("vectors", vectors.clone())
        self.register_buffer("counts", counts.clone())

    def forward(self, prediction: Targets, target: Targets, labels: Labels) -> Scalar:
        """Loss of a batch, which may be negative; labels do not matter."""
        return gai_loss(prediction, target, self.vectors, self.counts, sigma=self.sigma, normalize=self.normalize)


class Uncertainty(LearntNoise):
    """Homoscedastic uncertainty weighting (Kendall, Gal and Cipolla, CVPR 2018): mean of error^2 / s_a^2 + ln s_a^2.

    Each attribute a has a trained sigma s_a, initially 1; its optimum is the root mean squared error.

    Example:
        >>> criterion = Uncertainty(1, normalize=False)
        >>> criterion(torch.tensor([[2.0]]), torch.tensor([[0.0]]), torch.tensor([0])).detach()  # 2^2 / 1^2 + ln 1
        tensor(4.)
    """

    def __init__(self, num_attributes: int, *, normalize: bool = True) -> None:
        check_whole("num_attributes", num_attributes)
        super().__init__((num_attributes,), sigma=1.0, normalize=normalize)

    def forward(self, prediction: Targets, target: Targets, labels: Labels) -> Scalar:
        """Loss of a batch, which may be negative; labels do not matter."""
        error = elementwise_error(prediction, target, normalize=self.normalize)
        if len(self.log_sigma) != error.shape[1]:
            raise InputError(f"prediction must have {len(self.log_sigma)} attributes, got {error.shape[1]}")
        variance = self.sigma.square()
        return (error / variance + variance.log()).mean()

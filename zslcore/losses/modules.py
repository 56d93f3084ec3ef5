"""Regression losses as modules of one signature, ``criterion(prediction, target, labels)`` -> scalar.

For losses with state or parameters, and for any function of prediction and target. ``amplification``: how far a
module's weights raised the mean squared error in the last training batch, which is what they did to the effective
lambda; NaN for losses that are no weighted MSE.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from zslcore._io.distributed import all_sum
from zslcore.errors import InputError
from zslcore.losses.balanced import bmc_loss, gai_loss
from zslcore.losses.basic import elementwise_error
from zslcore.losses.cells import (
    check_labels,
    cvar_weights,
    group_dro_update,
    mean_by_class,
    mean_one_weights,
)
from zslcore.losses.elementwise import check_positive

SIGMA_RANGE = (1e-6, 1e6)  # its square and the reciprocal of that stay far from float32's ends


class Criterion(nn.Module):
    """A loss that is a function of prediction and target alone.

    ``shared``: it is no mean over images, and takes the keyword ``shared`` for the joined batch of all processes, which
    training mode asks for (:func:`zslcore.losses.rmse_loss`).

    >>> criterion = Criterion(lambda prediction, target: (prediction - target).square().mean())
    >>> criterion(torch.eye(2), torch.eye(2), torch.tensor([0, 1]))
    tensor(0.)
    """

    def __init__(
        self, function: Callable[..., Tensor], *, amplification: float = math.nan, shared: bool = False
    ) -> None:
        super().__init__()
        self.function, self.shared = function, shared
        self.register_buffer("amplification", torch.tensor(amplification))

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Integer[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch; labels do not matter."""
        if self.shared:
            return self.function(prediction, target, shared=self.training)
        return self.function(prediction, target)


class WeightedMSE(nn.Module):
    """Mean of weight x squared error, with a weight for each class and attribute; base of those that learn theirs.

    ``weights`` (C, A) >= 0, kept as a buffer; labels index its rows. ``normalize``: L2-normalise prediction and target
    per image first. Raises InputError for labels that are not one row for each image, and for another number of
    attributes.

    >>> criterion = WeightedMSE(torch.tensor([[1.0, 3.0]]), normalize=False)  # one class, two attributes
    >>> criterion(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2), torch.tensor([0]))  # (1 x 1 + 3 x 4) / 2
    tensor(6.5000)
    >>> criterion.amplification  # the plain loss is (1 + 4) / 2
    tensor(2.6000)
    """

    def __init__(self, weights: Float[Tensor, "C A"], *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize
        self.register_buffer("weights", weights.clone())
        self.register_buffer("amplification", torch.ones(()))

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Integer[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch."""
        labels = check_labels(labels, len(prediction), len(self.weights))
        if self.weights.shape[1] != prediction.shape[1]:
            raise InputError(f"weights must be for {prediction.shape[1]} attributes, got {self.weights.shape[1]}")
        error = elementwise_error(prediction, target, normalize=self.normalize)
        cells = self.cell_weights(error.detach(), labels).to(error)
        loss = (cells[labels] * error).mean()
        if self.training:
            with torch.no_grad():
                weighted, plain = all_sum(len(labels) * torch.stack([loss.detach(), error.detach().mean()]))
                self.amplification.copy_(torch.where(plain > 0, weighted / plain, 1.0))
        return loss

    def cell_weights(self, error: Float[Tensor, "B A"], labels: Integer[Tensor, " B"]) -> Float[Tensor, "C A"]:
        """Weights for this batch."""
        return self.weights


class _OverCells(WeightedMSE):
    """A weighted mean over the cells of a batch's classes, each cell counting the same however many images it has."""

    @torch.no_grad()
    def cell_weights(self, error: Float[Tensor, "B A"], labels: Integer[Tensor, " B"]) -> Float[Tensor, "C A"]:
        matrix, count = mean_by_class(error, labels, len(self.weights), shared=self.training)
        present = count > 0
        weights = self.of_cells(matrix, present)
        # the mean over images counts a cell by its images; this factor undoes it
        return weights * (count.sum() / (count.clamp(min=1) * present.sum().clamp(min=1)))[:, None]

    def of_cells(self, matrix: Tensor, present: Tensor) -> Tensor:
        """Weights of the cells, of mean 1 over those present."""
        raise NotImplementedError


class GroupDRO(_OverCells):
    """Group DRO over (class, attribute) cells: weights that grow with the error of a cell, kept between steps.

    The rule and its source: :func:`zslcore.losses.cells.group_dro_update`. ``shape`` is (C, A), ``step`` > 0. A batch
    is weighted by the cells of its own classes, scaled to mean 1 over them, however far others are ahead. Kept are the
    logarithms up to a constant, the buffer ``log_weights`` (C, A), which changes in training mode alone. The buffer
    ``weights``, of mean 1 over all cells, is made of it and there to be read: a cell that lags far enough shows 0.
    Raises InputError for a step that is not above 0, and for labels as :class:`WeightedMSE`.

    >>> criterion = GroupDRO((1, 2), step=math.log(2), normalize=False)
    >>> prediction = torch.tensor([[1.0, 3.0]]).sqrt()  # squared errors 1 and 3: each step doubles the ratio of weights
    >>> _ = [criterion(prediction, torch.zeros(1, 2), torch.tensor([0])) for _ in range(2)]
    >>> criterion.weights
    tensor([[0.4000, 1.6000]])
    """

    def __init__(self, shape: tuple[int, int], *, step: float = 0.01, normalize: bool = True) -> None:
        super().__init__(torch.ones(shape), normalize=normalize)
        check_positive("step", step)
        self.step = step
        self.register_buffer("log_weights", torch.zeros(shape))

    def of_cells(self, matrix: Tensor, present: Tensor) -> Tensor:
        """The weights after this batch, scaled to mean 1 over its classes; 0 for the others."""
        if self.training:
            self.log_weights.copy_(group_dro_update(self.log_weights.to(matrix), matrix, present, step=self.step))
            self.weights.copy_(mean_one_weights(self.log_weights, torch.ones_like(present)))
        return mean_one_weights(self.log_weights.to(matrix), present)


class CVaR(_OverCells):
    """Mean over the worst share ``alpha`` of the (class, attribute) cells of a batch.

    Conditional value at risk, see :func:`zslcore.losses.cells.cvar_weights`. ``shape`` is (C, A), ``alpha`` lies in
    (0, 1]; 1 is the mean over all cells. Raises InputError for another alpha, and for labels as
    :class:`WeightedMSE`.

    >>> criterion = CVaR((2, 2), alpha=0.5, normalize=False)
    >>> prediction = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> criterion(prediction, torch.zeros(2, 2), torch.tensor([0, 1]))  # (9 + 16) / 2; the mean of all four is 7.5
    tensor(12.5000)
    """

    def __init__(self, shape: tuple[int, int], *, alpha: float = 0.2, normalize: bool = True) -> None:
        super().__init__(torch.ones(shape), normalize=normalize)
        cvar_weights(torch.ones(1, 1), torch.ones(1, dtype=torch.bool), alpha=alpha)  # names what is allowed
        self.alpha = alpha

    def of_cells(self, matrix: Tensor, present: Tensor) -> Tensor:
        """Equal weights on the worst cells."""
        return cvar_weights(matrix, present, alpha=self.alpha)


class LearntNoise(nn.Module):
    """Base of losses with a noise sigma that trains, as its logarithm ``log_sigma``: one, or one an attribute.

    The loss is a likelihood of sigma times factors that carry no information on it: 2 sigma^2 of a Balanced MSE, 1 / A
    of a mean over attributes, lambda of an objective. Under SGD they stop sigma. An optimiser whose steps do not depend
    on the scale of a gradient (Adam) trains it whatever they are; :class:`zslcore.training.loop.Trainer` gives it one
    of its own. ``SIGMA_RANGE`` bounds sigma, since perfect predictions ask for 0 and useless ones for infinity.

    ``shape`` is () for one sigma, (A,) for one an attribute; ``sigma`` is what all are at first. Raises InputError for
    one out of ``SIGMA_RANGE``.

    >>> noise = LearntNoise((2,), sigma=0.1, normalize=True)
    >>> _ = noise.log_sigma.data.copy_(torch.tensor([-100.0, 100.0]))
    >>> noise.sigma.detach().log10().round()
    tensor([-6.,  6.])
    """

    def __init__(self, shape: tuple[int, ...], *, sigma: float, normalize: bool) -> None:
        super().__init__()
        low, high = SIGMA_RANGE
        if not low <= sigma <= high:
            raise InputError(f"sigma must be a number from {low} to {high}, got {sigma!r}")
        self.normalize = normalize
        self.log_sigma = nn.Parameter(torch.full(shape, math.log(sigma)))
        self.register_buffer("amplification", torch.tensor(math.nan))

    @property
    def sigma(self) -> Float[Tensor, "..."]:
        """The noise; in training mode first put back into its range."""
        if self.training:
            with torch.no_grad():  # rather than a clamp in the graph, which would hold it at the bound for ever
                self.log_sigma.clamp_(*map(math.log, SIGMA_RANGE))
        return self.log_sigma.exp()


class BMC(LearntNoise):
    """Batch-based Balanced MSE (:func:`bmc_loss`) with a sigma that trains: one, or one for each attribute.

    ``shape`` and ``sigma`` as in :class:`LearntNoise`. The loss is at least 0. In training mode the labels are those of
    all processes. Raises InputError for a sigma out of ``SIGMA_RANGE``.

    >>> target = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # two images of one class: no error, but 2 sigma^2 ln 2 remains
    >>> BMC(sigma=1.0)(target, target, torch.tensor([0, 0])).detach()
    tensor(1.3863)
    """

    def __init__(self, shape: tuple[int, ...] = (), *, sigma: float = 0.1, normalize: bool = True) -> None:
        super().__init__(shape, sigma=sigma, normalize=normalize)

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Integer[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch; labels do not matter."""
        settings = {"sigma": self.sigma, "normalize": self.normalize}
        return bmc_loss(prediction, target, **settings, shared=self.training)


class GAI(LearntNoise):
    """Balanced MSE with the labels' density in closed form (:func:`gai_loss`) and a sigma that trains.

    ``vectors`` (C, A) and ``counts`` (C,), the training images of each class, are kept as buffers; ``sigma`` is one
    number. The loss may be negative. Raises InputError for a sigma out of ``SIGMA_RANGE`` and, when called, for counts
    that are negative or all 0.

    >>> vectors = 10 * torch.eye(2)
    >>> criterion = GAI(vectors, torch.tensor([1, 3]), sigma=1.0, normalize=False)
    >>> criterion(vectors[:1], vectors[:1], torch.tensor([0])).detach()  # a hit on the rare class: 2 sigma^2 ln 1/4
    tensor(-2.7726)
    >>> criterion(vectors[1:], vectors[1:], torch.tensor([1])).detach()  # and on the frequent one: 2 sigma^2 ln 3/4
    tensor(-0.5754)
    """

    def __init__(
        self, vectors: Float[Tensor, "C A"], counts: Int[Tensor, " C"], *, sigma: float = 0.1, normalize: bool = True
    ) -> None:
        super().__init__((), sigma=sigma, normalize=normalize)
        self.register_buffer("vectors", vectors.clone())
        self.register_buffer("counts", counts.clone())

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Integer[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch; labels do not matter."""
        settings = {"sigma": self.sigma, "normalize": self.normalize}
        return gai_loss(prediction, target, self.vectors, self.counts, **settings)


class Uncertainty(LearntNoise):
    """Homoscedastic uncertainty weighting (Kendall, Gal and Cipolla, CVPR 2018): mean of error^2 / s_a^2 + ln s_a^2.

    The sigma s_a of each attribute a is a parameter, 1 at first; at the optimum its square is the mean squared error.

    >>> criterion = Uncertainty(1, normalize=False)
    >>> _ = criterion.log_sigma.data.fill_(math.log(2))
    >>> loss = criterion(torch.tensor([[2.0]]), torch.tensor([[0.0]]), torch.tensor([0]))  # error^2 = sigma^2 = 4
    >>> loss.backward()
    >>> loss.detach(), bool(criterion.log_sigma.grad.abs() < 1e-4)  # 1 + ln 4, and nowhere to go
    (tensor(2.3863), True)
    """

    def __init__(self, num_attributes: int, *, normalize: bool = True) -> None:
        super().__init__((num_attributes,), sigma=1.0, normalize=normalize)

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Integer[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch, which may be negative; labels do not matter."""
        error = elementwise_error(prediction, target, normalize=self.normalize)
        variance = self.sigma.square()
        return (error / variance + variance.log()).mean()

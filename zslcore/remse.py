"""ReMSE, the rebalanced mean squared error (Ye et al., "Rebalanced Zero-shot Learning", IEEE TIP 2023).

ReMSE is a regression loss for several outputs ("attributes") whose errors differ between classes and between
attributes. A cell is one class and one attribute. ReMSE measures the mean error ``m[c, a]`` of every cell, and gives
large weights to cells with large errors::

    W[c, a] = (1 + ln(m[c, a] / min over classes    m[., a])) ** p     balances classes within an attribute
            * (1 + ln(m[c, a] / min over attributes m[c, .])) ** p2    balances attributes within a class

    loss = mean over images and attributes of  W[label, a] * error

The weights have no gradient. ``p = p2 = 0`` is the plain loss. Values that a mask excludes, and NaN targets, do not
count: they do not enter the loss, m, or the norms of ``normalize``. With a ``sample_weight`` w, the loss and m are
weighted means, sum(w x) / sum(w), as in scikit-learn and in torch's cross entropy. A row of weight 2 has the same
effect as two equal rows.

:func:`class_error` computes m, and :func:`remse_weights` computes W. :class:`ReMSE` is the loss as a module.
"""

import warnings

import torch
from torch import Tensor

from zslcore._io.distributed import share_of_batch
from zslcore._io.numbers import is_number, is_whole
from zslcore.errors import InputError
from zslcore.losses.basic import ERROR_KINDS, at_least_float32, counted_error, loss_ratio
from zslcore.losses.cells import mean_by_cell
from zslcore.losses.checks import (
    check_exponents,
    check_flag,
    check_labels,
    check_normalize,
    check_tensors,
    check_whole,
    readable,
)
from zslcore.losses.controls import CONTROLS, at_equal_loss, draw_control
from zslcore.losses.rebalancing import check_reference, remse_weights
from zslcore.losses.shapes import Cells, Labels, Mask, Outputs, SampleWeight, Scalar, Targets
from zslcore.losses.state import Stateful

MEMORIES = ("batch", "running", "ema")


def class_error(
    prediction: Targets,
    target: Targets,
    labels: Labels | None,
    num_classes: int,
    *,
    kind: str = "mse",
    normalize: bool = True,
    mask: Mask | None = None,
    sample_weight: SampleWeight | None = None,
) -> Cells:
    """Mean error of each class and attribute over the images of a batch; 0 for cells in which no image counts.

    Args:
        prediction, target: predicted and true attributes, (B, A). A NaN in the target does not count.
        labels: class of each image, in [0, num_classes), (B,); None puts all images into class 0.
        kind: ``"mse"``, ``"mae"`` or ``"charbonnier"``, see :func:`zslcore.losses.elementwise_error`.
        normalize: L2-normalise prediction and target per image first, over the attributes that count.
        mask: False for values that do not count, (B, A).
        sample_weight: weight of each image in the mean, finite and >= 0, (B,).

    Example:
        >>> prediction, target = torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1)
        >>> class_error(prediction, target, torch.tensor([1, 1]), num_classes=2, normalize=False)
        tensor([[0.],
                [5.]])
    """
    check_whole("num_classes", num_classes)
    error, weight = counted_error(
        prediction, target, kind=kind, normalize=normalize, mask=mask, sample_weight=sample_weight
    )
    return mean_by_cell(error, weight, _groups(labels, error, num_classes), num_classes)[0]


class ReMSE(Stateful):
    """Rebalanced regression loss: ``remse(prediction (B, A), target (B, A), labels (B,))`` -> scalar.

    The weights make the loss several times larger. Lower the learning rate, or set ``unit_mean=True``. To choose p and
    p2, start at p = p2 = 0.5, or at the paper's p = 0.1 and p2 = 0.75, and compare on validation data.

    Args:
        num_classes: C, the number of classes that labels index (in zero-shot learning: the seen classes).
        num_attributes: A, the number of outputs.
        p: exponent that balances classes within an attribute, >= 0.
        p2: exponent that balances attributes within a class, >= 0. ``p = p2 = 0`` is the plain loss.
        kind: as for :func:`class_error`.
        normalize: False compares the values, for plain regression. True compares directions, for zero-shot learning,
            where scores are cosines; it needs at least two outputs. None is True, but warns if the targets of one class
            differ, as in plain regression (checked on the CPU, in the first step).
        memory: the errors that the weights are computed from. ``"batch"``: those of this batch. ``"running"``: the
            last known error of each cell (the released code's cross-batch ReMSE). ``"ema"``: an exponential moving
            average.
        reference: divisor of the errors: ``"min"`` (the paper), ``"mean"``, ``"median"`` or a quantile in (0, 1).
        unit_mean: divide the weights by their mean over the batch, so that they do not raise the loss.
        decay: share of the old value in ``memory="ema"``, in [0, 1); the first value of a cell is used as it is.
        control: ``"permuted"`` or ``"random"`` assigns the weights to other cells, as the control of an experiment.
            They are rescaled in each step so that the value of the loss does not change, see
            :mod:`zslcore.losses.controls`.
        seed: seed of the control. Its draws depend only on the seed and the number of the step.

    Attributes:
        error: errors that the weights of the last training step were computed from, (C, A).
        weights: weights of the last training step, (C, A).
        amplification: weighted loss divided by plain loss in this step: the factor by which the weights raise lambda.

    Each step changes these three tensors in place. To keep those of a step, use ``remse.error.clone()``. If a batch has
    infinite or NaN predictions, the loss is infinite or NaN and ``amplification`` is NaN, without an exception. Its
    non-finite cells do not enter ``error``. Under ``torch.distributed`` all processes use the errors of the joined
    batch, and the mean of their losses is the loss of the joined batch. The state dict contains only what the next step
    needs: ``error`` for a memory, ``step`` for a control.

    Example:
        >>> remse = ReMSE(num_classes=2, num_attributes=2, p=1, p2=0, normalize=False)
        >>> target = torch.tensor([[0.0, 0.0], [0.0, torch.nan]])  # the last value is unknown
        >>> remse(torch.ones(2, 2), target, torch.tensor([0, 1]))
        tensor(1.)
        >>> remse.error
        tensor([[1., 1.],
                [1., 0.]])
    """

    def __init__(
        self,
        num_classes: int,
        num_attributes: int,
        *,
        p: float,
        p2: float,
        kind: str = "mse",
        normalize: bool | None = None,
        memory: str = "batch",
        reference: str | float = "min",
        unit_mean: bool = False,
        decay: float = 0.9,
        control: str = "none",
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value in (("num_classes", num_classes), ("num_attributes", num_attributes)):
            check_whole(name, value)
        choices = (("kind", kind, ERROR_KINDS), ("memory", memory, MEMORIES), ("control", control, CONTROLS))
        for name, value, allowed in choices:
            if value not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        if not is_number(decay) or not 0 <= decay < 1:
            raise InputError(f"decay must lie in [0, 1), got {decay!r}")
        if not is_whole(seed) or not -(2**63) <= seed < 2**63:
            raise InputError(f"seed must be a whole number of at most 64 bits, got {seed!r:.100}")
        check_exponents(p, p2)
        check_reference(reference)
        check_flag("unit_mean", unit_mean)
        self._may_warn, normalize = normalize is None, normalize is None or normalize
        check_normalize(normalize, num_attributes)
        self.num_classes, self.num_attributes = num_classes, num_attributes
        self.p, self.p2, self.kind, self.normalize = p, p2, kind, normalize
        self.memory, self.reference, self.unit_mean, self.decay = memory, reference, unit_mean, decay
        self.control, self.seed = control, seed
        error = at_least_float32(torch.zeros(num_classes, num_attributes))
        self.register_buffer("error", error, persistent=memory != "batch")
        self.register_buffer("weights", torch.ones_like(error), persistent=False)
        self.register_buffer("amplification", error.new_ones(()), persistent=False)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64), persistent=control != "none")

    def reset_parameters(self) -> None:
        """Reset the state. Call it before another fold, and after ``to_empty``, which leaves buffers undefined."""
        for buffer, initial in ((self.error, 0), (self.weights, 1), (self.amplification, 1), (self.step, 0)):
            buffer.fill_(initial)

    def forward(
        self,
        prediction: Targets,
        target: Targets,
        labels: Labels | None = None,
        *,
        mask: Mask | None = None,
        sample_weight: SampleWeight | None = None,
    ) -> Scalar:
        """Weighted loss of a batch; in training mode it also updates the error matrix.

        Args:
            prediction, target: predicted and true values, (B, A). A NaN in the target does not count.
            labels: class of each image, in [0, num_classes), (B,). None puts all images into class 0, so that only
                attributes are balanced; ``num_classes=1`` is then enough.
            mask: False for values that do not count, (B, A).
            sample_weight: weight of each image in all means, finite and >= 0, (B,).

        Returns:
            Mean of weight x error over the values that count, weighted by ``sample_weight``; 0 if none counts. Values
            that do not count have a gradient of exactly 0.
        """
        check_tensors(prediction=prediction, target=target)
        if prediction.ndim != 2 or prediction.shape[1] != self.num_attributes:
            shape = tuple(prediction.shape)
            raise InputError(f"prediction must have shape (images, {self.num_attributes}), got {shape}")
        error, weight = counted_error(
            prediction, target, kind=self.kind, normalize=self.normalize, mask=mask, sample_weight=sample_weight
        )
        labels = _groups(labels, error, self.num_classes)
        self._warn_of_directions(target, labels, weight)
        rows, num_rows = self._rows(labels)
        with torch.no_grad():
            current, count = mean_by_cell(error.detach(), weight, rows, num_rows, shared=self.training)
            measured = (count > 0) & current.isfinite()
            current = torch.where(measured, current, 0.0)
            matrix = self._remembered(current, measured)
            weights = remse_weights(matrix, p=self.p, p2=self.p2, reference=self.reference)
            weights = self._scaled(weights, current, count)
            # over the batches of all processes, like count; 1 if all values count and there is no sample_weight
            mean_weight = count.sum() / (error.numel() * (share_of_batch()[1] if self.training else 1))
            mean_weight = torch.where(mean_weight > 0, mean_weight, 1.0)
        if weight.requires_grad:  # a learnt sample_weight changes the divisor too
            mean_weight = mean_weight + (weight.mean() - weight.mean().detach())
        loss = (weights[rows] * error * weight).mean() / mean_weight
        if self.training and self._may_remember(loss):
            with torch.no_grad():  # in place, because checkpoints, DDP and torch.compile keep references to the buffers
                if self.memory == "batch":
                    self.error.zero_().index_copy_(0, labels, matrix[rows].to(self.error))
                    self.weights.fill_(1).index_copy_(0, labels, weights[rows].to(self.weights))
                else:
                    self.error.copy_(matrix)
                    self.weights.copy_(weights)
                self.amplification.copy_(loss_ratio(loss, (error * weight).mean() / mean_weight))
                self.step.add_(1)
        return loss

    def weights_for(self, labels: Labels) -> Outputs:
        """Weights of the last training step for images of these classes, (B, A); 1 before the first step.

        Other training code can multiply its own errors by these weights.

        Example:
            >>> ReMSE(num_classes=4, num_attributes=2, p=1, p2=1).weights_for(torch.tensor([3]))
            tensor([[1., 1.]])
        """
        check_tensors(labels=labels)
        return self.weights[check_labels(labels, labels.numel(), self.num_classes)]

    def _warn_of_directions(self, target: Tensor, labels: Tensor, weight: Tensor) -> None:
        """Warn once if directions are compared by default, and the targets look like those of a plain regression."""
        if not self._may_warn or not readable(target):
            return
        self._may_warn = False
        target = at_least_float32(target).masked_fill(weight == 0, torch.nan)
        one_of_class = target.new_zeros(self.num_classes, target.shape[1]).index_copy(0, labels, target)
        if bool(((one_of_class[labels] - target).abs() > 0).any()):  # never of a NaN
            warnings.warn(
                "targets of one class differ, as in plain regression, but ReMSE compares directions by default:"
                " pass normalize=False to compare values, or normalize=True if directions are meant",
                stacklevel=5,  # the caller of the module
            )

    def _may_remember(self, loss: Tensor) -> bool:
        """Whether a step can change the buffers; ``torch.func`` does not allow it."""
        if torch.compiler.is_compiling() or not torch._C._functorch.is_functorch_wrapped_tensor(loss):
            return True
        if self.memory != "batch" or self.control != "none":
            raise InputError("under torch.func a memory or a control must be in evaluation mode: call eval() first")
        return False

    def _rows(self, labels: Labels) -> tuple[Labels, int]:
        """The row of each image in the matrices of this step, and their number of rows.

        Usually the matrices have a row for each class. If the batch has far fewer images than there are classes, they
        have a row for each image instead, which is cheaper: all images of a class use the row of its first image.
        Memories, controls and several processes need a row for each class.
        """
        needs_all = self.memory != "batch" or self.control != "none" or share_of_batch()[1] > 1
        if needs_all or 2 * len(labels) > self.num_classes:
            return labels, self.num_classes
        positions = torch.arange(len(labels), device=labels.device)
        first = labels.new_full((self.num_classes,), len(labels)).scatter_reduce_(0, labels, positions, "amin")
        return first[labels], len(labels)

    def _remembered(self, current: Tensor, measured: Tensor) -> Tensor:
        """The error matrix after a batch, by the rule of ``memory``."""
        if self.memory == "batch":
            return current
        old = self.error.to(current.dtype)
        if self.memory == "ema":
            current = torch.where(old > 0, self.decay * old + (1 - self.decay) * current, current)
        return torch.where(measured, current, old)

    def _scaled(self, weights: Cells, current: Cells, count: Cells) -> Cells:
        """The weights after ``unit_mean`` and ``control``, for a batch's errors and the size of its cells."""
        if self.unit_mean:  # not a matrix product, which autocast would compute in bfloat16
            mean = (count * weights).sum() / count.sum()  # NaN if nothing counts
            weights = weights / torch.where(mean > 0, mean, 1.0)
        if self.control != "none":
            elsewhere = draw_control(weights, (count > 0).any(1), self.step, self.control, self.seed)
            weights = at_equal_loss(elsewhere, weights, current, count)
        return weights

    def extra_repr(self) -> str:
        """Settings shown by ``print(module)``."""
        names = "num_classes num_attributes p p2 kind normalize memory reference unit_mean decay control seed"
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names.split())


def _groups(labels: Labels | None, error: Outputs, num_classes: int) -> Labels:
    """The checked labels, or class 0 for every image if there are none."""
    if labels is None:
        return torch.zeros(len(error), dtype=torch.int64, device=error.device)
    return check_labels(labels, len(error), num_classes)

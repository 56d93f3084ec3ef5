"""ReMSE, the rebalanced mean squared error (Ye et al., "Rebalanced Zero-shot Learning", IEEE TIP 2023).

A regression loss over attributes whose errors are imbalanced between classes and between attributes. It
measures the mean error ``m[c, a]`` of every class and attribute, and weights each cell by how far its error
lies above the smallest one::

    W[c, a] = (1 + ln(m[c, a] / min over classes    m[., a])) ** p     balances classes within an attribute
            * (1 + ln(m[c, a] / min over attributes m[c, .])) ** p2    balances attributes within a class

    loss = mean over images and attributes of  W[label, a] * error

No gradient flows through a weight. ``p = p2 = 0`` is the plain loss. The functions are pure; the module
:class:`ReMSE` only keeps the error matrix from batch to batch, as buffers, so that it is saved and resumed.
"""

from numbers import Integral, Real

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from zslcore._io.distributed import all_sum, num_processes
from zslcore.errors import InputError
from zslcore.losses.basic import ERROR_KINDS, at_least_float32, elementwise_error
from zslcore.losses.cells import check_labels, mean_by_class

MEMORIES = ("batch", "running", "ema")
REFERENCES = ("min", "mean", "median")
LARGEST_EXPONENT = 16  # ratios of float32 numbers have a logarithm below 192, and 192^16 is below the largest of them
CONTROLS = ("none", "permuted", "random")


def class_error(
    prediction: Float[Tensor, "B A"],
    target: Float[Tensor, "B A"],
    labels: Integer[Tensor, " B"],
    num_classes: int,
    *,
    kind: str = "mse",
    normalize: bool = True,
) -> Float[Tensor, "C A"]:
    """Mean error of each class and attribute over the images of a batch; zeros for absent classes.

    ``labels`` are class indices in [0, num_classes). ``kind`` and ``normalize`` as in
    :func:`zslcore.losses.elementwise_error`. Raises InputError for labels that are not one such index for each image.

    >>> prediction, target = torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1)
    >>> class_error(prediction, target, torch.tensor([1, 1]), num_classes=2, normalize=False)
    tensor([[0.],
            [5.]])
    """
    error = elementwise_error(prediction, target, kind=kind, normalize=normalize)
    return mean_by_class(error, labels, num_classes)[0]


def remse_weights(
    error: Float[Tensor, "C A"], *, p: float, p2: float, reference: str | float = "min"
) -> Float[Tensor, "C A"]:
    """Weight of every (class, attribute) cell, all at least 1; cells without error (absent classes) weigh 1.

    Without gradient, at least in float32.

    ``error`` holds mean errors >= 0. ``p`` >= 0 balances classes within an attribute, ``p2`` >= 0 attributes
    within a class. ``reference`` replaces the minimum, which is the noisiest of order statistics, by the
    ``"mean"``, the ``"median"`` or a quantile in (0, 1); cells below the reference then weigh 1. The weights
    do not change when all errors are multiplied by a constant.

    >>> remse_weights(torch.tensor([[1.0, 1.0], [torch.e, 1.0], [0.0, 0.0]]), p=1, p2=0)
    tensor([[1., 1.],
            [2., 1.],
            [1., 1.]])
    """
    _check_exponents(p, p2)
    _check_reference(reference)
    error = at_least_float32(error.detach())  # quantiles know no bfloat16
    valid = error > 0
    # logarithms rather than ratios: a ratio of errors may overflow float32, their logarithms cannot
    log_error = torch.where(valid, error, 1.0).log()
    weights = torch.ones_like(error)
    for exponent, dim in ((p, 0), (p2, 1)):
        if exponent:
            log_reference = _log_reference(error, log_error, valid, reference, dim)
            weights = weights * (1 + (log_error - log_reference).clamp(min=0)) ** exponent
    return torch.where(valid, weights, 1.0)


def _log_reference(error: Tensor, log_error: Tensor, valid: Tensor, reference: str | float, dim: int) -> Tensor:
    """Logarithm of the reference error along ``dim``, over the valid cells; finite where there are none."""
    if reference == "min":
        smallest = torch.where(valid, log_error, torch.inf).amin(dim, keepdim=True)
        return torch.where(smallest.isinf(), 0.0, smallest)
    if reference == "mean":
        mean = torch.where(valid, error, 0.0).sum(dim, keepdim=True) / valid.sum(dim, keepdim=True).clamp(min=1)
        return torch.where(mean > 0, mean, 1.0).log()
    quantile = 0.5 if reference == "median" else float(reference)
    masked = torch.where(valid, log_error, torch.nan)
    return masked.nanquantile(quantile, dim=dim, keepdim=True).nan_to_num(0.0)


def control_weights(
    weights: Float[Tensor, "C A"], present: Bool[Tensor, " C"], control: str, generator: torch.Generator
) -> Float[Tensor, "C A"]:
    """Weights as large as those given, but on other cells: what ReMSE does by chance, a control for its rebalancing.

    :class:`ReMSE` then multiplies them by one number, so that the control also has the effective lambda of ReMSE.
    ``"permuted"``: the weights of the present classes, permuted over their cells; ``"random"``: as many drawn from
    them, with replacement. Absent classes keep theirs.

    >>> weights = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> control_weights(weights, torch.tensor([False, True]), "permuted", torch.Generator()).sort().values
    tensor([[1., 2.],
            [3., 4.]])
    """
    cells = weights[present].flatten()
    draw = torch.randperm if control == "permuted" else lambda n, generator: torch.randint(n, (n,), generator=generator)
    chosen = draw(len(cells), generator=generator).to(cells.device)
    result = weights.clone()
    result[present] = cells[chosen].view(-1, weights.shape[1])
    return result


def _at_equal_lambda(
    control: Float[Tensor, "C A"],
    weights: Float[Tensor, "C A"],
    error: Float[Tensor, "C A"],
    count: Float[Tensor, " C"],
) -> Float[Tensor, "C A"]:
    """The control's weights times the one factor that makes their weighted loss that of ``weights``, on this batch.

    Weights go with the errors that they are made of, and on other cells they no longer do: without the factor, a
    control would also have a smaller effective lambda than what it is a control of.
    """
    wanted, found = ((count[:, None] * error * values).sum() for values in (weights, control))
    return control * torch.where(found > 0, wanted / torch.where(found > 0, found, 1.0), 1.0)


def _check_exponents(p: float, p2: float) -> None:
    for name, value in (("p", p), ("p2", p2)):
        if not _is_number(value) or not 0 <= value < float("inf"):
            raise InputError(f"{name} must be a finite number >= 0, got {value!r}")
    if p + p2 > LARGEST_EXPONENT:
        raise InputError(f"p + p2 must be at most {LARGEST_EXPONENT}, beyond which weights overflow, got {p + p2!r}")


def _check_reference(reference: str | float) -> None:
    named = isinstance(reference, str) and reference in REFERENCES
    if not named and not _is_number(reference):
        raise InputError(f"reference must be one of {', '.join(REFERENCES)} or a quantile in (0, 1), got {reference!r}")
    if not named and not 0 < reference < 1:
        raise InputError(f"reference given as a quantile must lie in (0, 1), got {reference!r}")


def _is_number(value: object) -> bool:
    """Of Python or numpy; a bool is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


class ReMSE(nn.Module):
    """Rebalanced regression loss with the error matrix it rebalances by.

    Args:
        num_classes: C, the classes that labels index (the seen classes suffice).
        num_attributes: A, the regression outputs.
        p: exponent that balances classes within an attribute, >= 0.
        p2: exponent that balances attributes within a class, >= 0. ``p = p2 = 0`` is the plain loss.
        kind: ``"mse"``, ``"mae"`` or ``"charbonnier"`` (see :func:`zslcore.losses.elementwise_error`).
        normalize: L2-normalise prediction and target per image first.
        memory: ``"batch"`` errors of this batch alone; ``"running"`` cells of absent classes keep their last
            value (the release's cross-batch); ``"ema"`` exponential moving average of each class's errors.
        reference: ``"min"`` (the paper), ``"mean"``, ``"median"`` or a quantile in (0, 1).
        unit_mean: divide the weights by their mean over the cells of the batch, so that only their
            differences act and not the larger effective lambda that weights above 1 bring.
        decay: share of the old value in ``memory="ema"``, in [0, 1); a cell whose mean error so far is exactly 0
            counts as not seen yet, and takes its next value whole.
        control: ``"permuted"`` or ``"random"`` puts the weights on other cells, see :func:`control_weights`, times one
            number a step: on every batch the loss has the value, so the effective lambda, of ReMSE with these settings.
            Their mean is then another than that of ReMSE's (also with ``unit_mean``), and some may be below 1.
        seed: of the control's draws; they depend on it and on the number of the step alone.

    ``forward(prediction (B, A), target (B, A), labels (B,))`` returns a scalar; labels are of any integer type.
    Afterwards ``weights`` (C, A)
    and ``amplification`` (scalar: weighted over plain loss, what the weights do to lambda) describe the step.
    In training mode under ``torch.distributed`` the errors are those of the joined batch of all processes: all have the
    same weights, and the mean of their losses, as of their gradients, is that of the joined batch where all have
    equally many images.

    >>> _ = torch.manual_seed(0)
    >>> remse = ReMSE(num_classes=4, num_attributes=6, p=0.1, p2=0.75)
    >>> prediction, target = torch.rand(8, 6, requires_grad=True), torch.rand(8, 6)
    >>> loss = remse(prediction, target, torch.arange(8) % 4)
    >>> loss.backward()
    >>> loss.shape, bool((remse.weights >= 1).all())
    (torch.Size([]), True)
    """

    def __init__(
        self,
        num_classes: int,
        num_attributes: int,
        *,
        p: float,
        p2: float,
        kind: str = "mse",
        normalize: bool = True,
        memory: str = "batch",
        reference: str | float = "min",
        unit_mean: bool = False,
        decay: float = 0.9,
        control: str = "none",
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value in (("num_classes", num_classes), ("num_attributes", num_attributes)):
            if not isinstance(value, Integral) or value < 1:
                raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
        choices = (("kind", kind, ERROR_KINDS), ("memory", memory, MEMORIES), ("control", control, CONTROLS))
        for name, value, allowed in choices:
            if value not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        if not _is_number(decay) or not 0 <= decay < 1:
            raise InputError(f"decay must lie in [0, 1), got {decay!r}")
        _check_exponents(p, p2)
        _check_reference(reference)
        self.num_classes, self.num_attributes = num_classes, num_attributes
        self.p, self.p2, self.kind, self.normalize = p, p2, kind, normalize
        self.memory, self.reference, self.unit_mean, self.decay = memory, reference, unit_mean, decay
        self.control, self.seed = control, seed
        self.register_buffer("error", torch.zeros(num_classes, num_attributes))
        self.register_buffer("weights", torch.ones(num_classes, num_attributes))
        self.register_buffer("amplification", torch.ones(()))
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(
        self, prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Integer[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """Weighted loss of a batch, with one update of the error matrix in training mode."""
        self._check_outputs(prediction)
        labels = check_labels(labels, len(prediction), self.num_classes)
        error = elementwise_error(prediction, target, kind=self.kind, normalize=self.normalize)
        with torch.no_grad():
            current, count = mean_by_class(error.detach(), labels, self.num_classes, shared=self.training)
            matrix = self._remembered(current, count > 0)
            weights = remse_weights(matrix, p=self.p, p2=self.p2, reference=self.reference)
            if self.unit_mean:  # a sum, not a matrix product, which autocast would take in bfloat16
                weights = weights / ((count[:, None] * weights).sum() / (count.sum() * self.num_attributes))
            if self.control != "none":
                weights = _at_equal_lambda(self._elsewhere(weights, count > 0), weights, current, count)
        loss = (weights[labels] * error).mean()
        if self.training:
            self._note(matrix, weights, loss.detach(), error.detach().mean(), len(labels))
        return loss

    @torch.compiler.disable  # a generator and the number of the step would be compiled anew in each step
    def _elsewhere(self, weights: Tensor, present: Tensor) -> Tensor:
        """The weights on the cells that the control draws in this step."""
        seed = (1_000_003 * self.seed + int(self.step)) % 2**32  # a generator takes 32 bits
        return control_weights(weights, present, self.control, torch.Generator().manual_seed(seed))

    def _remembered(self, current: Tensor, present: Tensor) -> Tensor:
        """The error matrix after a batch: (C, A), under the rule that ``memory`` names."""
        if self.memory == "batch":
            return current
        old = self.error.to(current.dtype)
        if self.memory == "ema":  # a cell seen for the first time starts at its first value, not at zero
            current = torch.where(old > 0, self.decay * old + (1 - self.decay) * current, current)
        return torch.where(present[:, None], current, old)

    @torch.no_grad()
    def _note(self, matrix: Tensor, weights: Tensor, loss: Tensor, plain: Tensor, images: int) -> None:
        """Keep what a step found, in place: whoever holds the buffers (a checkpoint, DDP) sees it."""
        if num_processes() > 1:
            loss, plain = all_sum(images * torch.stack([loss, plain]))
        for buffer, value in ((self.error, matrix), (self.weights, weights)):
            buffer.copy_(value)
        self.amplification.copy_(torch.where(plain > 0, loss / plain, 1.0))
        self.step.add_(1)

    def _check_outputs(self, prediction: Tensor) -> None:
        if prediction.ndim != 2 or prediction.shape[1] != self.num_attributes:
            raise InputError(
                f"prediction must have shape (images, {self.num_attributes}), got {tuple(prediction.shape)}"
            )

    def extra_repr(self) -> str:
        """Settings shown by ``print(module)``."""
        names = ("num_classes", "num_attributes", "p", "p2", "kind", "memory", "reference", "unit_mean")
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)

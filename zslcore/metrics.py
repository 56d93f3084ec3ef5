"""Accuracies of zero-shot learning, and the exact seen-unseen curve of generalised zero-shot learning.

Accuracies lie in [0, 1] and are averaged over classes, so that each class counts the same (Xian et al., "Zero-Shot
Learning: A Comprehensive Evaluation", TPAMI 2019). All functions take tensors or arrays.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zslcore.errors import InputError, one_line
from zslcore.losses.checks import check_whole

_BLOCK = 1 << 18  # scores that are copied at a time

Classes = Int[Tensor, " n"] | Int[np.ndarray, " n"]
Scores = Float[Tensor, "n C"] | Float[np.ndarray, "n C"]
Accuracy = float | Float[np.ndarray, "..."] | Float[Tensor, "..."]
Steps = Float[np.ndarray, " steps"]
Margins = Float[Tensor, " n"]
Hits = Bool[Tensor, " n"]


def per_class_accuracy(predicted: Classes, labels: Classes) -> float:
    """Accuracy of each class present in ``labels``, averaged over these classes.

    Example:
        >>> per_class_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))  # class 0: 2/2, class 1: 1/2
        0.75
    """
    predicted, labels = _classes("predicted", predicted), _classes("labels", labels)
    if predicted.shape != labels.shape:
        shapes = f"{tuple(predicted.shape)} and {tuple(labels.shape)}"
        raise InputError(f"predicted and labels must have one shape, got {shapes}")
    if labels.numel() and labels.min() < 0:  # such as -1 or -100 for images that do not count
        raise InputError(f"labels must be at least 0, got {labels.min()}: leave out images without a class")
    return float((_class_balanced_weights(labels) * (predicted == labels).cpu().numpy()).sum())


def harmonic_mean(seen: Accuracy, unseen: Accuracy) -> Accuracy:
    """Harmonic mean 2su/(s+u) of seen and unseen accuracy, elementwise; 0 where both are 0.

    Example:
        >>> harmonic_mean(0.75, 0.25)
        0.375
    """
    seen, unseen = (side.detach().cpu().double() if isinstance(side, Tensor) else side for side in (seen, unseen))
    seen, unseen = np.asarray(seen, dtype=float), np.asarray(unseen, dtype=float)
    total = seen + unseen
    harmonic = 2 * seen * unseen / np.where(total > 0, total, 1)
    return harmonic if harmonic.ndim else float(harmonic)


@dataclass(frozen=True, eq=False)
class SeenUnseenCurve:
    """Every (S, U) that calibrated stacking can reach, from gamma = -inf (all seen) to +inf (all unseen).

    Calibrated stacking (Chao et al., ECCV 2016) subtracts ``gamma`` from the scores of the seen classes. S is the
    accuracy on test images of seen classes, and U the accuracy on those of unseen classes. Both are step functions of
    gamma; entry k is for ``threshold[k-1] < gamma <= threshold[k]``. :func:`seen_unseen_curve` makes the curve.

    Attributes:
        gamma: (K+1,) a gamma of each step: the middle of inner steps, and 1 beyond the outer thresholds.
        seen, unseen, harmonic: (K+1,) accuracy S of the seen and U of the unseen test images, and their harmonic mean.
        ausuc: area under the curve of S over U, in [0, 1].
        threshold: (K,) the increasing values of gamma at which predictions change.
    """

    gamma: Steps
    seen: Steps
    unseen: Steps
    harmonic: Steps
    ausuc: float
    threshold: Float[np.ndarray, " thresholds"]

    def best(self) -> tuple[float, float, float, float]:
        """(S, U, H, gamma) at the largest harmonic mean, chosen on the data of this curve."""
        index = int(self.harmonic.argmax())
        return *self._point(index), float(self.gamma[index])

    def at(self, gamma: float) -> tuple[float, float, float, float]:
        """(S, U, H, gamma) at a constant chosen elsewhere; ``at(0.0)`` is the uncalibrated classifier."""
        try:
            undefined = math.isnan(gamma)
        except (TypeError, ValueError, RuntimeError):  # of text, an array, a tensor
            undefined = True
        if undefined:
            raise InputError(f"gamma must be a number, got {gamma!r:.100}")
        return *self._point(int(np.searchsorted(self.threshold, float(gamma), side="left"))), float(gamma)

    def _point(self, index: int) -> tuple[float, float, float]:
        return float(self.seen[index]), float(self.unseen[index]), float(self.harmonic[index])


def seen_unseen_curve(
    score_seen: Scores,
    labels_seen: Classes,
    score_unseen: Float[Tensor, "m C"] | Float[np.ndarray, "m C"],
    labels_unseen: Int[Tensor, " m"] | Int[np.ndarray, " m"],
    *,
    num_seen: int,
) -> SeenUnseenCurve:
    """Exact seen-unseen accuracy curve, in O(n C + n log n) instead of a sweep over gamma.

    The margin of an image is its best seen minus its best unseen score. The image is assigned to an unseen class when
    gamma exceeds its margin, so S and U at every gamma are cumulative sums over sorted margins. Ties go to the seen
    class.

    Args:
        score_seen, labels_seen: scores of the seen test images over all C classes, seen classes first, (n, C), and
            their labels in [0, num_seen), (n,). A score of -inf excludes a class. Each image needs a finite score of a
            seen class and of an unseen class.
        score_unseen, labels_unseen: those of the unseen test images, (m, C) and (m,), with labels in [num_seen, C).
        num_seen: number of seen classes.

    Example:
        >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5]])  # two seen classes, one unseen
        >>> curve = seen_unseen_curve(score, np.array([0, 1]), score[1:], np.array([2]), num_seen=2)
        >>> curve.at(0.0), curve.at(1.0)
        ((1.0, 0.0, 0.0, 0.0), (0.5, 1.0, 0.6666666666666666, 1.0))
    """
    labels_seen, labels_unseen = _classes("labels_seen", labels_seen), _classes("labels_unseen", labels_unseen)
    if np.ndim(score_seen) != 2 or np.ndim(score_unseen) != 2 or np.shape(score_seen)[1] != np.shape(score_unseen)[1]:
        shapes = f"{tuple(np.shape(score_seen))} and {tuple(np.shape(score_unseen))}"
        raise InputError(f"score_seen and score_unseen must have shape (images, classes) for all classes, got {shapes}")
    seen = _margins(score_seen, labels_seen, num_seen, side="seen")
    unseen = _margins(score_unseen, labels_unseen, num_seen, side="unseen")
    return _curve(*seen, *unseen)


class CurveAccumulator:
    """The seen-unseen curve from scores in chunks, of which only three numbers per image are kept.

    :meth:`update` needs the memory of its chunk. :meth:`compute` needs 17 bytes per image for any number of classes.
    The curve equals that of :func:`seen_unseen_curve` for the images in the same order.

    Args:
        num_seen: number of seen classes, which come first.

    Example:
        >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5]])  # two seen classes, one unseen
        >>> accumulator = CurveAccumulator(num_seen=2)
        >>> accumulator.update(score, np.array([0, 1]))
        >>> accumulator.update(score[1:], np.array([2]))
        >>> accumulator.compute().at(1.0)
        (0.5, 1.0, 0.6666666666666666, 1.0)
    """

    def __init__(self, *, num_seen: int) -> None:
        check_whole("num_seen", num_seen)
        self.num_seen = num_seen
        self._num_classes: int | None = None
        self._chunks: list[tuple[Margins, Hits, Int[Tensor, " n"]]] = []

    def update(self, score: Scores, labels: Classes) -> None:
        """Add images of seen and unseen classes, in any order; a chunk may be empty.

        Args:
            score: scores over all C classes, seen classes first, (n, C).
            labels: the class of each image in [0, C), (n,).
        """
        labels = _classes("labels", labels)
        if np.ndim(score) != 2 or self._num_classes not in (None, np.shape(score)[1]):
            shape = f"(images, {self._num_classes or 'classes'})"
            raise InputError(f"score must have shape {shape}, got {tuple(np.shape(score))}")
        self._num_classes = np.shape(score)[1]
        if len(labels) or len(score):
            self._chunks.append(_margins(score, labels, self.num_seen))

    def compute(self) -> SeenUnseenCurve:
        """The curve of all images so far."""
        if not self._chunks:
            raise InputError("update must be called before compute")
        margin, hit, labels = (torch.cat(parts) for parts in zip(*self._chunks))
        seen = labels < self.num_seen
        if seen.all() or not seen.any():
            raise InputError("the curve needs images of seen and of unseen classes, got one kind only")
        return _curve(margin[seen], hit[seen], labels[seen], margin[~seen], hit[~seen], labels[~seen])


def _curve(
    margin_seen: Margins,
    hit_seen: Hits,
    labels_seen: Int[Tensor, " n"],
    margin_unseen: Float[Tensor, " m"],
    hit_unseen: Bool[Tensor, " m"],
    labels_unseen: Int[Tensor, " m"],
) -> SeenUnseenCurve:
    """The curve from the margins, and whether an image is right when it is assigned to its own side."""
    gain_seen = hit_seen.numpy() * _class_balanced_weights(labels_seen)
    gain_unseen = hit_unseen.numpy() * _class_balanced_weights(labels_unseen)
    threshold, group = np.unique(torch.cat([margin_seen, margin_unseen]).numpy(), return_inverse=True)
    lost = np.bincount(group[: len(gain_seen)], gain_seen, minlength=len(threshold))
    won = np.bincount(group[len(gain_seen) :], gain_unseen, minlength=len(threshold))
    seen = np.append(lost[::-1].cumsum()[::-1], 0.0)  # not lost yet
    unseen = np.append(0.0, won.cumsum())
    between = np.append((threshold[1:] + threshold[:-1]) / 2, threshold[-1:] + 1)
    above = np.nextafter(threshold, np.inf)  # where rounding gives the threshold itself
    gamma = np.append(threshold[:1] - 1, np.maximum(between, above))
    # exact: a step changes S or U, or both at once for equal margins (by hand, as np.trapezoid needs numpy 2.0)
    ausuc = float((np.diff(unseen) * (seen[1:] + seen[:-1]) / 2).sum())
    return SeenUnseenCurve(gamma, seen, unseen, harmonic_mean(seen, unseen), ausuc, threshold)


def _margins(
    score: Tensor | np.ndarray, labels: Tensor, num_seen: int, *, side: str = ""
) -> tuple[Margins, Hits, Int[Tensor, " n"]]:
    """Margin of each image, whether the best class of its own side is the right one, and its label; on the CPU."""
    score_name, labels_name = (f"{name}_{side}" if side else name for name in ("score", "labels"))
    score = _float_scores(score_name, score)
    classes = score.shape[1]
    check_whole("num_seen", num_seen)
    if num_seen >= classes:
        raise InputError(f"num_seen must lie in 1..{classes - 1} ({score_name} has C={classes}), got {num_seen}")
    if not len(score) or len(score) != len(labels):
        sizes = f"{len(score)} and {len(labels)}"
        raise InputError(f"{score_name} must hold one row per label and at least one, got {sizes}")
    first, last = num_seen if side == "unseen" else 0, num_seen - 1 if side == "seen" else classes - 1
    if labels.min() < first or labels.max() > last:
        raise InputError(f"{labels_name} must lie in {first}..{last}, got {labels.min()}..{labels.max()}")
    labels = labels.to(score.device)
    seen = labels < num_seen
    own, rival_seen, rival_unseen = _own_and_rivals(score, labels, num_seen)
    rival, other = torch.where(seen, rival_seen, rival_unseen), torch.where(seen, rival_unseen, rival_seen)
    hit, tied = own > rival, own == rival
    if tied.any():  # the first class wins
        of_side = (torch.arange(classes, device=score.device) < num_seen) == seen[tied, None]
        hit[tied] = score[tied].where(of_side, -math.inf).argmax(1) == labels[tied]
    margin = torch.maximum(own, rival).double() - other.double()
    if not margin.isfinite().all():
        raise InputError(f"{score_name} must be finite, got NaN or infinity")
    return torch.where(seen, margin, -margin).cpu(), hit.cpu(), labels.cpu()


def _float_scores(name: str, score: Scores) -> Float[Tensor, "n C"]:
    """The scores as a tensor of floats; copied if torch does not support their memory layout or byte order."""
    if not isinstance(score, Tensor):
        score = _unmasked(name, score)
        dtype = score.dtype.newbyteorder("=") if score.dtype.kind == "f" and score.dtype.itemsize <= 8 else np.float64
        try:
            score = torch.from_numpy(np.require(score, dtype, ["C", "W"]))  # W: torch warns of read-only arrays
        except (TypeError, ValueError) as error:
            raise InputError(f"{name} must hold numbers: {one_line(error)}") from None
    return score.detach() if score.is_floating_point() else score.double()


def _unmasked(name: str, values: object) -> np.ndarray:
    if np.ma.is_masked(values):  # np.asarray would show what is behind the mask
        raise InputError(f"{name} must not be masked; a score of -inf rules a class out")
    return np.asarray(values)


def _own_and_rivals(
    score: Scores, labels: Int[Tensor, " n"], num_seen: int
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Score of each image's own class, and the best of the other seen and of the other unseen classes.

    Two maxima over a copy of the scores are several times faster than one maximum with its index. The copy is made
    block by block, in a buffer that fits into the cache of a CPU.
    """
    rows = max(1, _BLOCK // score.shape[1]) if score.device.type == "cpu" else len(score)
    copy, parts = torch.empty_like(score[:rows]), []
    for block, of_block in zip(score.split(rows), labels[:, None].split(rows)):
        rivals = copy[: len(block)].copy_(block).scatter_(1, of_block, -math.inf)
        parts.append((block.gather(1, of_block)[:, 0], rivals[:, :num_seen].amax(1), rivals[:, num_seen:].amax(1)))
    own, seen, unseen = (torch.cat(values) for values in zip(*parts))
    return own, seen, unseen


def _classes(name: str, values: Tensor | np.ndarray) -> Int[Tensor, " n"]:
    """Check that there is a whole number for each image, of any integer type, and return a copy as int64."""
    values = values if isinstance(values, Tensor) else _unmasked(name, values)
    given = f"{values.dtype} {tuple(values.shape)}"
    whole = isinstance(values, Tensor) and not values.is_floating_point() and not values.is_complex()
    if not whole and getattr(values.dtype, "kind", "f") not in "iub":
        raise InputError(f"{name} must be of an integer type, got {given}")
    if values.ndim != 1:
        raise InputError(f"{name} must have shape (images,), got {given}")
    # a copy, because an accumulator keeps labels whose tensor may be filled again
    return (
        values.to(torch.int64, copy=True) if isinstance(values, Tensor) else torch.from_numpy(values.astype(np.int64))
    )


def _class_balanced_weights(labels: Int[Tensor, " n"]) -> Float[np.ndarray, " n"]:
    """1 / (images of its class x classes present), so that a weighted count of hits is a mean over classes."""
    if not labels.numel():
        raise InputError("labels must hold at least one image, got none")
    _, inverse, count = np.unique(labels.cpu().numpy(), return_inverse=True, return_counts=True)
    return 1 / (count[inverse] * float(len(count)))

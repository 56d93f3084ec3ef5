"""Accuracies of zero-shot learning, and the exact seen-unseen curve of generalised zero-shot learning.

Accuracies are shares in [0, 1], averaged per class, so that frequent classes count no more than rare ones
(Xian et al., "Zero-Shot Learning: A Comprehensive Evaluation", TPAMI 2019). Tensors or arrays, any device.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from zslcore.errors import InputError


def per_class_accuracy(
    predicted: Int[Tensor, " n"] | Int[np.ndarray, " n"], labels: Int[Tensor, " n"] | Int[np.ndarray, " n"]
) -> float:
    """Accuracy of each class present in ``labels``, averaged over these classes; in [0, 1].

    Raises InputError for empty labels or shapes that differ.

    >>> per_class_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))  # class 0: 2/2, class 1: 1/2
    0.75
    """
    predicted, labels = torch.as_tensor(predicted), torch.as_tensor(labels)
    if predicted.shape != labels.shape:
        raise InputError(
            f"predicted and labels must have one shape, got {tuple(predicted.shape)} and {tuple(labels.shape)}"
        )
    return float((_class_balanced_weights(labels) * (predicted == labels)).sum())


def harmonic_mean(
    seen: float | Float[np.ndarray, "..."], unseen: float | Float[np.ndarray, "..."]
) -> float | Float[np.ndarray, "..."]:
    """Harmonic mean 2su/(s+u) of seen and unseen accuracy, elementwise; 0 where both are 0.

    >>> harmonic_mean(0.75, 0.25)
    0.375
    """
    seen, unseen = np.asarray(seen, dtype=float), np.asarray(unseen, dtype=float)
    total = seen + unseen
    harmonic = 2 * seen * unseen / np.where(total > 0, total, 1)
    return harmonic if harmonic.ndim else float(harmonic)


@dataclass(frozen=True, eq=False)
class SeenUnseenCurve:
    """Every (S, U) that calibrated stacking can reach, from gamma = -inf (all seen) to +inf (all unseen).

    Calibrated stacking (Chao et al., ECCV 2016) subtracts ``gamma`` from the scores of the seen classes. S
    and U are step functions of gamma; entry k holds on ``threshold[k-1] < gamma <= threshold[k]``.

    Attributes:
        gamma: (K+1,) a constant inside each step: the middle of the inner ones, 1 beyond the outer ones.
        seen, unseen, harmonic: (K+1,) accuracies of seen and unseen test images, and their harmonic mean.
        ausuc: area under the curve of S over U, in [0, 1].
        threshold: (K,) the increasing values of gamma at which predictions change.

    Made by :func:`seen_unseen_curve`.

    >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5], [2.0, 0.0, 1.0]])  # two seen classes, then an unseen one
    >>> curve = seen_unseen_curve(score[:2], np.array([0, 1]), score[2:], np.array([2]), num_seen=2)
    >>> curve.threshold, curve.seen, curve.unseen  # the margins 2, 0.5 and 1, by which the three choose a seen class
    (array([0.5, 1. , 2. ]), array([1. , 0.5, 0.5, 0. ]), array([0., 0., 1., 1.]))
    >>> curve.at(0.0)[:3], [round(value, 3) for value in curve.best()], curve.ausuc
    ((1.0, 0.0, 0.0), [0.5, 1.0, 0.667, 1.5], 0.5)
    """

    gamma: Float[np.ndarray, " steps"]
    seen: Float[np.ndarray, " steps"]
    unseen: Float[np.ndarray, " steps"]
    harmonic: Float[np.ndarray, " steps"]
    ausuc: float
    threshold: Float[np.ndarray, " thresholds"]

    def best(self) -> tuple[float, float, float, float]:
        """(S, U, H, gamma) at the largest harmonic mean: chosen on the data of this curve."""
        return self._point(int(self.harmonic.argmax()))

    def at(self, gamma: float) -> tuple[float, float, float, float]:
        """(S, U, H, gamma) at a constant chosen elsewhere; ``at(0.0)`` is the uncalibrated classifier."""
        index = int(np.searchsorted(self.threshold, gamma, side="left"))
        seen, unseen, harmonic, _ = self._point(index)
        return seen, unseen, harmonic, float(gamma)

    def _point(self, index: int) -> tuple[float, float, float, float]:
        values = (self.seen[index], self.unseen[index], self.harmonic[index], self.gamma[index])
        return tuple(float(value) for value in values)


def seen_unseen_curve(
    score_seen: Float[Tensor, "n C"] | Float[np.ndarray, "n C"],
    labels_seen: Int[Tensor, " n"] | Int[np.ndarray, " n"],
    score_unseen: Float[Tensor, "m C"] | Float[np.ndarray, "m C"],
    labels_unseen: Int[Tensor, " m"] | Int[np.ndarray, " m"],
    *,
    num_seen: int,
) -> SeenUnseenCurve:
    """Exact seen-unseen accuracy curve, in O(n C + n log n) instead of a sweep over gamma.

    ``score_*`` are scores over all C classes, the ``num_seen`` seen ones first; ``labels_*`` index the same
    C columns. An image goes from its best seen to its best unseen class when gamma exceeds its margin (best
    seen score minus best unseen score), so S and U at every gamma are cumulative sums over sorted margins.
    Ties go to the seen class. Raises InputError when a side has no image, when 0 < num_seen < C is not so,
    or for scores that are not finite.

    >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5]])  # two seen classes, one unseen
    >>> curve = seen_unseen_curve(score, np.array([0, 1]), score[1:], np.array([2]), num_seen=2)
    >>> curve.at(0.0), curve.at(1.0)
    ((1.0, 0.0, 0.0, 0.0), (0.5, 1.0, 0.6666666666666666, 1.0))
    """
    margin_seen, hit_seen, _ = _two_way(score_seen, labels_seen, num_seen, "score_seen")
    margin_unseen, _, hit_unseen = _two_way(score_unseen, labels_unseen, num_seen, "score_unseen")
    gain_seen = hit_seen * _class_balanced_weights(torch.as_tensor(labels_seen))
    gain_unseen = hit_unseen * _class_balanced_weights(torch.as_tensor(labels_unseen))

    threshold, group = torch.cat([margin_seen, margin_unseen]).unique(return_inverse=True)
    lost = torch.zeros_like(threshold).index_add(0, group[: len(margin_seen)], gain_seen)
    won = torch.zeros_like(threshold).index_add(0, group[len(margin_seen) :], gain_unseen)
    zero = threshold.new_zeros(1)
    seen = torch.cat([lost.flip(0).cumsum(0).flip(0), zero]).cpu().numpy()  # what is not yet lost
    unseen = torch.cat([zero, won.cumsum(0)]).cpu().numpy()
    threshold = threshold.cpu().numpy()
    gamma = np.concatenate([threshold[:1] - 1, (threshold[1:] + threshold[:-1]) / 2, threshold[-1:] + 1])
    # a step changes S or U, or both at once for equal margins: the trapezium covers either case exactly
    ausuc = float(np.trapezoid(seen, unseen))
    return SeenUnseenCurve(gamma, seen, unseen, harmonic_mean(seen, unseen), ausuc, threshold)


def _two_way(
    score: Tensor | np.ndarray, labels: Tensor | np.ndarray, num_seen: int, name: str
) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"], Bool[Tensor, " n"]]:
    """Margin of each image, and whether its best seen and its best unseen class is the right one."""
    score, labels = torch.as_tensor(score).double(), torch.as_tensor(labels)
    if not 0 < num_seen < score.shape[1]:
        raise InputError(
            f"num_seen must lie in 1..{score.shape[1] - 1} ({name} has C={score.shape[1]}), got {num_seen}"
        )
    if not len(score) or len(score) != len(labels):
        raise InputError(f"{name} must hold one row per label and at least one, got {len(score)} and {len(labels)}")
    if not score.isfinite().all():
        raise InputError(f"{name} must be finite, got NaN or infinity")
    best_seen, class_seen = score[:, :num_seen].max(1)
    best_unseen, class_unseen = score[:, num_seen:].max(1)
    return best_seen - best_unseen, class_seen == labels, class_unseen + num_seen == labels


def _class_balanced_weights(labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """1 / (images of its class x classes present): a weighted count of hits is the mean of classes."""
    if not labels.numel():
        raise InputError("labels must hold at least one image, got none")
    _, inverse, count = labels.unique(return_inverse=True, return_counts=True)
    return 1 / (count.double()[inverse] * len(count))

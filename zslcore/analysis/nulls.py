"""Null models: the errors that simple causes produce, to compare with observed errors."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float, Int

from zslcore.analysis._checks import check_choice, check_shapes, present_classes
from zslcore.analysis._classes import lengths, unit_rows
from zslcore.errors import InputError

NULLS = ("constant", "multiplicative", "shrinkage", "missing_mean")
KINDS = (*NULLS, "image_labels")  # the last needs shares as labels
_LARGEST_PULL = {"shrinkage": 1.0, "missing_mean": 2.0}  # the others have no pull


def null_errors(
    labels: Float[np.ndarray, "C A"],
    kind: str,
    *,
    images: int | Int[np.ndarray, " C"],
    noise: float,
    rng: np.random.Generator,
    pull: float = 0.3,
    normalize: bool = True,
    shared: Float[np.ndarray, " A"] | None = None,
) -> Float[np.ndarray, "C A"]:
    """Error matrix of a null model: the mean squared error of noisy predictions over the images of each class.

    With e standard normal, drawn for every image, the prediction f of a label a is

    - ``"constant"``: f = a + noise e;
    - ``"multiplicative"``: f = a (1 + noise e);
    - ``"shrinkage"``: f = a + pull (mean - a) + noise e, where mean is the attribute's mean over classes;
    - ``"missing_mean"``: f = a - pull shared + noise e, as a cosine cross entropy leaves out what all classes share;
    - ``"image_labels"``: f = y + noise e, where y is 1 with probability a, else 0: a detector that is right about each
      image. Labels must be shares in [0, 1].

    Normalisation matters: dividing a + noise e by its length, about sqrt(1 + A noise^2), gives c a + c noise e with the
    cosine c < 1, so that even constant noise has the expected error (1 - c)^2 a^2 + c^2 noise^2, which rises with the
    label. Without it the expected errors are noise^2, (noise a)^2, noise^2 + pull^2 (mean - a)^2,
    noise^2 + pull^2 shared^2 and noise^2 + a (1 - a).

    Args:
        labels: label value of each class and attribute.
        kind: the null model.
        images: number of images, one for all classes or one for each. A class without images gets a row of NaN.
        noise: at least 0, in the unit of the (normalised) labels; relative for ``"multiplicative"``.
        rng: source of the noise.
        pull: strength of the shrinkage, in [0, 1]; multiple of the mean that is missing, in [0, 2].
        normalize: whether to normalise labels before the noise and predictions after it, as ReMSE does. Labels of a
            class must then not be all 0.
        shared: what ``"missing_mean"`` leaves out, by default the mean of the given (normalised) labels. The mean over
            the seen classes, for errors on unseen ones.

    Example:
        >>> rng, labels = np.random.default_rng(0), np.array([[0.0, 1.0]])
        >>> null_errors(labels, "multiplicative", images=1000, noise=0.1, rng=rng, normalize=False).round(3)
        array([[0.  , 0.01]])
    """
    count = _counts(images, len(labels))
    _check(labels, kind, noise, pull)
    draws = _draws(kind, count, labels.shape[1], rng)
    return _errors(labels, kind, draws, noise=noise, pull=pull, normalize=normalize, shared=shared)


class FittedNull(NamedTuple):
    """A null model fitted to an error matrix: its noise, its pull (0 for models without), its error matrix."""

    noise: float
    pull: float
    errors: Float[np.ndarray, "C A"]


def fit_null(
    labels: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    kind: str,
    *,
    images: int | Int[np.ndarray, " C"],
    seed: int = 0,
    normalize: bool = True,
    shared: Float[np.ndarray, " A"] | None = None,
) -> FittedNull:
    """A null model with the mean error of ``errors``; the pull is the one with the closest errors (least squares).

    Image labels alone may have a larger mean error; the noise is then 0.

    Args and errors are those of :func:`matched_nulls`.

    Example:
        >>> labels = np.random.default_rng(0).random((20, 30))
        >>> made = null_errors(labels, "missing_mean", images=500, noise=0.1, pull=0.8, rng=np.random.default_rng(1))
        >>> noise, pull, _ = fit_null(labels, made, "missing_mean", images=500)
        >>> round(noise, 1), round(pull, 1)
        (0.1, 0.8)
    """
    check_shapes(labels, errors, "labels and errors")
    present, placed = present_classes(errors), np.full(errors.shape, np.nan)
    if not present.any():
        return FittedNull(float("nan"), float("nan"), placed)
    count, known, seen = _counts(images, len(labels))[present], labels[present], errors[present].astype(np.float64)
    _check(known, kind, 0.0, 0.0)
    # the same random numbers every time, so that errors grow with the noise
    draws = list(_draws(kind, np.maximum(count, 1), labels.shape[1], np.random.default_rng(seed)))

    @functools.lru_cache  # the searches below ask for some matrices up to three times
    def draw(noise: float, pull: float) -> np.ndarray:
        return _errors(known, kind, draws, noise=noise, pull=pull, normalize=normalize, shared=shared)

    def noise_of(pull: float) -> float:
        return _root(lambda noise: float(draw(noise, pull).mean()), float(seen.mean()), kind)

    pull = _closest_pull(draw, noise_of, seen, _LARGEST_PULL[kind]) if kind in _LARGEST_PULL else 0.0
    noise = noise_of(pull)
    placed[present] = np.where(count[:, None] > 0, draw(noise, pull), np.nan)
    return FittedNull(noise, pull, placed)


def matched_nulls(
    labels: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    *,
    images: int | Int[np.ndarray, " C"],
    seed: int = 0,
    normalize: bool = True,
    shared: Float[np.ndarray, " A"] | None = None,
    kinds: Sequence[str] = NULLS,
) -> dict[str, Float[np.ndarray, "C A"]]:
    """An error matrix of each null model by its name, all with the mean error of ``errors``, see :func:`fit_null`.

    Raises InputError if no noise gives the mean (normalised predictions, for example, cannot reach 3 / A).

    ``images``, ``normalize`` and ``shared`` are as in :func:`null_errors`, and as the errors were measured. A row of
    NaN in ``errors`` is an absent class.

    Example:
        >>> nulls = matched_nulls(np.eye(50), np.full((50, 50), 0.01), images=100)
        >>> {kind: round(float(matrix.mean()), 3) for kind, matrix in nulls.items()}
        {'constant': 0.01, 'multiplicative': 0.01, 'shrinkage': 0.01, 'missing_mean': 0.01}
    """
    return {
        kind: fit_null(labels, errors, kind, images=images, seed=seed, normalize=normalize, shared=shared).errors
        for kind in kinds
    }


def explained_share(errors: Float[np.ndarray, "C A"], null: Float[np.ndarray, "C A"]) -> float:
    """R^2: the share of the variance of the errors over cells that a null model explains; negative if it misleads.

    Rows of NaN in either are left out. NaN if the errors are all equal.

    Example:
        >>> explained_share(np.array([[1.0, 3.0]]), np.array([[1.0, 2.0]]))
        0.5
    """
    check_shapes(errors, null, "errors and null")
    both = present_classes(errors) & present_classes(null)
    errors, null = errors[both].astype(np.float64), null[both]
    spread = ((errors - errors.mean()) ** 2).sum() if both.any() else 0.0
    return float(1 - ((errors - null) ** 2).sum() / spread) if spread > 0 else float("nan")


def _draws(
    kind: str, count: Int[np.ndarray, " C"], attributes: int, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
    """For each class with images: its index, what decides the labels of its images, and standard normal noise."""
    for c in np.flatnonzero(count).tolist():
        shape = (count[c], attributes)
        yield c, rng.random(shape) if kind == "image_labels" else None, rng.standard_normal(shape)


def _errors(
    labels: Float[np.ndarray, "C A"],
    kind: str,
    draws: Iterable[tuple[int, np.ndarray | None, np.ndarray]],
    *,
    noise: float,
    pull: float,
    normalize: bool,
    shared: Float[np.ndarray, " A"] | None,
) -> Float[np.ndarray, "C A"]:
    """The matrix of :func:`null_errors` from the random numbers of :func:`_draws`."""
    labels = labels.astype(np.float64)
    length = lengths("labels to normalise", labels) if normalize else np.ones((len(labels), 1))
    shares, labels = labels, labels / length
    scale = noise * np.abs(labels) if kind == "multiplicative" else np.full(labels.shape, float(noise))
    centre = labels
    if kind in _LARGEST_PULL and len(labels):
        mean = labels.mean(0)
        away = mean if shared is None else shared
        centre = labels + pull * (mean - labels) if kind == "shrinkage" else labels - pull * away
    errors = np.full(labels.shape, np.nan)
    for c, chance, normal in draws:
        shown = centre[c] if chance is None else (chance < shares[c]) / length[c]
        prediction = shown + scale[c] * normal
        errors[c] = (((unit_rows(prediction) if normalize else prediction) - labels[c]) ** 2).mean(0)
    return errors


def _check(labels: np.ndarray, kind: str, noise: float, pull: float) -> None:
    check_choice("kind", kind, KINDS)
    if not 0 <= noise < np.inf:
        raise InputError(f"noise must be finite and at least 0, got {noise!r}")
    largest = _LARGEST_PULL.get(kind, 1.0)
    if not 0 <= pull <= largest:
        raise InputError(f"pull must be in [0, {largest:g}], got {pull!r}")
    if not np.isfinite(labels).all():
        raise InputError("labels must be finite, got NaN or infinity")
    if kind == "image_labels" and ((labels < 0) | (labels > 1)).any():
        raise InputError(f"labels must be shares in [0, 1], got {labels.min():g} to {labels.max():g}")


def _closest_pull(
    draw: Callable[..., np.ndarray], noise_of: Callable[[float], float], seen: np.ndarray, most: float
) -> float:
    """The pull whose errors are closest to the observed ones, with the noise that gives their mean."""
    mean = float(seen.mean())
    if mean == 0:
        return 0.0
    if draw(0.0, most).mean() > mean:  # the largest pull exceeds the mean without noise
        most = float(scipy.optimize.brentq(lambda pull: draw(0.0, pull).mean() - mean, 0, most, xtol=1e-3))
        most = max(0.0, most - 1e-3)  # leave room for noise
    distance = lambda pull: float(((draw(noise_of(pull), pull) - seen) ** 2).mean())  # noqa: E731
    return float(
        scipy.optimize.minimize_scalar(distance, bounds=(0, most), method="bounded", options={"xatol": 0.01}).x
    )


def _root(mean_error: Callable[[float], float], target: float, kind: str) -> float:
    """The noise at which the mean error, which increases with it, is the target."""
    low, high = 0.0, np.sqrt(target)
    if mean_error(0.0) >= target:
        return 0.0
    while mean_error(high) < target:
        low, high = high, 2 * high
        if high > 1e6 * np.sqrt(target):
            raise InputError(f"errors must have a mean that {kind} noise can reach, got {target:.3g}")
    noise = float(scipy.optimize.brentq(lambda noise: mean_error(noise) - target, low, high, rtol=1e-6))
    if abs(mean_error(noise) - target) > 0.01 * target:  # the mean jumps
        raise InputError(f"errors must have a mean that {kind} noise can reach, got {target:.3g}")
    return noise


def _counts(images: int | np.ndarray, classes: int) -> np.ndarray:
    """Number of images of each class."""
    count = np.asarray(images)
    if count.shape not in ((), (classes,)):
        raise InputError(f"images must be one number or one for each of {classes} classes, got shape {count.shape}")
    if (count < 0).any() or not np.issubdtype(count.dtype, np.integer):
        raise InputError(f"images must be whole numbers of at least 0, got {count.min()}")
    return np.broadcast_to(count, classes)

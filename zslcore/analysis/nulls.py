"""Null models: the errors that simple noise produces, to compare with observed errors."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy import optimize

from zslcore.analysis._checks import check_choice, check_shapes, present_classes
from zslcore.errors import InputError

NULLS = ("constant", "multiplicative", "shrinkage")


def null_errors(
    labels: Float[np.ndarray, "C A"],
    kind: str,
    *,
    images: int | Int[np.ndarray, " C"],
    noise: float,
    rng: np.random.Generator,
    pull: float = 0.3,
    normalize: bool = True,
) -> Float[np.ndarray, "C A"]:
    """Error matrix of a null model: the mean squared error of noisy predictions over the images of each class.

    With e standard normal, drawn for every image, the prediction f of a label a is

    - ``"constant"``: f = a + noise e;
    - ``"multiplicative"``: f = a (1 + noise e);
    - ``"shrinkage"``: f = a + pull (mean - a) + noise e, where mean is the attribute's mean over classes.

    Normalisation matters: dividing a + noise e by its length, about sqrt(1 + A noise^2), gives c a + c noise e with the
    cosine c < 1, so that even constant noise has the expected error (1 - c)^2 a^2 + c^2 noise^2, which rises with the
    label. Without it the expected errors are noise^2, (noise a)^2 and noise^2 + pull^2 (mean - a)^2.

    Args:
        labels: label value of each class and attribute.
        kind: the null model.
        images: number of images, one for all classes or one for each. A class without images gets a row of NaN.
        noise: at least 0, in the unit of the (normalised) labels; relative for ``"multiplicative"``.
        rng: source of the noise.
        pull: strength of the shrinkage, in [0, 1].
        normalize: whether to normalise labels before the noise and predictions after it, as ReMSE does. Labels of a
            class must then not be all 0.

    Example:
        >>> rng, labels = np.random.default_rng(0), np.array([[0.0, 1.0]])
        >>> null_errors(labels, "multiplicative", images=1000, noise=0.1, rng=rng, normalize=False).round(3)
        array([[0.  , 0.01]])
    """
    check_choice("kind", kind, NULLS)
    count = _counts(images, len(labels))
    if not 0 <= noise < np.inf:
        raise InputError(f"noise must be finite and at least 0, got {noise!r}")
    if not 0 <= pull <= 1:
        raise InputError(f"pull must be in [0, 1], got {pull!r}")
    if not np.isfinite(labels).all():
        raise InputError("labels must be finite, got NaN or infinity")
    labels = labels.astype(np.float64)
    if normalize:
        length = np.linalg.norm(labels, axis=1, keepdims=True)
        if not length.all():
            raise InputError(f"labels to normalise must not be all 0, got class {int(length.argmin())} without any")
        labels = labels / length
    scale = noise * np.abs(labels) if kind == "multiplicative" else np.full(labels.shape, float(noise))
    centre = labels + pull * (labels.mean(0) - labels) if kind == "shrinkage" and len(labels) else labels
    errors = np.full(labels.shape, np.nan)
    for c in np.flatnonzero(count):
        prediction = centre[c] + scale[c] * rng.standard_normal((count[c], labels.shape[1]))
        if normalize:
            length = np.linalg.norm(prediction, axis=1, keepdims=True)
            prediction /= np.where(length > 0, length, 1)
        errors[c] = ((prediction - labels[c]) ** 2).mean(0)
    return errors


def matched_nulls(
    labels: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    *,
    images: int | Int[np.ndarray, " C"],
    seed: int = 0,
    normalize: bool = True,
) -> dict[str, Float[np.ndarray, "C A"]]:
    """An error matrix of each null model by its name, all with the mean error of ``errors``.

    The pull of the shrinkage model is the one whose errors are closest to the observed ones (least squares over cells).
    Raises InputError if no noise gives the mean (normalised predictions, for example, cannot reach 3 / A).

    ``images`` and ``normalize`` are as in :func:`null_errors`, and as the errors were measured. A row of NaN in
    ``errors`` is an absent class.

    Example:
        >>> nulls = matched_nulls(np.eye(50), np.full((50, 50), 0.01), images=100)
        >>> {kind: round(float(matrix.mean()), 3) for kind, matrix in nulls.items()}
        {'constant': 0.01, 'multiplicative': 0.01, 'shrinkage': 0.01}
    """
    check_shapes(labels, errors, "labels and errors")
    present = present_classes(errors)
    if not present.any():
        return {kind: np.full(errors.shape, np.nan) for kind in NULLS}
    count, known, seen = _counts(images, len(labels))[present], labels[present], errors[present].astype(np.float64)

    def draw(kind: str, noise: float, pull: float = 0.0) -> np.ndarray:
        # the same random numbers every time, so that errors grow with the noise
        rng, at_least_one = np.random.default_rng(seed), np.maximum(count, 1)
        return null_errors(known, kind, images=at_least_one, noise=noise, rng=rng, pull=pull, normalize=normalize)

    def fitted(kind: str, pull: float = 0.0) -> np.ndarray:
        noise = _root(lambda noise: float(draw(kind, noise, pull).mean()), float(seen.mean()), kind)
        return draw(kind, noise, pull)

    nulls = {kind: fitted(kind) for kind in ("constant", "multiplicative")}
    nulls["shrinkage"] = fitted("shrinkage", _closest_pull(fitted, draw, seen))
    placed = {kind: np.full(errors.shape, np.nan) for kind in NULLS}
    for kind, matrix in nulls.items():
        placed[kind][present] = np.where(count[:, None] > 0, matrix, np.nan)
    return placed


def _closest_pull(fitted: Callable[..., np.ndarray], draw: Callable[..., np.ndarray], seen: np.ndarray) -> float:
    """The pull whose errors are closest to the observed ones, with the noise that gives their mean."""
    most, mean = 1.0, float(seen.mean())
    if mean == 0:
        return 0.0
    if draw("shrinkage", 0.0, 1.0).mean() > mean:  # a pull of 1 exceeds the mean without noise
        most = float(optimize.brentq(lambda pull: draw("shrinkage", 0.0, pull).mean() - mean, 0, 1, xtol=1e-3))
        most = max(0.0, most - 1e-3)  # leave room for noise
    distance = lambda pull: float(((fitted("shrinkage", pull) - seen) ** 2).mean())  # noqa: E731
    return float(optimize.minimize_scalar(distance, bounds=(0, most), method="bounded", options={"xatol": 0.01}).x)


def _root(mean_error: Callable[[float], float], target: float, kind: str) -> float:
    """The noise at which the mean error, which increases with it, is the target."""
    low, high = 0.0, np.sqrt(target)
    if mean_error(0.0) >= target:
        return 0.0
    while mean_error(high) < target:
        low, high = high, 2 * high
        if high > 1e6 * np.sqrt(target):
            raise InputError(f"errors must have a mean that {kind} noise can reach, got {target:.3g}")
    noise = float(optimize.brentq(lambda noise: mean_error(noise) - target, low, high, rtol=1e-6))
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

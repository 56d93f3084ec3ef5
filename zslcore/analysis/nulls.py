"""Null models: the errors that simple causes produce, to compare with observed errors."""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float, Int

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import check_choice
from zslcore.analysis._classes import lengths, unit_rows
from zslcore.errors import InputError

NULLS = ("constant", "multiplicative", "shrinkage", "missing_mean")
KINDS = (*NULLS, "image_labels")  # the last needs shares as labels
LARGEST_PULL = {"shrinkage": 1.0, "missing_mean": 2.0}  # the others have no pull


@takes_tables
def null_errors(
    labels: Float[np.ndarray, "C A"],
    kind: str,
    *,
    images: int | Int[np.ndarray, " C"],
    noise: float,
    rng: np.random.Generator | int,
    pull: float = 0.3,
    normalize: bool = True,
    shared: Float[np.ndarray, " A"] | None = None,
) -> Float[np.ndarray, "C A"]:
    """Error matrix of a null model: the mean squared error of noisy predictions over the images of each class.

    With e standard normal, drawn for every image, the prediction f of a label a is

    - ``"constant"``: f = a + noise e;
    - ``"multiplicative"``: f = a (1 + noise e);
    - ``"shrinkage"``: f = a + pull (mean - a) + noise e, where mean is the attribute's mean over classes;
    - ``"missing_mean"``: f = a - pull shared + noise e; a cosine cross entropy leaves out the shared mean in this way;
    - ``"image_labels"``: f = y + noise e, where y is 1 with probability a, else 0: a detector that is right about each
      image. Labels must be shares in [0, 1].

    With normalisation, errors depend on the label even for constant noise. Dividing a + noise e by its length, about
    sqrt(1 + A noise^2), gives c a + c noise e with the cosine c < 1. The expected error is (1 - c)^2 a^2 + c^2 noise^2,
    which rises with the label. Without normalisation the expected errors of the five models are noise^2, (noise a)^2,
    noise^2 + pull^2 (mean - a)^2, noise^2 + pull^2 shared^2 and noise^2 + a (1 - a).

    Args:
        labels: label value of each class and attribute.
        kind: the null model.
        images: number of images, one for all classes or one for each. A class without images gets a row of NaN.
        noise: at least 0, in the unit of the (normalised) labels; relative for ``"multiplicative"``.
        rng: source of the noise, or its seed.
        pull: strength of the shrinkage, in [0, 1]; multiple of the mean that is missing, in [0, 2].
        normalize: whether to normalise labels before the noise and predictions after it, as ReMSE does. Labels of a
            class must then not be all 0.
        shared: the vector that ``"missing_mean"`` leaves out, by default the mean of the given (normalised) labels. For
            errors on unseen classes, give the mean over the seen classes.

    Example:
        >>> rng, labels = np.random.default_rng(0), np.array([[0.0, 1.0]])
        >>> null_errors(labels, "multiplicative", images=1000, noise=0.1, rng=rng, normalize=False).round(3)
        array([[0.  , 0.01]])
    """
    count = image_counts(images, len(labels))
    check_null(labels, kind, noise, pull)
    draws = null_draws(kind, count, labels.shape[1], np.random.default_rng(rng))
    return errors_of_draws(labels, kind, draws, noise=noise, pull=pull, normalize=normalize, shared=shared)


def null_draws(
    kind: str, count: Int[np.ndarray, " C"], attributes: int, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
    """For each class with images: its index, the random numbers for the labels of its images, and normal noise."""
    for c in np.flatnonzero(count).tolist():
        shape = (count[c], attributes)
        yield c, rng.random(shape) if kind == "image_labels" else None, rng.standard_normal(shape)


def errors_of_draws(
    labels: Float[np.ndarray, "C A"],
    kind: str,
    draws: Iterable[tuple[int, np.ndarray | None, np.ndarray]],
    *,
    noise: float,
    pull: float,
    normalize: bool,
    shared: Float[np.ndarray, " A"] | None,
) -> Float[np.ndarray, "C A"]:
    """The matrix of :func:`null_errors` from the random numbers of :func:`null_draws`."""
    labels = labels.astype(np.float64)
    length = lengths("labels to normalise", labels) if normalize else np.ones((len(labels), 1))
    shares, labels = labels, labels / length
    scale = noise * np.abs(labels) if kind == "multiplicative" else np.full(labels.shape, float(noise))
    centre = labels
    if kind in LARGEST_PULL and len(labels):
        mean = labels.mean(0)
        away = mean if shared is None else shared
        centre = labels + pull * (mean - labels) if kind == "shrinkage" else labels - pull * away
    errors = np.full(labels.shape, np.nan)
    for c, chance, normal in draws:
        shown = centre[c] if chance is None else (chance < shares[c]) / length[c]
        prediction = shown + scale[c] * normal
        errors[c] = (((unit_rows(prediction) if normalize else prediction) - labels[c]) ** 2).mean(0)
    return errors


def check_null(labels: np.ndarray, kind: str, noise: float, pull: float) -> None:
    """Raise InputError for arguments of :func:`null_errors` outside their ranges."""
    check_choice("kind", kind, KINDS)
    if not 0 <= noise < np.inf:
        raise InputError(f"noise must be finite and at least 0, got {noise!r}")
    largest = LARGEST_PULL.get(kind, 1.0)
    if not 0 <= pull <= largest:
        raise InputError(f"pull must be in [0, {largest:g}], got {pull!r}")
    if not np.isfinite(labels).all():
        raise InputError("labels must be finite, got NaN or infinity")
    if kind == "image_labels" and ((labels < 0) | (labels > 1)).any():
        raise InputError(f"labels must be shares in [0, 1], got {labels.min():g} to {labels.max():g}")


def image_counts(images: int | np.ndarray, classes: int) -> np.ndarray:
    """Number of images of each class."""
    count = np.asarray(images)
    if count.shape not in ((), (classes,)):
        raise InputError(f"images must be one number or one for each of {classes} classes, got shape {count.shape}")
    if (count < 0).any() or not np.issubdtype(count.dtype, np.integer):
        raise InputError(f"images must be whole numbers of at least 0, got {count.min()}")
    return np.broadcast_to(count, classes)

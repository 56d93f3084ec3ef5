"""Null models: the errors that simple noise makes, and labels in another order, to put beside the observed ones."""

import numpy as np
from jaxtyping import Float, Int

from zslcore.analysis._checks import check_choice
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
) -> Float[np.ndarray, "C A"]:
    """Error matrix of a null model: the mean squared error of noisy predictions over the images of each class.

    With e normal with mean 0 and standard deviation 1, drawn for every image, the prediction f of a label a is

    - ``"constant"``: f = a + noise e. The expected error is noise^2 in every cell.
    - ``"multiplicative"``: f = a (1 + noise e). It is (noise a)^2, and goes with the label by construction.
    - ``"shrinkage"``: f = a + pull (mean - a) + noise e, drawn to the attribute's mean over the classes. It is
      noise^2 + pull^2 (mean - a)^2, and goes with the label where the labels are skewed.

    ``images`` >= 0 is their number, one for all classes or one for each; a class without any gets a row of NaN.
    ``noise`` >= 0 is in the unit of the labels, for ``"multiplicative"`` a share; ``pull`` is a share in [0, 1].
    The mean of n squares is drawn at once, as noise^2 / n times a non-central chi-squared variable of n degrees of
    freedom. Raises InputError for another kind, for numbers out of range and for labels that are not finite.

    >>> rng = np.random.default_rng(0)
    >>> null_errors(np.array([[0.0, 1.0]]), "multiplicative", images=1000, noise=0.1, rng=rng).round(3)
    array([[0.  , 0.01]])
    """
    check_choice("kind", kind, NULLS)
    count = _counts(images, len(labels))
    for name, value, most in (("noise", noise, np.inf), ("pull", pull, 1)):
        if not 0 <= value <= most or np.isinf(value):
            raise InputError(f"{name} must be {'in [0, 1]' if most == 1 else 'finite and at least 0'}, got {value!r}")
    if not np.isfinite(labels).all():
        raise InputError("labels must be finite, got NaN or infinity")
    labels = labels.astype(np.float64)
    scale = noise * np.abs(labels) if kind == "multiplicative" else np.full(labels.shape, float(noise))
    bias = pull * (labels.mean(0) - labels) if kind == "shrinkage" and len(labels) else np.zeros(labels.shape)
    noisy = scale > 0
    ratio = np.divide(bias, scale, out=np.zeros(labels.shape), where=noisy)
    freedom = np.broadcast_to(np.maximum(count, 1)[:, None], labels.shape)
    drawn = scale**2 / freedom * rng.noncentral_chisquare(freedom, freedom * ratio**2)
    return np.where(count[:, None] > 0, np.where(noisy, drawn, bias**2), np.nan)


def permuted_labels(
    labels: Float[np.ndarray, "C A"], rng: np.random.Generator, *, axis: str = "class"
) -> Float[np.ndarray, "C A"]:
    """Labels in random order within each class (over its attributes), or within each attribute; a new array.

    What remains of a correlation with the errors is chance; :func:`zslcore.analysis.label_correlation` makes a
    p-value of it. Raises InputError for another ``axis`` than ``"class"`` or ``"attribute"``.

    >>> permuted_labels(np.array([[1.0, 2.0, 3.0]]), np.random.default_rng(0)).tolist()
    [[3.0, 1.0, 2.0]]
    """
    check_choice("axis", axis, ("class", "attribute"))
    return rng.permuted(labels, axis=1 if axis == "class" else 0)


def _counts(images: int | np.ndarray, classes: int) -> np.ndarray:
    """Number of images of each class."""
    count = np.asarray(images)
    if count.shape not in ((), (classes,)):
        raise InputError(f"images must be one number or one for each of {classes} classes, got shape {count.shape}")
    if (count < 0).any():
        raise InputError(f"images must be at least 0, got {count.min()}")
    return np.broadcast_to(count, classes)

"""Null models: the errors that simple noise makes, and labels in another order, to put beside the observed ones."""

import numpy as np
from jaxtyping import Float, Int

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


def matched_nulls(
    labels: Float[np.ndarray, "C A"],
    errors: Float[np.ndarray, "C A"],
    *,
    images: int | Int[np.ndarray, " C"],
    seed: int = 0,
    pull_share: float = 0.5,
) -> dict[str, Float[np.ndarray, "C A"]]:
    """One error matrix of each null model, all with the expected mean error of ``errors``, by kind.

    The noise of each is what gives this mean; ``pull_share`` in [0, 1] of the shrinkage model's comes from the pull to
    the mean, as far as a full pull can make it (its ``pull`` is at most 1). Absent classes (rows of NaN) count neither
    here nor there. Raises InputError as :func:`null_errors`.

    >>> nulls = matched_nulls(np.eye(50), np.full((50, 50), 0.01), images=100)
    >>> {kind: round(float(matrix.mean()), 3) for kind, matrix in nulls.items()}
    {'constant': 0.01, 'multiplicative': 0.01, 'shrinkage': 0.01}
    """
    if not 0 <= pull_share <= 1:
        raise InputError(f"pull_share must lie in [0, 1], got {pull_share!r}")
    check_shapes(labels, errors, "labels and errors")
    present = present_classes(errors)
    mean = float(errors[present].mean(dtype=np.float64)) if present.any() else 0.0
    known = labels[present].astype(np.float64)
    size, spread = (float(part.mean()) if present.any() else 0.0 for part in (known**2, (known.mean(0) - known) ** 2))
    pull = min(1.0, float(np.sqrt(pull_share * mean / spread))) if spread > 0 else 0.0
    settings = {
        "constant": {"noise": float(np.sqrt(mean))},
        "multiplicative": {"noise": float(np.sqrt(mean / size)) if size > 0 else 0.0},
        "shrinkage": {"noise": float(np.sqrt(max(mean - pull**2 * spread, 0.0))), "pull": pull},
    }
    count, rng = np.where(present, _counts(images, len(labels)), 0), np.random.default_rng(seed)
    return {kind: null_errors(labels, kind, images=count, rng=rng, **settings[kind]) for kind in NULLS}


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

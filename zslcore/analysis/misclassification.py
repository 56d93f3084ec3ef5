"""Misclassified images: how close the class vectors are, and whether the closest class is predicted."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import stats

from zslcore.analysis._classes import lengths
from zslcore.analysis.intervals import bootstrap, percentile_interval
from zslcore.errors import InputError

COLUMNS = ["image", "label", "predicted", "to true", "to predicted", "true to predicted", "true to closest"]
TIE = 1e-9  # cosines that differ by less are equal


def misclassifications(
    prediction: Float[np.ndarray, "n A"],
    labels: Int[np.ndarray, " n"],
    class_vectors: Float[np.ndarray, "C A"],
    *,
    predicted: Int[np.ndarray, " n"] | None = None,
) -> pd.DataFrame:
    """One row for every misclassified image, in their order.

    Args:
        prediction: predicted attributes of each image, not all zeros unless ``predicted`` is given.
        labels: true class of each image.
        class_vectors: attributes of each of at least two classes.
        predicted: class that a classifier chose for each image. By default the class whose vector has the largest
            cosine with the prediction; a tie with the true class counts as wrong, and among tied wrong classes the one
            least similar to the true class is chosen, so that the result does not depend on the order of classes.

    Returns:
        The columns ``image`` (index into ``labels``), ``label``, ``predicted``; ``to true`` and ``to predicted``, the
        cosine of the prediction with the vector of the true and of the predicted class; ``true to predicted`` and
        ``true to closest``, the cosine of the true class with the predicted class and with its closest other class;
        ``closest``, whether the predicted class is the closest or ties with it; ``tied``, the number of classes that
        tie; ``chance``, tied / (C - 1), the probability of ``closest`` if a wrong class were drawn at random. Cosines
        are NaN for a prediction that is all zeros.

    Example:
        >>> classes = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
        >>> wrong = misclassifications(np.array([[0.9, 0.5], [1.0, 0.1]]), np.array([0, 2]), classes)
        >>> wrong[["label", "predicted", "closest", "chance"]].values.tolist()
        [[0, 1, True, 0.5], [2, 0, False, 0.5]]
    """
    vectors = _unit_vectors(class_vectors)
    shape = (len(labels), vectors.shape[1])
    if prediction.shape != shape or not np.isfinite(prediction).all():
        raise InputError(f"prediction must be finite and have shape {shape}, got {prediction.shape}")
    length = np.linalg.norm(prediction.astype(np.float64), axis=1, keepdims=True)
    cosine = np.divide(prediction, length, out=np.full(shape, np.nan), where=length > 0) @ vectors.T
    if predicted is None and not length.all():
        raise InputError("prediction must not be all zeros for an image unless predicted is given")
    _check_classes("labels", labels, vectors, labels)
    between = vectors @ vectors.T
    np.fill_diagonal(between, -np.inf)  # a class is not its own closest class
    if predicted is None:
        predicted = _largest_cosine(cosine, between, labels)
    _check_classes("predicted", predicted, vectors, labels)

    closest = between.max(1)
    is_closest = between >= closest[:, None] - TIE
    tied = is_closest.sum(1)
    image = np.flatnonzero(predicted != labels)
    label, wrong = labels[image], predicted[image]
    values = (image, label, wrong, cosine[image, label], cosine[image, wrong], between[label, wrong], closest[label])
    frame = pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))
    return frame.assign(closest=is_closest[label, wrong], tied=tied[label], chance=tied[label] / (len(vectors) - 1))


def closest_class_share(wrong: pd.DataFrame, *, seed: int = 0) -> dict[str, float]:
    """Share of misclassified images that go to the class closest to their own, beside the share expected by chance.

    Args:
        wrong: the frame of :func:`misclassifications`.
        seed: seed of the bootstrap.

    Returns:
        ``share`` in [0, 1], where any of several tied classes counts as the closest; ``low`` and ``high``, its 95 %
        interval; ``chance``, the share expected if every error went to another class at random. All are NaN without
        errors. The interval resamples true classes, because the images of a class share their closest class (Davison
        and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8); it needs two classes with errors. If
        all errors or none go to the closest class, it is Wilson's interval with one draw for each class.

    Example:
        >>> wrong = pd.DataFrame({"label": [0, 3], "closest": [True, False], "chance": [0.25, 0.5]})
        >>> closest_class_share(wrong)
        {'share': 0.5, 'low': 0.0, 'high': 1.0, 'chance': 0.375}
    """
    by_class = wrong.groupby("label")["closest"].agg(["sum", "size"])
    by_class = by_class.sort_values(["sum", "size"])  # so that the draws do not depend on the order of classes
    hits, sizes = by_class.astype(np.float64).to_numpy().T
    if len(sizes) < 2:
        low, high = np.nan, np.nan
    elif hits.sum() in (0, sizes.sum()):
        found = stats.binomtest(len(sizes) if hits.any() else 0, len(sizes))
        low, high = found.proportion_ci(method="wilson")
    else:
        ratio = lambda hits, sizes: hits.sum(-1) / sizes.sum(-1)  # noqa: E731
        low, high = percentile_interval(bootstrap(ratio, hits, sizes, resamples=9999, seed=seed))
    share, chance = (wrong[name].mean() if len(wrong) else np.nan for name in ("closest", "chance"))
    return {"share": float(share), "low": float(low), "high": float(high), "chance": float(chance)}


def _largest_cosine(cosine: np.ndarray, between: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Class of the largest cosine; of several, the one least similar to the true class."""
    tied = cosine >= cosine.max(1, keepdims=True) - TIE
    likeness = between[labels]
    likeness[np.arange(len(labels)), labels] = 2  # above any cosine, so that the true class loses ties
    return np.where(tied, likeness, np.inf).argmin(1)


def _unit_vectors(class_vectors: np.ndarray) -> np.ndarray:
    """Class vectors of length 1, as float64."""
    if len(class_vectors) < 2:
        raise InputError(f"class_vectors must hold at least two classes, got {len(class_vectors)}")
    if not np.isfinite(class_vectors).all():
        raise InputError("class_vectors must be finite, got NaN or infinity")
    vectors = class_vectors.astype(np.float64)
    return vectors / lengths("class_vectors", vectors)


def _check_classes(name: str, values: np.ndarray, vectors: np.ndarray, images: np.ndarray) -> None:
    if values.shape != (len(images),):
        raise InputError(f"{name} must have shape ({len(images)},), got {values.shape}")
    if len(images) and not 0 <= values.min() <= values.max() < len(vectors):
        raise InputError(f"{name} must lie in 0..{len(vectors) - 1}, got {values.min()}..{values.max()}")

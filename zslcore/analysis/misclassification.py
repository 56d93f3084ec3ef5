"""Where wrongly classified images go: how close their class vectors lie, and whether the closest class takes them."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import stats

from zslcore.analysis.intervals import bootstrap, percentile_interval
from zslcore.errors import InputError

COLUMNS = ["image", "label", "predicted", "to true", "to predicted", "true to predicted", "true to closest"]
TIE = 1e-9  # cosines that differ by less are equal: far above the rounding of float64, far below any meaning


def misclassifications(
    prediction: Float[np.ndarray, "n A"],
    labels: Int[np.ndarray, " n"],
    class_vectors: Float[np.ndarray, "C A"],
    *,
    predicted: Int[np.ndarray, " n"] | None = None,
) -> pd.DataFrame:
    """One row for every wrongly classified image, in their order; no row if there is none.

    ``predicted`` holds the classes that a classifier chose, such as the argmax of calibrated scores; without it,
    the class whose vector has the largest cosine with the prediction. There, a tie is read against the classifier
    and against the closest class, whatever the order of the classes: a tie with the true class is wrong, and of
    several wrong classes that tie, the one farthest from the true class is the predicted one. (Accuracies of
    :mod:`zslcore.metrics` take a tie as the order of classes and splits has it.) Columns:

    - ``image`` (index into ``labels``), ``label``, ``predicted``
    - ``to true``, ``to predicted``: cosine of the prediction to the vector of the true and of the predicted class
    - ``true to predicted``, ``true to closest``: cosine of the true class's vector to that of the predicted class,
      and to that of the other class which is closest to it
    - ``closest``: whether the predicted class is the closest, or one of those that share this place
    - ``tied``: how many classes share it, 1 without a tie
    - ``chance``: tied / (C - 1), the chance of ``closest`` if the wrong class were drawn among all others

    Cosines are in [-1, 1]; NaN for a prediction that is all zeros. Raises InputError for such a prediction without
    ``predicted``, fewer than two classes, a class vector that is all zeros, values that are not finite, and class
    numbers outside 0..C-1.

    >>> classes = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    >>> wrong = misclassifications(np.array([[0.9, 0.5], [1.0, 0.1]]), np.array([0, 2]), classes)
    >>> wrong[["label", "predicted", "closest", "chance"]].values.tolist()
    [[0, 1, True, 0.5], [2, 0, False, 0.5]]
    """
    vectors = _unit_vectors(class_vectors)
    if prediction.shape != (len(labels), vectors.shape[1]) or not np.isfinite(prediction).all():
        raise InputError(
            f"prediction must be finite and have shape ({len(labels)}, {vectors.shape[1]}), got {prediction.shape}"
        )
    length = np.linalg.norm(prediction.astype(np.float64), axis=1, keepdims=True)
    cosine = np.divide(prediction, length, out=np.full(prediction.shape, np.nan), where=length > 0) @ vectors.T
    if predicted is None and not length.all():
        raise InputError("a prediction that is all zeros is closest to no class: give predicted, or leave it out")
    _check_classes("labels", labels, len(vectors), len(labels))
    between = vectors @ vectors.T
    np.fill_diagonal(between, -np.inf)  # a class is not among its own others
    if predicted is None:
        predicted = _largest_cosine(cosine, between, labels)
    _check_classes("predicted", predicted, len(vectors), len(labels))

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
    share, chance = (float(wrong[name].mean()) if len(wrong) else float("nan") for name in ("closest", "chance"))
    by_class = wrong.groupby("label")["closest"].agg(["sum", "size"])
    by_class = by_class.sort_values(["sum", "size"])  # so that the draws do not depend on the order of classes
    hits, sizes = by_class.astype(np.float64).to_numpy().T
    low, high = _cluster_interval(hits, sizes, seed)
    return {"share": share, "low": low, "high": high, "chance": chance}


def _cluster_interval(hits: np.ndarray, sizes: np.ndarray, seed: int) -> tuple[float, float]:
    """Interval of sum(hits) / sum(sizes) with classes as independent draws."""
    if len(sizes) < 2:
        return float("nan"), float("nan")
    if hits.sum() in (0, sizes.sum()):
        interval = stats.binomtest(len(sizes) if hits.any() else 0, len(sizes)).proportion_ci(method="wilson")
        return float(interval.low), float(interval.high)
    ratio = lambda hits, sizes: hits.sum(-1) / sizes.sum(-1)  # noqa: E731
    return percentile_interval(bootstrap(ratio, hits, sizes, resamples=9999, seed=seed))


def _largest_cosine(cosine: np.ndarray, between: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Class of the largest cosine; of several, the one whose cosine ``between`` it and the true class is least."""
    tied = cosine >= cosine.max(1, keepdims=True) - TIE
    likeness = between[labels]
    likeness[np.arange(len(labels)), labels] = 2  # the true class only where no other ties: above any cosine
    return np.where(tied, likeness, np.inf).argmin(1)


def _unit_vectors(class_vectors: np.ndarray) -> np.ndarray:
    """Class vectors of length 1, as float64."""
    if len(class_vectors) < 2:
        raise InputError(f"class_vectors must hold at least two classes, got {len(class_vectors)}")
    if not np.isfinite(class_vectors).all():
        raise InputError("class_vectors must be finite, got NaN or infinity")
    vectors = class_vectors.astype(np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not length.all():
        raise InputError(f"class_vectors must not be all zeros, got zeros for class {np.flatnonzero(length == 0)[0]}")
    return vectors / length


def _check_classes(name: str, values: np.ndarray, classes: int, images: int) -> None:
    if values.shape != (images,):
        raise InputError(f"{name} must have shape ({images},), got {values.shape}")
    if images and not 0 <= values.min() <= values.max() < classes:
        raise InputError(f"{name} must lie in 0..{classes - 1}, got {values.min()}..{values.max()}")

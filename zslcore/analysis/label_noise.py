"""Labels of single images, compared with class vectors, which are means of these labels."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import check_shapes
from zslcore.analysis._classes import Images, Labels, Vectors, check_images, class_means, lengths, unit_rows
from zslcore.analysis.correlation import ROUNDING
from zslcore.errors import InputError


@takes_tables
def oracle_errors(image_labels: Images, labels: Labels, vectors: Vectors, *, normalize: bool = False) -> Vectors:
    """Error matrix of a detector that predicts each image's own label: the mean of (label - class value)^2.

    For labels in {0, 1} with the class mean m, this error is m (1 - m). A cell without labels is NaN.

    Args:
        image_labels: labels of the images, NaN where there is none, (n, A).
        labels: class of each image, a row of ``vectors``, (n,).
        vectors: class vectors, as shares in [0, 1], (C, A).
        normalize: whether to scale the labels of an image, and the class vectors, to unit length first, over the
            attributes that have labels. Images without some of these labels are then left out.

    Example:
        >>> oracle_errors(np.array([[0.0], [1.0], [1.0], [1.0]]), np.zeros(4, dtype=int), np.array([[0.75]]))
        array([[0.1875]])
    """
    check_images(labels, vectors, image_labels=image_labels)
    if normalize:
        labelled = np.isfinite(image_labels).any(0)
        complete = np.isfinite(image_labels[:, labelled]).all(1, keepdims=True)
        image_labels = np.where(labelled & complete, unit_rows(np.nan_to_num(image_labels)), np.nan)
        vectors = unit_rows(np.where(labelled, vectors, 0))
    return class_means((image_labels - vectors[labels]) ** 2, labels, len(vectors))


class ErrorParts(NamedTuple):
    """Parts of the error against the class vector: error = image + variance + cross. NaN for cells without labels.

    Attributes:
        error: mean of (prediction - class value)^2.
        image: mean of (prediction - label)^2: the error against the image's own label.
        variance: mean of (label - class value)^2: the labels' own variance, see :func:`oracle_errors`.
        cross: mean of 2 (prediction - label) (label - class value). It is 0 for a perfect detector, and -2 variance for
            a prediction that does not vary within the class.
    """

    error: Vectors
    image: Vectors
    variance: Vectors
    cross: Vectors


@takes_tables
def error_parts(
    prediction: Images, image_labels: Images, vectors: Vectors, labels: Labels, *, normalize: bool = True
) -> ErrorParts:
    """Split the error against the class vector by the labels of the single images.

    Args:
        prediction: predicted attributes of the images, (n, A).
        image_labels: labels of the images, (n, A). Where there is none (NaN), the prediction is left out too.
        vectors: class vectors as shares in [0, 1], the unit of the image labels, (C, A).
        labels: class of each image, a row of ``vectors``, (n,).
        normalize: whether to scale predictions and class vectors to unit length first. The labels of an image are then
            divided by the length of its class vector, so that their class means stay the class values.

    Example:
        >>> truth, vectors, labels = np.array([[0.0], [1.0]]), np.array([[0.5]]), np.array([0, 0])
        >>> detector = error_parts(truth, truth, vectors, labels, normalize=False)
        >>> constant = error_parts(0 * truth + 0.5, truth, vectors, labels, normalize=False)
        >>> [part.item() for part in detector], [part.item() for part in constant]
        ([0.25, 0.0, 0.25, 0.0], [0.0, 0.25, 0.25, -0.5])
    """
    predicted, shown = _deviations(prediction, image_labels, vectors, labels, normalize)
    parts = (predicted**2, (predicted - shown) ** 2, shown**2, 2 * (predicted - shown) * shown)
    return ErrorParts(*(class_means(np.where(np.isnan(shown), np.nan, part), labels, len(vectors)) for part in parts))


@takes_tables
def image_information(
    prediction: Images,
    image_labels: Images,
    vectors: Vectors,
    labels: Labels,
    *,
    normalize: bool = True,
    shuffles: int = 100,
    seed: int = 0,
) -> tuple[Float[np.ndarray, " A"], Float[np.ndarray, "shuffles A"]]:
    """Whether predictions know the single image: whether they deviate from the class vector as its labels do.

    Args:
        prediction, image_labels, vectors, labels, normalize: as for :func:`error_parts`.
        shuffles: how often predictions are exchanged between images of the same class.
        seed: seed of the shuffles.

    Returns:
        For each attribute, the correlation over images of two differences, prediction minus class value and label minus
        class value. The same for each shuffle, in which predictions only know the class. NaN if an attribute has no
        labels, or if one of the two differences is constant.

    Example:
        >>> truth, vectors = np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([[0.5]])
        >>> right, shuffled = image_information(3 * truth, truth, vectors, np.zeros(4, dtype=int), normalize=False)
        >>> right.round(6), shuffled.shape
        (array([1.]), (100, 1))
    """
    predicted, shown = _deviations(prediction, image_labels, vectors, labels, normalize)
    # a prediction that is the class vector up to rounding knows nothing about the image
    predicted[:, np.abs(predicted).max(0) <= ROUNDING * np.abs(vectors).max()] = 0
    rng, by_class = np.random.default_rng(seed), np.argsort(labels, kind="stable")
    shuffled = np.empty((shuffles, vectors.shape[1]))
    for row in shuffled:
        order = np.empty_like(by_class)
        order[by_class] = np.lexsort((rng.random(len(labels)), labels))  # another image of the same class
        row[:] = _column_correlation(predicted[order], shown)
    return _column_correlation(predicted, shown), shuffled


@takes_tables
def average_precision(scores: Images, image_labels: Images) -> Float[np.ndarray, " A"]:
    """Average precision of each attribute: the mean, over the images that show it, of the precision at their score.

    NaN labels are left out. An attribute that no image shows has NaN.

    Example:
        >>> average_precision(np.array([[0.9], [0.8], [0.7]]), np.array([[1.0], [0.0], [1.0]])).round(3)
        array([0.833])
    """
    check_shapes(scores, image_labels, "scores and image_labels")
    if not np.isin(image_labels[~np.isnan(image_labels)], (0, 1)).all():
        raise InputError("image_labels must be 0, 1 or NaN")
    if np.isnan(scores[~np.isnan(image_labels)]).any():
        raise InputError("scores must not be NaN where image_labels has a label")
    scores = scores.astype(np.float64)
    precision = np.full(scores.shape[1], np.nan)
    for attribute in range(scores.shape[1]):
        known = np.isfinite(image_labels[:, attribute])
        score, shown = scores[known, attribute], image_labels[known, attribute]
        if shown.any():
            order = np.argsort(-score, kind="stable")
            hits = np.cumsum(shown[order])
            last = np.flatnonzero(np.diff(score[order], append=-np.inf))  # of each run of equal scores
            precision[attribute] = (np.diff(hits[last], prepend=0) * hits[last] / (last + 1)).sum() / hits[-1]
    return precision


def _deviations(
    prediction: np.ndarray, image_labels: np.ndarray, vectors: np.ndarray, labels: np.ndarray, normalize: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and image label minus the value of the image's class."""
    check_images(labels, vectors, prediction=prediction, image_labels=image_labels)
    vectors = vectors.astype(np.float64)
    length = lengths("vectors", vectors) if normalize else np.ones((len(vectors), 1))
    predicted = unit_rows(prediction) if normalize else prediction.astype(np.float64)
    target = (vectors / length)[labels]
    return predicted - target, image_labels / length[labels] - target


def _column_correlation(x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, " A"]:
    """Correlation of each column of ``x`` with that of ``y``, over the rows where ``y`` is not NaN."""
    known = np.isfinite(y)
    count = np.maximum(known.sum(0), 1)
    x, y = np.where(known, x, 0), np.where(known, y, 0)
    x, y = (np.where(known, values - values.sum(0) / count, 0) for values in (x, y))
    spread = np.sqrt((x**2).sum(0) * (y**2).sum(0))
    return np.divide((x * y).sum(0), spread, out=np.full(x.shape[1], np.nan), where=spread > 0)

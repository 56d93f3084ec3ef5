"""Bias and variance of predictions, and the component that all class vectors share."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._classes import Images, Labels, Vectors, check_images, class_means, unit_rows
from zslcore.errors import InputError


class BiasVariance(NamedTuple):
    """Two error matrices, whose sum is the error; rows of absent classes are NaN."""

    bias: Vectors
    variance: Vectors


@takes_tables
def bias_variance(prediction: Images, vectors: Vectors, labels: Labels, *, normalize: bool = True) -> BiasVariance:
    """Split the error matrix into the squared bias of each class's mean prediction and the variance within the class.

    Args:
        prediction: predicted attributes of the images, (n, A).
        vectors: class vectors, (C, A).
        labels: class of each image, a row of ``vectors``, (n,).
        normalize: whether to scale predictions and class vectors to unit length first, as ReMSE does.

    Example:
        >>> prediction, vectors = np.array([[1.0], [3.0]]), np.array([[0.0]])
        >>> bias_variance(prediction, vectors, np.array([0, 0]), normalize=False)
        BiasVariance(bias=array([[4.]]), variance=array([[1.]]))
    """
    check_images(labels, vectors, prediction=prediction)
    if normalize:
        prediction, vectors = unit_rows(prediction), unit_rows(vectors)
    mean = class_means(prediction, labels, len(vectors))
    variance = class_means((prediction - mean[labels]) ** 2, labels, len(vectors))
    return BiasVariance((mean - vectors) ** 2, variance)


@takes_tables
def shared_direction(vectors: Vectors) -> Float[np.ndarray, " A"]:
    """Direction of the mean of the class vectors, each scaled to unit length; itself of unit length.

    Example:
        >>> shared_direction(np.array([[2.0, 0.0], [0.0, 5.0]])).round(3)
        array([0.707, 0.707])
    """
    mean = unit_rows(vectors).mean(0)
    if not np.linalg.norm(mean) > 0:
        raise InputError("vectors must have a mean that is not 0")
    return mean / np.linalg.norm(mean)


@takes_tables
def shared_bias(
    prediction: Images, vectors: Vectors, labels: Labels, direction: Float[np.ndarray, " A"]
) -> Float[np.ndarray, " C"]:
    """Squared bias of each class along a direction, summed over attributes.

    Predictions and class vectors are scaled to unit length first.

    Example:
        >>> vectors, direction = np.array([[0.6, 0.8]]), np.array([1.0, 0.0])
        >>> shared_bias(np.array([[0.0, 1.0]]), vectors, np.array([0]), direction).round(2)
        array([0.36])
    """
    check_images(labels, vectors, prediction=prediction)
    along = class_means(unit_rows(prediction) @ direction[:, None], labels, len(vectors))[:, 0]
    return (along - unit_rows(vectors) @ direction) ** 2


@takes_tables
def restore_mean(prediction: Images, shared: Float[np.ndarray, " A"], scale: float) -> Images:
    """Add the shared component: ``shared + scale * prediction``, with predictions scaled to unit length first.

    Example:
        >>> restore_mean(np.array([[0.0, 4.0]]), np.array([0.5, 0.5]), scale=0.5)
        array([[0.5, 1. ]])
    """
    return shared + scale * unit_rows(prediction)


@takes_tables
def restoring_scale(prediction: Images, vectors: Vectors, labels: Labels, shared: Float[np.ndarray, " A"]) -> float:
    """The scale for :func:`restore_mean` with the smallest mean squared error; fit it on training images.

    Example:
        >>> vectors, shared = np.array([[0.8, 0.6]]), np.array([0.8, 0.0])
        >>> round(restoring_scale(np.array([[0.0, 9.0]]), vectors, np.array([0]), shared), 6)
        0.6
    """
    check_images(labels, vectors, prediction=prediction)
    return float((unit_rows(prediction) * (unit_rows(vectors)[labels] - shared)).sum(1).mean())

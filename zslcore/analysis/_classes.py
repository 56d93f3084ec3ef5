"""Unit vectors and class means, for the modules that decompose errors."""

import numpy as np
from jaxtyping import Float, Int

from zslcore.errors import InputError

Images = Float[np.ndarray, "n A"]  # a value for each image and attribute
Vectors = Float[np.ndarray, "C A"]  # a value for each class and attribute
Labels = Int[np.ndarray, " n"]  # the class of each image


def unit_rows(values: Images) -> Images:
    """Rows scaled to length 1, in float64; a row of zeros stays zero."""
    values = values.astype(np.float64)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(length > 0, length, 1)


def lengths(name: str, vectors: Vectors) -> Float[np.ndarray, "C 1"]:
    """Length of each class vector; InputError if one is 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not length.all():
        raise InputError(f"{name} must not be all 0, got class {int(length.argmin())} without any value")
    return length


def class_means(values: Images, labels: Labels, num_classes: int) -> Vectors:
    """Mean of each column over the images of each class, without NaN values; NaN if no value is left."""
    known = np.isfinite(values)
    member = np.zeros((num_classes, len(labels)))
    member[labels, np.arange(len(labels))] = 1
    count = member @ known
    total = member @ np.where(known, values, 0).astype(np.float64)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def check_images(labels: Labels, vectors: Vectors, **values: Images) -> None:
    """Raise InputError unless each array has a row for each label and a column for each attribute."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        given = f"shape {labels.shape} and type {labels.dtype}"
        raise InputError(f"labels must hold a whole number for each image, got {given}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(vectors):
        raise InputError(f"labels must lie in 0..{len(vectors) - 1}, got {labels.min()} to {labels.max()}")
    for name, array in values.items():
        expected = (len(labels), vectors.shape[1])
        if array.shape != expected:
            raise InputError(f"{name} must have the shape {expected} (images, attributes), got {array.shape}")

"""Class vectors without the mean of the seen classes: centred, standardised or whitened; and equal ones."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

RELATIVE_VECTORS = ("centred", "standardised", "whitened")
SAME = 1e-5  # distance of unit vectors that differ by rounding errors


def relative_vectors(
    vectors: Float[np.ndarray, "C A"], seen: Int[np.ndarray, " S"], kind: str
) -> Float[np.ndarray, "C A"]:
    """Class vectors relative to those of the seen classes, scaled to unit length.

    Only statistics of the seen classes are used, so that training does not use the unseen classes. A vector that equals
    the mean becomes 0.

    Args:
        vectors: one vector per class.
        seen: rows of the classes that are trained on.
        kind: ``"centred"`` subtracts the mean of the seen classes; ``"standardised"`` also divides each attribute by
            its standard deviation over the seen classes (a constant attribute is only shifted); ``"whitened"`` is ZCA
            whitening after centring. It uses the covariance S + trace(S) / A * I, because S has no inverse if there are
            fewer classes than attributes.

    Example:
        >>> vectors = np.array([[3.0, 1.0], [3.0, 3.0], [5.0, 2.0]], dtype=np.float32)
        >>> relative_vectors(vectors, np.array([0, 1]), "centred").round(3).tolist()
        [[0.0, -1.0], [0.0, 1.0], [1.0, 0.0]]
    """
    trained = vectors[seen].astype(np.float64)
    centred = vectors.astype(np.float64) - trained.mean(0)
    if kind == "standardised":
        deviation = trained.std(0)
        centred /= np.where(deviation > 1e-6, deviation, 1.0)
    elif kind == "whitened":
        covariance = np.cov(trained, rowvar=False, bias=True)
        values, axes = np.linalg.eigh(covariance + np.eye(len(covariance)) * np.trace(covariance) / len(covariance))
        centred = centred @ (axes / np.sqrt(values)) @ axes.T
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return (centred / np.where(length > 0, length, 1.0)).astype(np.float32)


def describe_equal_vectors(vectors: Float[np.ndarray, "C A"], class_names: Sequence[str]) -> str:
    """How many classes have the unit vector of another one, as binary attributes often give; empty if none has.

    Example:
        >>> describe_equal_vectors(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), ["auk", "lark", "owl"])
        "2 classes have the class vector of another one, and cannot be told apart: 'lark' and 'owl'"
    """
    # in 4 dimensions, where no distance is larger: a tree of 20,000 vectors of 500 attributes takes minutes
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(vectors.shape[1], 4)))[0]
    pairs = cKDTree(vectors @ axes).query_pairs(SAME, output_type="ndarray")
    pairs = pairs[np.linalg.norm(vectors[pairs[:, 0]] - vectors[pairs[:, 1]], axis=1) <= SAME]
    if not len(pairs):
        return ""
    named = "; ".join(" and ".join(repr(class_names[index]) for index in pair) for pair in sorted(pairs.tolist())[:3])
    more = "; ..." if len(pairs) > 3 else ""
    return (
        f"{len(np.unique(pairs))} classes have the class vector of another one, and cannot be told apart: {named}{more}"
    )

"""Class vectors without the mean of the seen classes: centred, standardised or whitened."""

import numpy as np
from jaxtyping import Float, Int

RELATIVE_VECTORS = ("centred", "standardised", "whitened")


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

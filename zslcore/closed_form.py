"""Linear zero-shot methods that are solved instead of trained: ESZSL and SAE.

Pure functions of ``n`` training images, ``D`` features, ``C`` seen classes and ``A`` attributes, computed in float64.
Both return the weight W (A, D) of a linear layer without bias, so features should be centred. The predicted attributes
of an image x are W x. The image is assigned to the class whose vector has the largest cosine with W x.
"""

import inspect
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike
from scipy.linalg import eigh, solve

from zslcore._io.numbers import as_array
from zslcore.errors import InputError, one_line
from zslcore.losses.checks import check_positive

Checked = tuple[Float64[np.ndarray, "n D"], Int[np.ndarray, " n"], Float64[np.ndarray, "C A"]]
Weight = Float64[np.ndarray, "A D"]


def eszsl(
    features: ArrayLike, labels: ArrayLike, vectors: ArrayLike, *, gamma: float = 1.0, lam: float = 1.0
) -> Weight:
    """ESZSL (Romera-Paredes & Torr, ICML 2015): a bilinear score of features and class vectors, regressed on ±1.

    X (n, D) are the features and S (C, A) the class vectors. Y (n, C) is 1 for the class of an image and -1 for the
    other classes. W minimises::

        |X W^T S^T - Y|^2 + gamma |W^T S^T|^2 + lam |X W^T|^2 + gamma lam |W|^2

    W is the solution of (S^T S + lam I) W (X^T X + gamma I) = S^T Y^T X. The paper's score of a class is the dot
    product of W x and its vector. For vectors of unit length, dot product and cosine rank the classes of an image in
    the same way.

    Args:
        features: X, (n, D), any finite numbers.
        labels: class of each image, a row of ``vectors``, (n,), whole numbers in [0, C).
        vectors: S, the class vectors, (C, A), any finite numbers.
        gamma: ridge penalty of the features, above 0.
        lam: ridge penalty of the class vectors, above 0.

    Raises:
        InputError: for other shapes or values.

    Example:
        >>> features = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
        >>> weight = eszsl(features, np.array([0, 1, 2]), np.eye(3))
        >>> (features @ weight.T).argmax(1).tolist()
        [0, 1, 2]
    """
    features, labels, vectors = _checked(features, labels, vectors)
    check_positive("gamma", gamma)
    check_positive("lam", lam)
    target = np.where(labels[:, None] == np.arange(len(vectors)), 1.0, -1.0)
    of_features = features.T @ features + gamma * np.eye(features.shape[1])
    of_vectors = vectors.T @ vectors + lam * np.eye(vectors.shape[1])
    half = solve(of_features, features.T @ target @ vectors, assume_a="pos")  # (D, A)
    return solve(of_vectors, half.T, assume_a="pos")


def sae(features: ArrayLike, labels: ArrayLike, vectors: ArrayLike, *, lam: float = 1.0) -> Weight:
    """SAE (Kodirov, Xiang & Gong, CVPR 2017): the encoder of a linear autoencoder whose code is the class vector.

    X (n, D) are the features, and T (n, A) the vector of each image's class. W minimises::

        |X - T W|^2 + lam |X W^T - T|^2

    W is a solution of the Sylvester equation T^T T W + lam W X^T X = (1 + lam) T^T X. With fewer classes than
    attributes and fewer images than features there are many solutions. This is the one with the smallest norm. If the
    features have another unit, the same directions are predicted with another ``lam``.

    Args:
        features, labels, vectors: as for :func:`eszsl`.
        lam: weight of the encoder's error, above 0.

    Raises:
        InputError: for other shapes or values.

    Example:
        >>> features = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
        >>> weight = sae(features, np.array([0, 1, 2]), np.eye(3))
        >>> (features @ weight.T).argmax(1).tolist()
        [0, 1, 2]
    """
    features, labels, vectors = _checked(features, labels, vectors)
    check_positive("lam", lam)
    target = vectors[labels]
    # In the bases of the eigenvectors the equation is a division. Where a singular equation has 0 / 0, a general solver
    # divides rounding errors, and its result is noise on images outside the span of the training images.
    left, left_basis = _eigen(target.T @ target)
    right, right_basis = _eigen(features.T @ features)
    divisor = left[:, None] + lam * right
    projected = (1 + lam) * left_basis.T @ (target.T @ features) @ right_basis
    quotient = np.divide(projected, divisor, out=np.zeros_like(projected), where=divisor > 0)
    return left_basis @ quotient @ right_basis.T


SOLVERS = {"eszsl": eszsl, "sae": sae}


def solver_options(name: str) -> dict[str, Any]:
    """Options of a method and their defaults.

    Example:
        >>> solver_options("eszsl")
        {'gamma': 1.0, 'lam': 1.0}
    """
    parameters = inspect.signature(SOLVERS[name]).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}


def _checked(features: ArrayLike, labels: ArrayLike, vectors: ArrayLike) -> Checked:
    """The arguments as arrays; InputError unless all are finite, and there is a label of a class for each image."""
    try:
        features, labels, vectors = (np.asarray(as_array(values), np.float64) for values in (features, labels, vectors))
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"features, labels and vectors must be arrays of numbers: {one_line(error)}") from None
    for name, values in (("features", features), ("vectors", vectors)):
        if values.ndim != 2 or not values.size:
            raise InputError(f"{name} must be a matrix of at least one row and one column, got shape {values.shape}")
    if labels.shape != features.shape[:1]:
        raise InputError(f"labels must have shape ({len(features)},), one for each image, got {labels.shape}")
    if (labels != np.floor(labels)).any():
        raise InputError(f"labels must be whole numbers, got {labels[labels != np.floor(labels)][0]}")
    if not 0 <= labels.min() <= labels.max() < len(vectors):
        raise InputError(f"labels must lie in 0..{len(vectors) - 1}, got {labels.min():g}..{labels.max():g}")
    if not (np.isfinite(features).all() and np.isfinite(vectors).all()):
        raise InputError("features and vectors must be finite")
    return features, labels.astype(np.int64), vectors


def _eigen(matrix: Float64[np.ndarray, "k k"]) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "k k"]]:
    """Eigenvalues and eigenvectors of a positive semidefinite matrix; eigenvalues that are rounding errors are 0."""
    values, basis = eigh(matrix)
    return np.where(values > len(values) * np.finfo(float).eps * values[-1], values, 0.0), basis

"""Effects of a weighting on the regression loss: the weights that noise produces, and the effective lambda."""

import numpy as np
from jaxtyping import Float, Int
from scipy import integrate, special, stats

from zslcore.analysis._checks import check_shapes
from zslcore.errors import InputError


def noise_weight(count: int, shots: int) -> float:
    """Expected ReMSE weight (p = 1, p2 = 0) if all true errors are equal, so that weights come from noise alone.

    A cell's error is the mean m of ``shots`` squared standard normals. Its weight is 1 + ln(m / smallest of ``count``
    such m). The expectation is 1 + ln(count) for two shots, and is integrated numerically for others.

    Args:
        count: number of cells compared.
        shots: images of each class.

    Raises:
        InputError: if an argument is below 1.

    Example:
        >>> round(noise_weight(16, shots=2), 2), round(noise_weight(312, shots=2), 2)
        (3.77, 6.74)
    """
    if count < 1 or shots < 1:
        raise InputError(f"count and shots must be at least 1, got {count} and {shots}")
    shape = shots / 2  # m is Gamma(shots / 2) up to its scale, which cancels
    mean_log = special.digamma(shape)

    def log_quantile(level: float) -> float:
        """ln of the smallest of ``count`` draws at a level: 1 - (1 - F)^count = level."""
        return np.log(stats.gamma.isf((1 - level) ** (1 / count), shape))

    smallest, _ = integrate.quad(log_quantile, 0, 1, limit=200)
    return float(1 + mean_log - smallest)


def effective_lambda(
    lam: float, weights: Float[np.ndarray, "C A"], error: Float[np.ndarray, "C A"], counts: Int[np.ndarray, " C"]
) -> float:
    """Lambda at which the unweighted loss equals the weighted one: lam * sum(W d) / sum(d), summed over all images.

    Args:
        lam: lambda of the weighted loss, at least 0.
        weights: weight W of each class and attribute.
        error: mean error d of each class and attribute.
        counts: number of images of each class; a class without images is left out.

    Returns:
        The effective lambda, NaN if the unweighted loss is 0. ReMSE weights are at least 1, so it is at least ``lam``.

    Raises:
        InputError: if shapes differ, or if a number is negative or not finite.

    Example:
        >>> effective_lambda(0.5, np.array([[1.0, 3.0]]), np.array([[0.2, 0.2]]), np.array([4]))
        1.0
    """
    if not 0 <= lam < np.inf:
        raise InputError(f"lam must be finite and at least 0, got {lam!r}")
    return lam * _amplification(weights, error, counts)


def matched_lambda(
    effective: float, weights: Float[np.ndarray, "C A"], error: Float[np.ndarray, "C A"], counts: Int[np.ndarray, " C"]
) -> float:
    """Lambda that gives a weighted loss the ``effective`` lambda: the inverse of :func:`effective_lambda`.

    With it, the weighted loss is as large as an unweighted loss at ``effective``, and only the balance differs.
    Arguments and errors as in :func:`effective_lambda`; NaN if one of the losses is 0.

    Example:
        >>> matched_lambda(1.0, np.array([[1.0, 3.0]]), np.array([[0.2, 0.2]]), np.array([4]))
        0.5
    """
    if not 0 <= effective < np.inf:
        raise InputError(f"effective must be finite and at least 0, got {effective!r}")
    amplification = _amplification(weights, error, counts)
    return effective / amplification if amplification > 0 else float("nan")


def _amplification(weights: np.ndarray, error: np.ndarray, counts: np.ndarray) -> float:
    """Weighted over unweighted loss; NaN if the latter is 0."""
    check_shapes(weights, error, "weights and error")
    if counts.shape != error.shape[:1]:
        raise InputError(f"counts must have one entry for each of {len(error)} classes, got shape {counts.shape}")
    if (counts < 0).any():
        raise InputError(f"counts must be at least 0, got {counts.min()}")
    seen = counts > 0
    weights, error = weights[seen].astype(np.float64), error[seen].astype(np.float64)
    for name, values in (("weights", weights), ("error", error)):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise InputError(f"{name} must be finite and at least 0 for every class with images")
    total = counts[seen, None] * error
    return float((weights * total).sum() / total.sum()) if total.sum() > 0 else float("nan")

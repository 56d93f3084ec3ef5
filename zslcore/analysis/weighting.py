"""Effects of a weighting on the regression loss: the weights that noise produces, and the effective lambda."""

import numpy as np
import scipy
from jaxtyping import Float, Int

from zslcore.analysis._arrays import takes_tables
from zslcore.analysis._checks import check_counts, check_shapes
from zslcore.errors import InputError


def noise_weight(count: int, shots: int) -> float:
    """Expected ReMSE weight (p = 1, p2 = 0) of ``count`` cells with equal true errors, which comes from noise alone.

    A cell's error is the mean m of ``shots`` squared standard normals. Its weight is 1 + ln(m / smallest of ``count``
    such m). The expectation is 1 + ln(count) for two shots, and is integrated numerically for others.

    Example:
        >>> round(noise_weight(16, shots=2), 2), round(noise_weight(312, shots=2), 2)
        (3.77, 6.74)
    """
    if count < 1 or shots < 1:
        raise InputError(f"count and shots must be at least 1, got {count} and {shots}")
    shape = shots / 2  # m is Gamma(shots / 2) up to its scale, which cancels

    def log_quantile(level: float) -> float:
        """ln of the smallest of ``count`` draws at a level: 1 - (1 - F)^count = level."""
        return np.log(scipy.stats.gamma.isf((1 - level) ** (1 / count), shape))

    smallest, _ = scipy.integrate.quad(log_quantile, 0, 1, limit=200)
    return float(1 + scipy.special.digamma(shape) - smallest)


@takes_tables
def effective_lambda(
    lam: float, weights: Float[np.ndarray, "C A"], error: Float[np.ndarray, "C A"], counts: Int[np.ndarray, " C"]
) -> float:
    """Lambda at which the unweighted loss equals the weighted one: lam * sum(W d) / sum(d), summed over all images.

    NaN if the unweighted loss is 0. ReMSE weights are at least 1, so the result is at least ``lam``.

    Args:
        lam: lambda of the weighted loss, at least 0.
        weights, error: weight W and mean error d of each class and attribute.
        counts: number of images of each class; a class without images is left out.

    Example:
        >>> effective_lambda(0.5, np.array([[1.0, 3.0]]), np.array([[0.2, 0.2]]), np.array([4]))
        1.0
    """
    if not 0 <= lam < np.inf:
        raise InputError(f"lam must be finite and at least 0, got {lam!r}")
    return lam * _amplification(weights, error, counts)


@takes_tables
def matched_lambda(
    effective: float, weights: Float[np.ndarray, "C A"], error: Float[np.ndarray, "C A"], counts: Int[np.ndarray, " C"]
) -> float:
    """Lambda that gives a weighted loss the ``effective`` lambda: the inverse of :func:`effective_lambda`.

    At this lambda, the weighted loss is as large as the unweighted loss at ``effective``, so that only the balance
    differs. NaN if one of the losses is 0.

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
    check_counts(counts, len(error))
    seen = counts > 0
    weights, error = weights[seen].astype(np.float64), error[seen].astype(np.float64)
    for name, values in (("weights", weights), ("error", error)):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise InputError(f"{name} must be finite and at least 0 for every class with images")
    total = counts[seen, None] * error
    return float((weights * total).sum() / total.sum()) if total.sum() > 0 else float("nan")

"""What a weighting does to the regression loss: by noise alone, and to lambda."""

import numpy as np
from scipy import integrate, special, stats

from zslcore.errors import InputError


def noise_weight(count: int, shots: int) -> float:
    """Expected ReMSE weight, p = 1 on one axis, when all true errors are equal: what noise alone produces.

    A cell's error is the mean of ``shots`` squared standard normals, and its weight 1 + ln(m / smallest of ``count``
    such m). With two shots m is exponential and the expectation is 1 + ln(count), exactly; for other shots the
    expectation of the logarithm of the smallest is integrated numerically.

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

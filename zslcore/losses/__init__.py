"""Losses of attribute prediction: pure functions of tensors. Symbols: ``B`` images, ``C`` classes, ``A`` attributes."""

from zslcore.losses.basic import (
    ERROR_KINDS,
    cosine_cross_entropy,
    cosine_scores,
    elementwise_error,
    l2_normalize,
    mse_loss,
)

__all__ = [
    "ERROR_KINDS",
    "cosine_cross_entropy",
    "cosine_scores",
    "elementwise_error",
    "l2_normalize",
    "mse_loss",
]

"""Losses of attribute prediction: pure functions of tensors. Symbols: ``B`` images, ``C`` classes, ``A`` attributes."""

from zslcore.losses.basic import (
    ERROR_KINDS,
    cosine_cross_entropy,
    cosine_scores,
    elementwise_error,
    l2_normalize,
    mse_loss,
)
from zslcore.losses.gem import attribute_decorrelation_loss, compactness_loss, group_membership, square_map

__all__ = [
    "ERROR_KINDS",
    "attribute_decorrelation_loss",
    "compactness_loss",
    "cosine_cross_entropy",
    "cosine_scores",
    "elementwise_error",
    "group_membership",
    "l2_normalize",
    "mse_loss",
    "square_map",
]

"""Losses for attribute prediction: pure functions of tensors of ``B`` images, ``C`` classes and ``A`` attributes.

Unless stated otherwise, a loss takes ``prediction`` (B, A) and ``target`` (B, A). With ``normalize=True`` it
L2-normalises both per image. It computes in float32 or float64, also under bf16 autocast. It raises InputError for
arguments that it cannot use.
"""

from zslcore.losses.balanced import bmc_loss, gai_loss
from zslcore.losses.basic import (
    ERROR_KINDS,
    cosine_cross_entropy,
    cosine_scores,
    elementwise_error,
    l2_normalize,
    mse_loss,
)
from zslcore.losses.cells import cvar_weights, group_dro_update, mean_by_class
from zslcore.losses.elementwise import charbonnier_loss, focal_loss, huber_loss, mae_loss, rmse_loss
from zslcore.losses.frequency import frequency_weights, label_frequency
from zslcore.losses.gem import attribute_decorrelation_loss, compactness_loss, group_membership, square_map

__all__ = [
    "ERROR_KINDS",
    "attribute_decorrelation_loss",
    "bmc_loss",
    "charbonnier_loss",
    "compactness_loss",
    "cosine_cross_entropy",
    "cosine_scores",
    "cvar_weights",
    "elementwise_error",
    "focal_loss",
    "frequency_weights",
    "gai_loss",
    "group_dro_update",
    "group_membership",
    "huber_loss",
    "l2_normalize",
    "label_frequency",
    "mae_loss",
    "mean_by_class",
    "mse_loss",
    "rmse_loss",
    "square_map",
]

"""Imbalance of errors: how unevenly they are distributed over classes and attributes, and what they depend on.

The functions take arrays; tables, tensors and lists of numbers are converted. Symbols: ``C`` classes, ``A`` attributes.
An error matrix has the mean error of each class and attribute, see :func:`zslcore.remse.class_error`. A row of NaN is
an absent class.
"""

# ruff: noqa: E402  (the check comes before the imports that need the packages)
from zslcore._io.extras import require

require("study", "pandas")

from zslcore.analysis.attention import energy_inside, group_index, pointing_accuracy
from zslcore.analysis.bias import (
    BiasVariance,
    bias_variance,
    restore_mean,
    restoring_scale,
    shared_bias,
    shared_direction,
)
from zslcore.analysis.claims import (
    agreement_claim,
    evenness_claim,
    label_claim,
    slope_claim,
)
from zslcore.analysis.correlation import row_correlation, sample_correlation
from zslcore.analysis.inequality import coefficient_of_variation, gini_index, inequality, theil_index
from zslcore.analysis.intervals import bootstrap, holm, percentile_interval, t_interval, verdict
from zslcore.analysis.label_noise import ErrorParts, average_precision, error_parts, image_information, oracle_errors
from zslcore.analysis.label_value import error_by_label, label_correlation, relative_slope
from zslcore.analysis.null_fits import FittedNull, explained_share, fit_null, matched_nulls
from zslcore.analysis.nulls import null_errors
from zslcore.analysis.weighting import effective_lambda, matched_lambda, noise_weight

__all__ = [
    "BiasVariance",
    "ErrorParts",
    "FittedNull",
    "agreement_claim",
    "average_precision",
    "bias_variance",
    "bootstrap",
    "coefficient_of_variation",
    "effective_lambda",
    "energy_inside",
    "error_by_label",
    "error_parts",
    "evenness_claim",
    "explained_share",
    "fit_null",
    "gini_index",
    "group_index",
    "holm",
    "image_information",
    "inequality",
    "label_claim",
    "label_correlation",
    "matched_lambda",
    "matched_nulls",
    "noise_weight",
    "null_errors",
    "oracle_errors",
    "percentile_interval",
    "pointing_accuracy",
    "relative_slope",
    "restore_mean",
    "restoring_scale",
    "row_correlation",
    "sample_correlation",
    "shared_bias",
    "shared_direction",
    "slope_claim",
    "t_interval",
    "theil_index",
    "verdict",
]

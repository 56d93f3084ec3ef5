"""Imbalance of errors: how unevenly they spread over classes and attributes, and what they go with.

Pure functions of arrays. Symbols: ``C`` classes, ``A`` attributes; an error matrix holds the mean error of each
class and attribute, as :func:`zslcore.remse.class_error` gives it.
"""

from zslcore.analysis.attention import energy_inside, group_index, pointing_accuracy
from zslcore.analysis.claims import (
    agreement_claim,
    evenness_claim,
    label_claim,
    partial_claim,
    reduction_claim,
    slope_claim,
)
from zslcore.analysis.correlation import bootstrap_mean, partial_correlation, row_correlation, sample_correlation
from zslcore.analysis.inequality import coefficient_of_variation, gini_index, inequality, theil_index
from zslcore.analysis.intervals import percentile_interval, t_interval, verdict
from zslcore.analysis.label_value import (
    LabelCorrelation,
    error_by_label,
    label_correlation,
    label_partial_correlation,
    reduction_correlation,
)
from zslcore.analysis.misclassification import closest_class_share, misclassifications
from zslcore.analysis.nulls import matched_nulls, null_errors
from zslcore.analysis.slope import relative_slope
from zslcore.analysis.weighting import effective_lambda, matched_lambda, noise_weight

__all__ = [
    "LabelCorrelation",
    "agreement_claim",
    "bootstrap_mean",
    "closest_class_share",
    "coefficient_of_variation",
    "effective_lambda",
    "energy_inside",
    "error_by_label",
    "evenness_claim",
    "gini_index",
    "group_index",
    "inequality",
    "label_claim",
    "label_correlation",
    "label_partial_correlation",
    "matched_lambda",
    "matched_nulls",
    "misclassifications",
    "noise_weight",
    "null_errors",
    "partial_claim",
    "partial_correlation",
    "percentile_interval",
    "pointing_accuracy",
    "reduction_claim",
    "reduction_correlation",
    "relative_slope",
    "row_correlation",
    "sample_correlation",
    "slope_claim",
    "t_interval",
    "theil_index",
    "verdict",
]

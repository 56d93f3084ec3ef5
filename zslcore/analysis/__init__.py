"""Imbalance of errors: how unevenly they spread over classes and attributes, and what they go with.

Pure functions of arrays. Symbols: ``C`` classes, ``A`` attributes; an error matrix holds the mean error of each
class and attribute, as :func:`zslcore.remse.class_error` gives it.
"""

from zslcore.analysis.correlation import bootstrap_mean, partial_correlation, row_correlation, sample_correlation
from zslcore.analysis.inequality import coefficient_of_variation, gini_index, inequality, theil_index
from zslcore.analysis.label_value import (
    LabelCorrelation,
    error_by_label,
    label_correlation,
    label_partial_correlation,
    reduction_correlation,
)
from zslcore.analysis.weighting import noise_weight

__all__ = [
    "LabelCorrelation",
    "bootstrap_mean",
    "coefficient_of_variation",
    "error_by_label",
    "gini_index",
    "inequality",
    "label_correlation",
    "label_partial_correlation",
    "noise_weight",
    "partial_correlation",
    "reduction_correlation",
    "row_correlation",
    "sample_correlation",
    "theil_index",
]

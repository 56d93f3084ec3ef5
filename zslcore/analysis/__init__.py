"""Imbalance of errors: how unevenly they spread over classes and attributes, and what they go with.

Pure functions of arrays. Symbols: ``C`` classes, ``A`` attributes; an error matrix holds the mean error of each
class and attribute, as :func:`zslcore.remse.class_error` gives it.
"""

from zslcore.analysis.correlation import bootstrap_mean, row_correlation
from zslcore.analysis.inequality import coefficient_of_variation, gini_index, theil_index
from zslcore.analysis.weighting import noise_weight

__all__ = [
    "bootstrap_mean",
    "coefficient_of_variation",
    "gini_index",
    "noise_weight",
    "row_correlation",
    "theil_index",
]

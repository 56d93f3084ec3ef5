"""Figures of the study. Each function takes arrays or tidy frames and returns a matplotlib Figure.

Methods are given by key. They have the same colour, marker and hatch in every figure, and are shown by their display
name. The palette is suitable for colour-blind readers. Markers and hatches distinguish methods in grey print. Call
:func:`use_style` once before the first figure.
"""

# ruff: noqa: E402  (the check comes before the imports that need the packages)
from zslcore._io.extras import require

require("study", "matplotlib", "seaborn", "pandas")

from zslcore.plots.attention import attention_maps, measured_attention
from zslcore.plots.causes import errors_beside_nulls, oracle_against_variance
from zslcore.plots.curves import noise_floor, seen_unseen_curves, training_history
from zslcore.plots.data import attribute_heatmap, image_grid, label_distribution
from zslcore.plots.errors import error_against_label, error_by_attribute, reduction_against_label
from zslcore.plots.matrices import error_heatmaps, weight_matrix
from zslcore.plots.results import contrasts, exponent_surface, forest, intervals, paired_differences
from zslcore.plots.style import MEASURE_NAMES, METHOD_LOOKS, WIDTH, Look, measure_name, method_looks, use_style

__all__ = [
    "MEASURE_NAMES",
    "METHOD_LOOKS",
    "WIDTH",
    "Look",
    "attention_maps",
    "attribute_heatmap",
    "contrasts",
    "error_against_label",
    "error_by_attribute",
    "error_heatmaps",
    "errors_beside_nulls",
    "exponent_surface",
    "forest",
    "image_grid",
    "intervals",
    "label_distribution",
    "measure_name",
    "measured_attention",
    "method_looks",
    "noise_floor",
    "oracle_against_variance",
    "paired_differences",
    "reduction_against_label",
    "seen_unseen_curves",
    "training_history",
    "use_style",
    "weight_matrix",
]

"""Figures of the study, one function each: arrays or tidy frames in, a matplotlib Figure out.

Methods keep their colour, and their marker or their hatch, in every figure: the palette is readable by the
colour-blind, markers and hatches tell methods apart in grey print. Call :func:`use_style` once before the first figure.
"""

# ruff: noqa: E402  (the check comes before the imports that need the packages)
from zslcore._io.extras import require

require("study", "matplotlib", "pandas", "seaborn")

from zslcore.plots.attention import attention_maps, measured_attention
from zslcore.plots.curves import noise_floor, seen_unseen_curves, training_history
from zslcore.plots.data import attribute_heatmap, image_grid, label_distribution
from zslcore.plots.errors import error_against_label, error_by_attribute, reduction_against_label
from zslcore.plots.matrices import error_heatmaps, weight_matrix
from zslcore.plots.results import exponent_surface, forest, intervals
from zslcore.plots.style import (
    METHOD_COLORS,
    METHOD_HATCHES,
    METHOD_MARKERS,
    WIDTH,
    method_hatches,
    method_styles,
    use_style,
)

__all__ = [
    "METHOD_COLORS",
    "METHOD_HATCHES",
    "METHOD_MARKERS",
    "WIDTH",
    "attention_maps",
    "attribute_heatmap",
    "error_against_label",
    "error_by_attribute",
    "error_heatmaps",
    "exponent_surface",
    "forest",
    "image_grid",
    "intervals",
    "label_distribution",
    "measured_attention",
    "method_hatches",
    "method_styles",
    "noise_floor",
    "reduction_against_label",
    "seen_unseen_curves",
    "training_history",
    "use_style",
    "weight_matrix",
]

"""What all figures share: fonts, width, the look of every method, and the names of measures."""

import textwrap
from collections.abc import Iterable
from typing import NamedTuple

import matplotlib.pyplot as plt
import seaborn as sns

from zslcore.methods import DISPLAY_NAMES, display_name

WIDTH = 7.2  # inches: the text width of most journals' double column


class Look(NamedTuple):
    """Colour, marker (of points) and hatch (of bars and boxes) of a method."""

    color: str
    marker: str
    hatch: str


GREY, NAVY, OLIVE, WINE = "#6e6e6e", "#003f5c", "#808000", "#882255"  # the last three belong to no method
# The study's methods, by key. Colours are those of seaborn's "colorblind" palette. Hatches tell apart the pairs that
# are the same grey in print. Add your own method here.
METHOD_LOOKS = {
    "cross_entropy": Look(GREY, "s", ""),
    "cross_entropy_tuned": Look("black", "P", ""),
    "mse": Look("#56b4e9", "o", "////"),
    "mse_matched": Look("#0173b2", "^", "\\\\\\\\"),
    "remse": Look("#de8f05", "D", "xxxx"),
}
NULL_LINES = {"constant": "--", "multiplicative": ":", "shrinkage": "-.", "permuted": (0, (8, 2))}
LOSSES = [key for key in DISPLAY_NAMES if key not in METHOD_LOOKS and key not in NULL_LINES]
# The rest of the palette without yellow and grey, which are too pale in print: 40 pairs of a colour and a marker.
OTHER_COLORS = ("#029e73", "#d55e00", "#cc78bc", "#ca9161", "#5e3c99")
OTHER_MARKERS = "v<>pXh*d"
OTHER_HATCHES = ("....", "||||", "----", "++++", "oooo", "****", "//..", "--..")

ACCURACIES = ("T1", "U", "S", "H", "AUSUC", "validation_H")  # differences are in percentage points
MEASURE_NAMES = {
    "lam": "λ",
    "effective_lambda": "effective λ",
    "gamma": "γ",
    "validation_H": "H, validation split",
    "mean": "mean error",
    "theil": "Theil index",
    "gini": "Gini index",
    "test_seen_mean": "mean error, seen classes",
    "test_seen_theil": "Theil index, seen classes",
    "test_seen_coefficient_of_variation": "coefficient of variation, seen classes",
    "test_seen_label_correlation": "correlation with the label, seen classes",
    "test_unseen_mean": "mean error, unseen classes",
    "test_unseen_theil": "Theil index, unseen classes",
    "test_unseen_coefficient_of_variation": "coefficient of variation, unseen classes",
    "test_unseen_label_correlation": "correlation with the label, unseen classes",
}


def measure_name(key: str) -> str:
    """Display name of a measure, a setting, a method or a null model; an unknown name is returned unchanged.

    Example:
        >>> measure_name("test_seen_theil"), measure_name("H"), measure_name("mse")
        ('Theil index, seen classes', 'H', '+ MSE')
    """
    return MEASURE_NAMES.get(key, display_name(key))


def use_style() -> None:
    """Set fonts, grid and resolution of all figures, for the whole process. Call it once before the first figure.

    Example:
        >>> with plt.rc_context():
        ...     use_style()
        ...     plt.rcParams["savefig.dpi"], plt.rcParams["axes.spines.top"]
        (200.0, False)
    """
    sns.set_theme(context="paper", style="ticks", palette="colorblind")
    plt.rcParams.update({"figure.dpi": 110, "savefig.dpi": 200, "figure.constrained_layout.use": True})
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10})
    plt.rcParams["hatch.linewidth"] = 0.6  # thin, so that the colour dominates in narrow boxes


def method_looks(methods: Iterable[str]) -> dict[str, Look]:
    """Look of each method, the same in every figure.

    The study's methods have theirs in :data:`METHOD_LOOKS`, its other losses follow in the order of
    :data:`zslcore.methods.DISPLAY_NAMES`, null models are grey. Unknown names take further looks in alphabetical order.

    Args:
        methods: keys of methods.

    Example:
        >>> method_looks(["remse", "mae"])["remse"]
        Look(color='#de8f05', marker='D', hatch='xxxx')
    """
    methods = list(dict.fromkeys(methods))
    unknown = sorted(set(methods) - {*METHOD_LOOKS, *NULL_LINES, *LOSSES})
    looks = {key: Look(GREY, "o", "") for key in NULL_LINES}
    for index, key in enumerate([*LOSSES, *unknown]):
        looks[key] = Look(
            OTHER_COLORS[index % len(OTHER_COLORS)],
            OTHER_MARKERS[index % len(OTHER_MARKERS)],
            OTHER_HATCHES[index % len(OTHER_HATCHES)],
        )
    looks.update(METHOD_LOOKS)
    return {key: looks[key] for key in methods}


def panel_title(key: str, panels: int) -> str:
    """Display name, wrapped to the width of one of several panels side by side.

    Example:
        >>> panel_title("cross_entropy_tuned", 4).splitlines()
        ['cross entropy,', 'tuned scale']
    """
    return textwrap.fill(measure_name(key), max(72 // panels, 8))

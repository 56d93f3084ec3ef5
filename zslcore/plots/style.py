"""The common style of all figures: fonts, width, the look of every method, and the names of measures."""

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
    hatch: str = ""


GREY, NAVY, OLIVE, WINE = "#6e6e6e", "#003f5c", "#808000", "#882255"  # the last three belong to no method
# The study's methods, by key. Colours are those of seaborn's "colorblind" palette. Hatches distinguish pairs of methods
# that are the same grey in print. Add your own method here.
METHOD_LOOKS = {
    "cross_entropy": Look(GREY, "s"),
    "cross_entropy_tuned": Look("black", "P"),
    "cross_entropy_centred": Look("#00805a", "v", "----"),
    "mse": Look("#56b4e9", "o", "////"),
    "mse_matched": Look("#0173b2", "^", "\\\\\\\\"),
    "remse": Look("#de8f05", "D", "xxxx"),
}
NULL_LINES = {
    "constant": "--",
    "multiplicative": ":",
    "shrinkage": "-.",
    "missing_mean": "-",
    "image_labels": (0, (3, 1, 1, 1, 1, 1)),
    "permuted": (0, (8, 2)),
}
LOSSES = [key for key in DISPLAY_NAMES if key not in METHOD_LOOKS and key not in NULL_LINES]
# The rest of the palette without yellow and grey, which are too pale in print: 40 pairs of a colour and a marker.
OTHER_COLORS = ("#029e73", "#d55e00", "#cc78bc", "#ca9161", "#5e3c99")
OTHER_MARKERS = "v<>pXh*d"
OTHER_HATCHES = ("....", "||||", "----", "++++", "oooo", "****", "//..", "--..")
DATASET_LOOKS = [Look(NAVY, "o"), Look(WINE, "^"), Look(OLIVE, "s"), Look("#029e73", "v"), Look("#d55e00", "D")]

ACCURACIES = ("T1", "U", "S", "H", "AUSUC", "validation_H")  # differences are in percentage points
MEASURE_NAMES = {
    "lam": "λ",
    "effective_lambda": "effective λ",
    "gamma": "γ",
    "validation_H": "H, folds",
    "mean": "mean error",
    "theil": "Theil index",
    "gini": "Gini index",
    "labelled_T1": "T1, attributes with image labels",
}
for _split in ("seen", "unseen"):
    MEASURE_NAMES[f"test_{_split}_mean"] = f"mean error, {_split} classes"
    MEASURE_NAMES[f"test_{_split}_theil"] = f"Theil index, {_split} classes"
    MEASURE_NAMES[f"test_{_split}_coefficient_of_variation"] = f"coefficient of variation, {_split} classes"
    MEASURE_NAMES[f"test_{_split}_label_correlation"] = f"correlation with the label, {_split} classes"
    MEASURE_NAMES[f"{_split}_pointing"] = f"pointing accuracy, {_split} classes"
    MEASURE_NAMES[f"{_split}_energy"] = f"energy inside, {_split} classes"
    MEASURE_NAMES[f"{_split}_theil"] = f"Theil index, {_split} classes"
    MEASURE_NAMES[f"{_split}_p99"] = f"99th percentile of the errors, {_split} classes"
    MEASURE_NAMES[f"{_split}_worst_attribute"] = f"error of the worst attribute, {_split} classes"
    MEASURE_NAMES[f"{_split}_image_theil"] = f"Theil index against image labels, {_split} classes"
    MEASURE_NAMES[f"{_split}_precision"] = f"average precision, {_split} classes"
    MEASURE_NAMES[f"{_split}_rare_precision"] = f"average precision of the rarest third, {_split} classes"
    MEASURE_NAMES[f"{_split}_common_precision"] = f"average precision of the commonest third, {_split} classes"


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
    """Look of each method by key, the same in every figure.

    The looks of the study's methods are in :data:`METHOD_LOOKS`. Other losses get looks in the order of
    :data:`zslcore.methods.DISPLAY_NAMES`, and null models are grey. Unknown names get further looks in alphabetical
    order.

    Example:
        >>> method_looks(["remse", "mae"])["remse"]
        Look(color='#de8f05', marker='D', hatch='xxxx')
    """
    methods = list(dict.fromkeys(methods))
    unknown = sorted(set(methods) - {*METHOD_LOOKS, *NULL_LINES, *LOSSES})
    looks = {key: Look(GREY, "o") for key in NULL_LINES}
    looks.update({key: _other(index) for index, key in enumerate(LOSSES)})
    looks.update({key: _other(-1 - index) for index, key in enumerate(unknown)})  # from the end of the list
    looks.update(METHOD_LOOKS)
    return {key: looks[key] for key in methods}


def measure_looks(names: Iterable[str]) -> dict[str, Look]:
    """Look of each method or null model; measures are dark dots."""
    looks = {name: Look("0.15", "o") for name in names}
    return looks | method_looks(name for name in looks if name in {*METHOD_LOOKS, *DISPLAY_NAMES})


def _other(index: int) -> Look:
    return Look(OTHER_COLORS[index % 5], OTHER_MARKERS[index % 8], OTHER_HATCHES[index % 8])


def plain(text: str) -> str:
    r"""A name from a data set, for matplotlib to show as it is, which takes text between dollar signs for a formula.

    Example:
        >>> print(plain("5 $ to 10 $"), plain("5 $"))
        5 \$ to 10 \$ 5 $
    """
    return text.replace("$", r"\$") if text.count("$") > 1 else text


def panel_title(key: str, panels: int) -> str:
    """Display name, wrapped to the width of one of several panels side by side."""
    return textwrap.fill(measure_name(key), max(72 // panels, 8))

"""What all figures share: fonts, width, and a colour, a marker and a hatch for every method."""

import textwrap
from collections.abc import Iterable

import matplotlib.pyplot as plt
import seaborn as sns

WIDTH = 7.2  # inches: the text width of most journals' double column
BLUE, SKY, ORANGE, GREY = "#0173b2", "#56b4e9", "#de8f05", "#6e6e6e"  # of seaborn's "colorblind" palette
METHOD_COLORS = {
    "cross entropy": GREY,
    "cross entropy, tuned scale": "black",
    "+ MSE": SKY,
    "+ MSE, matched λ": BLUE,
    "+ ReMSE": ORANGE,
}
METHOD_MARKERS = dict(zip(METHOD_COLORS, "sPo^D", strict=True))
# of bars and boxes, which have no marker: sky and orange, and grey and blue, are one grey in print
METHOD_HATCHES = dict(zip(METHOD_COLORS, ("", "", "////", "\\\\\\\\", "xxxx"), strict=True))
# for methods without a colour of their own: the rest of the palette, but for its yellow and grey, which print too pale
OTHER_COLORS = ("#029e73", "#d55e00", "#cc78bc", "#ca9161", "#5e3c99")
OTHER_MARKERS = "v<>pXh*d"  # 5 colours and 8 markers or hatches: 40 pairs before one comes again
OTHER_HATCHES = ("....", "||||", "----", "++++", "oooo", "****", "//..", "--..")
WINE, OLIVE, NAVY = "#882255", "#808000", "#003f5c"  # no method's: of quantities, and of what has no method


def use_style() -> None:
    """Set the fonts, grid and resolution of all figures; call once at the top of a notebook.

    It changes matplotlib's settings for the whole process; within ``plt.rc_context()`` they come back.

    >>> with plt.rc_context():
    ...     use_style()
    ...     plt.rcParams["savefig.dpi"], plt.rcParams["axes.spines.top"]
    (200.0, False)
    """
    sns.set_theme(context="paper", style="ticks", palette="colorblind")
    plt.rcParams.update({"figure.dpi": 110, "savefig.dpi": 200, "figure.constrained_layout.use": True})
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10})
    plt.rcParams["hatch.linewidth"] = 0.6  # in a narrow box the colour is to stay the larger part


def method_styles(methods: Iterable[str]) -> dict[str, dict[str, str]]:
    """Colour and marker of each method, for any call of matplotlib.

    Those of :data:`METHOD_COLORS` and :data:`METHOD_MARKERS` where a method has them, add to these for one of your
    own; the others share out the rest of the palette in the order of the alphabet, so that figures of the same
    methods agree.

    >>> method_styles(["+ ReMSE", "mine"])
    {'+ ReMSE': {'color': '#de8f05', 'marker': 'D'}, 'mine': {'color': '#029e73', 'marker': 'v'}}
    """
    methods = list(dict.fromkeys(methods))
    others = sorted(name for name in methods if name not in METHOD_COLORS)
    styles = {
        name: {"color": OTHER_COLORS[i % len(OTHER_COLORS)], "marker": OTHER_MARKERS[i % len(OTHER_MARKERS)]}
        for i, name in enumerate(others)
    }
    for name in METHOD_COLORS:
        styles[name] = {"color": METHOD_COLORS[name], "marker": METHOD_MARKERS.get(name, "o")}
    return {name: styles[name] for name in methods}


def method_hatches(methods: Iterable[str]) -> dict[str, str]:
    """Hatch of each method, for bars and boxes: by it and by luminance no two methods of the study look alike in grey.

    Those of :data:`METHOD_HATCHES` where a method has one; the others share out some more in the order of the
    alphabet, as :func:`method_styles` does with colours.

    >>> method_hatches(["+ ReMSE", "mine"])
    {'+ ReMSE': 'xxxx', 'mine': '....'}
    """
    methods = list(dict.fromkeys(methods))
    others = sorted(name for name in methods if name not in METHOD_COLORS)
    hatches = {name: OTHER_HATCHES[i % len(OTHER_HATCHES)] for i, name in enumerate(others)}
    return {name: hatches[name] if name in hatches else METHOD_HATCHES.get(name, "") for name in methods}


def panel_title(name: str, panels: int) -> str:
    """A name in as many lines as the width of one of several panels side by side asks for.

    >>> panel_title("cross entropy, tuned scale", 4).splitlines()
    ['cross entropy,', 'tuned scale']
    """
    return textwrap.fill(name, max(72 // panels, 8))

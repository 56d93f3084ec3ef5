"""Shared fixtures: a clean style, warnings as errors, and what every figure is asked."""

import io
import itertools
import re
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from zslcore import plots

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def _clean_style():
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="vert: bool was deprecated")  # between seaborn and matplotlib
        plots.use_style()
        yield
    plt.close("all")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def names():
    """Twelve attributes in three groups."""
    return [f"has_{group}::{value}" for group in ("crown_color", "wing", "size") for value in "abcd"]


@pytest.fixture(scope="session")
def errors_of():
    """Error matrices, one for each method."""
    return lambda methods, rng, shape=(6, 12): {method: rng.gamma(0.7, 0.02, size=shape) for method in methods}


@pytest.fixture(scope="session")
def render():
    """The figure, drawn as a PNG of some size, nothing cut off, no text on another."""
    return _render


@pytest.fixture(scope="session")
def assert_labelled():
    """Every axis has a name."""
    return _assert_labelled


def _render(figure):
    assert isinstance(figure, Figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi="figure")
    picture = plt.imread(io.BytesIO(buffer.getvalue()))
    assert picture[..., :3].std() > 0.02  # not a blank page
    assert min(picture.shape[:2]) > 30
    _assert_text_is_legible(figure)
    return figure


def _texts(figure):
    """Corners of the texts that are drawn, turned as they are, in pixels."""
    renderer = figure.canvas.get_renderer()
    for text in figure.findobj(mpl.text.Text):
        if text.get_visible() and text.get_text().strip() and _is_shown(figure, text):
            turned = text.get_rotation()
            text.set_rotation(0)
            flat = text.get_window_extent(renderer)
            text.set_rotation(turned)
            box = text.get_window_extent(renderer)
            middle = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
            angle = np.radians(turned)
            along = np.array([np.cos(angle), np.sin(angle)]) * flat.width / 2
            across = np.array([-np.sin(angle), np.cos(angle)]) * flat.height / 2
            yield text.get_text(), middle, along, across


def _is_shown(figure, text):
    """Whether a text is on the page: axes keep the labels of ticks that they do not show."""
    for axis in figure.axes:
        for side in (axis.xaxis, axis.yaxis):
            low, high = sorted(side.get_view_interval())
            ticks = [*side.get_major_ticks(), *side.get_minor_ticks()]
            for tick in ticks:
                if text in (tick.label1, tick.label2):
                    return axis.axison and low <= tick.get_loc() <= high
        if text in axis.findobj(mpl.text.Text) and not axis.axison:
            return text is axis.title or text in axis.texts
    return True


def _assert_text_is_legible(figure):
    """No text leaves the page, and no two lie on each other (rectangles apart along one of their sides)."""
    found = list(_texts(figure))
    width, height = figure.canvas.get_width_height(physical=True)
    for name, middle, along, across in found:
        reach = np.abs(along) + np.abs(across)
        assert (middle - reach > -1.5).all(), f"{name!r} is cut off"
        assert (middle + reach < np.array([width, height]) + 1.5).all(), f"{name!r} is cut off"
    for (first, *one), (second, *other) in itertools.combinations(found, 2):
        assert _apart(one, other), f"{first!r} lies on {second!r}"


def _apart(one, other):
    gap = other[0] - one[0]
    for side in (*one[1:], *other[1:]):
        unit = side / np.linalg.norm(side)
        reach = sum(abs(unit @ half) for half in (*one[1:], *other[1:]))
        if abs(gap @ unit) > reach - 1:  # a pixel of blank edge
            return True
    return False


def _assert_labelled(figure):
    """Every axis has a name: its own, that of the axis it shares, or the figure's; categories explain themselves."""
    visible = [axis for axis in figure.axes if axis.axison]
    assert visible
    for side in ("x", "y"):
        of_figure = getattr(figure, f"get_sup{side}label")()
        for axis in visible:
            label = getattr(axis, f"get_{side}label")()
            ticks = [tick.get_text() for tick in getattr(axis, f"get_{side}ticklabels")()]
            bare = not any(ticks) or any(re.match(r"[A-Za-z+]", text) for text in ticks)
            shared = getattr(figure.axes[0], f"get_shared_{side}_axes")().joined(axis, figure.axes[0])
            named = shared and getattr(figure.axes[0], f"get_{side}label")()
            assert label or bare or of_figure or named, (side, ticks)

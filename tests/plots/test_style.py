"""Colours, markers, hatches: one of its own for every method, known or not; names of panels and groups that fit."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from scipy.optimize import minimize

from zslcore import plots
from zslcore.methods import METHOD_NAMES
from zslcore.plots.groups import group_columns, spread

METHODS = list(METHOD_NAMES.values())


def test_every_method_has_a_colour_and_a_marker_of_its_own():
    assert list(plots.METHOD_COLORS) == list(plots.METHOD_MARKERS) == METHODS
    assert len({to_hex(color) for color in plots.METHOD_COLORS.values()}) == len(METHODS)
    assert len(set(plots.METHOD_MARKERS.values())) == len(METHODS)


def contrast(one, other):
    """Ratio of the luminances of two colours as WCAG 2.1 defines it, from 1 for equal greys to 21."""
    levels = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    dark, light = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (light + 0.05) / (dark + 0.05)


class TestGreyPrint:
    def test_contrast(self):
        assert contrast("white", "black") == pytest.approx(21)
        assert contrast(plots.METHOD_COLORS["+ MSE"], plots.METHOD_COLORS["+ ReMSE"]) < 1.3  # why there are hatches

    @pytest.mark.parametrize(("one", "other"), itertools.combinations(METHODS, 2))
    def test_any_two_methods_of_the_study(self, one, other):
        hatches, styles = plots.method_hatches(METHODS), plots.method_styles(METHODS)
        assert to_hex(styles[one]["color"]) != to_hex(styles[other]["color"])
        assert styles[one]["marker"] != styles[other]["marker"]
        assert hatches[one] != hatches[other] or contrast(styles[one]["color"], styles[other]["color"]) > 3

    def test_a_hatch_is_seen_on_its_colour(self):
        """It is drawn in the dark colour of the edge."""
        hatched = [plots.METHOD_COLORS[method] for method in METHODS if plots.METHOD_HATCHES[method]]
        assert hatched
        assert min(contrast(color, "0.2") for color in hatched) > 2

    def test_a_method_beside_others(self):
        names = [*METHODS, *(f"method {index}" for index in range(8))]
        hatches = plots.method_hatches(names)
        assert list(hatches) == names
        assert len({hatches[name] for name in names[len(METHODS) :]} - {hatches[name] for name in METHODS}) == 8
        assert plots.method_hatches(["b", "+ MSE", "a"])["b"] == plots.method_hatches(["a", "b"])["b"]

    def test_a_method_that_was_added(self, monkeypatch):
        monkeypatch.setitem(plots.METHOD_COLORS, "mine", "#123456")
        assert plots.method_hatches(["mine"]) == {"mine": ""}
        monkeypatch.setitem(plots.METHOD_HATCHES, "mine", "O")
        assert plots.method_hatches(["mine"]) == {"mine": "O"}


class TestMethodStyles:
    def test_known_methods_keep_theirs_among_others(self):
        styles = plots.method_styles(["+ BMC", "+ ReMSE", "+ focal MSE"])
        assert styles["+ ReMSE"] == {"color": plots.METHOD_COLORS["+ ReMSE"], "marker": plots.METHOD_MARKERS["+ ReMSE"]}
        assert list(styles) == ["+ BMC", "+ ReMSE", "+ focal MSE"]

    def test_others_do_not_depend_on_the_order(self):
        one, other = plots.method_styles(["b", "a"]), plots.method_styles(["a", "+ MSE", "b"])
        assert one["a"] == other["a"]
        assert one["b"] == other["b"]
        assert one["a"] != one["b"]

    def test_no_two_of_many_look_alike(self):
        names = [*METHODS, *(f"method {index}" for index in range(40))]
        looks = {(to_hex(style["color"]), style["marker"]) for style in plots.method_styles(names).values()}
        assert len(looks) == len(names)

    def test_a_method_that_was_added(self, monkeypatch):
        monkeypatch.setitem(plots.METHOD_COLORS, "mine", "#123456")
        assert plots.method_styles(["mine"])["mine"]["color"] == "#123456"


class TestGroups:
    def test_a_group_is_brought_together(self):
        order, spans = group_columns(["has_a::1", "has_b::1", "has_a::2", "c", "has_b::2"])
        assert order.tolist() == [0, 2, 1, 4, 3]
        assert spans == {"a": (0, 1), "b": (2, 3), "c": (4, 4)}

    @given(
        positions=st.lists(st.floats(0, 10), min_size=1, max_size=6).map(sorted),
        distance=st.floats(0.1, 3),
    )
    def test_spread_labels_are_apart_and_inside(self, positions, distance):
        places = spread(np.array(positions), distance, low=0.0, high=10.0)
        room = min(distance, 10 / max(len(positions) - 1, 1))
        assert (np.diff(places) >= room - 1e-9).all()
        assert places[0] >= -1e-9
        assert places[-1] <= 10 + 1e-9

    @pytest.mark.parametrize("positions", [[1.0, 1.1, 1.2, 6.0], [0.0, 0.1, 9.9, 10.0], [4.0, 4.0, 4.5, 5.0, 9.0]])
    def test_spread_is_the_nearest_that_is_apart(self, positions):
        """Against a general optimiser with the same constraints."""
        positions = np.array(positions)
        apart = {"type": "ineq", "fun": lambda places: np.diff(places) - 1}
        start = np.linspace(0, 10, len(positions))
        bounds = [(0, 10)] * len(positions)
        nearest = minimize(lambda p: ((p - positions) ** 2).sum(), start, bounds=bounds, constraints=apart).x
        np.testing.assert_allclose(spread(positions, 1.0, low=0.0, high=10.0), nearest, atol=1e-4)

"""Colours, markers, hatches: one of its own for every method, known or not; names of panels and groups that fit."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from scipy.optimize import minimize

from zslcore import plots
from zslcore.methods import DISPLAY_NAMES
from zslcore.methods import METHODS as STUDY
from zslcore.plots.groups import columns_in_groups, spread

METHODS = list(STUDY)


def test_every_method_has_a_look_of_its_own():
    assert list(plots.METHOD_LOOKS) == METHODS
    assert len({to_hex(look.color) for look in plots.METHOD_LOOKS.values()}) == len(METHODS)
    assert len({look.marker for look in plots.METHOD_LOOKS.values()}) == len(METHODS)


def test_measures_and_methods_have_display_names():
    names = [plots.measure_name(key) for key in ("test_seen_theil", "lam", "remse", "constant", "H", "mine")]
    assert names == ["Theil index, seen classes", "λ", "+ ReMSE", "null: constant", "H", "mine"]
    assert not any("_" in name for name in plots.MEASURE_NAMES.values())


def contrast(one, other):
    """Ratio of the luminances of two colours as WCAG 2.1 defines it, from 1 for equal greys to 21."""
    levels = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    dark, light = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (light + 0.05) / (dark + 0.05)


class TestGreyPrint:
    def test_contrast(self):
        assert contrast("white", "black") == pytest.approx(21)
        looks = plots.METHOD_LOOKS
        assert contrast(looks["mse"].color, looks["remse"].color) < 1.3  # why there are hatches

    @pytest.mark.parametrize(("one", "other"), itertools.combinations(METHODS, 2))
    def test_any_two_methods_of_the_study(self, one, other):
        one, other = plots.METHOD_LOOKS[one], plots.METHOD_LOOKS[other]
        assert one.hatch != other.hatch or contrast(one.color, other.color) > 3

    def test_a_hatch_is_seen_on_its_colour(self):
        """It is drawn in the dark colour of the edge."""
        hatched = [look.color for look in plots.METHOD_LOOKS.values() if look.hatch]
        assert hatched
        assert min(contrast(color, "0.2") for color in hatched) > 2


class TestMethodLooks:
    def test_a_loss_has_the_same_look_beside_any_others(self):
        alone, among = plots.method_looks(["bmc"]), plots.method_looks(["mae", "remse", "bmc", "mine", "aaa"])
        assert list(among) == ["mae", "remse", "bmc", "mine", "aaa"]
        assert alone["bmc"] == among["bmc"]
        assert among["remse"] == plots.METHOD_LOOKS["remse"]

    def test_unknown_names_do_not_depend_on_the_order(self):
        one, other = plots.method_looks(["b", "a"]), plots.method_looks(["a", "mse", "b"])
        assert one["a"] == other["a"]
        assert one["b"] == other["b"]
        assert one["a"] != one["b"]

    def test_no_two_of_many_look_alike(self):
        names = [key for key, name in DISPLAY_NAMES.items() if not name.startswith("null")]
        names += [f"method {index}" for index in range(20)]
        looks = plots.method_looks(names).values()
        assert len({(to_hex(look.color), look.marker) for look in looks}) == len(names)

    def test_null_models_are_one_grey(self):
        looks = plots.method_looks(["constant", "multiplicative", "shrinkage", "permuted"]).values()
        assert len(set(looks)) == 1

    def test_a_method_that_was_added(self, monkeypatch):
        monkeypatch.setitem(plots.METHOD_LOOKS, "mine", plots.Look("#123456", "X", "O"))
        assert plots.method_looks(["mine"])["mine"].color == "#123456"


class TestGroups:
    def test_a_group_is_brought_together(self):
        order, spans = columns_in_groups(["has_a::1", "has_b::1", "has_a::2", "c", "has_b::2"], 5)
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

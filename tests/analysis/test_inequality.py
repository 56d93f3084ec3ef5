"""Inequality of errors against scipy and the laws that define it."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, stats

from zslcore import InputError
from zslcore.analysis import coefficient_of_variation, gini_index, inequality, theil_index

# errors between 1e-6 and 1e6: what normalised squared errors and raw ones span
ERRORS = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(1e-6, 1e6))


@pytest.mark.parametrize("index", [coefficient_of_variation, theil_index, gini_index])
class TestEveryIndex:
    """What the three measures have in common; warnings are errors here."""

    @pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
    def test_without_any_cell_is_nan(self, index, shape):
        assert math.isnan(index(np.zeros(shape)))

    @pytest.mark.parametrize("convert", [torch.from_numpy, pd.Series, np.ndarray.tolist])
    @pytest.mark.usefixtures("unchecked")
    def test_errors_come_in_any_container(self, index, convert):
        errors = np.array([0.0, 1.0, 2.0, 6.0])
        assert index(convert(errors)) == index(errors)

    def test_with_a_nan_is_nan(self, index):
        assert math.isnan(index(np.array([1.0, np.nan, 2.0])))

    @pytest.mark.parametrize("errors", [[1.0, np.inf], [np.inf, np.inf], [np.nan, np.inf]])
    def test_infinite_error_is_named(self, index, errors):
        with pytest.raises(InputError, match="errors must be finite, got infinity"):
            index(np.array(errors))

    @pytest.mark.parametrize("errors", [[-1.0, 3.0], [-1.0, -3.0, 5.0], [-1.0, np.nan]])
    def test_negative_error_is_named(self, index, errors):
        with pytest.raises(InputError, match=rf"errors must be at least 0, got {np.nanmin(errors)}"):
            index(np.array(errors))


class TestCoefficientOfVariation:
    def test_equals_scipy(self, errors):
        assert coefficient_of_variation(errors) == pytest.approx(stats.variation(errors, axis=None), rel=1e-12)
        row = errors[0].astype(np.float32)
        assert coefficient_of_variation(row) == pytest.approx(stats.variation(row.astype(float)), rel=1e-6)

    @given(errors=ERRORS, factor=st.floats(1e-3, 1e3))
    def test_does_not_change_with_the_unit(self, errors, factor):
        assert coefficient_of_variation(errors * factor) == pytest.approx(coefficient_of_variation(errors), abs=1e-9)

    def test_of_equal_errors_is_zero(self):
        assert coefficient_of_variation(np.full((3, 5), 0.1)) == pytest.approx(0, abs=1e-12)

    def test_without_any_error_is_nan(self):
        assert math.isnan(coefficient_of_variation(np.zeros((2, 3))))


class TestTheilIndex:
    @given(errors=ERRORS)
    def test_equals_its_definition_cell_by_cell(self, errors):
        mean = math.fsum(errors.flat) / errors.size
        expected = math.fsum(m / mean * math.log(m / mean) for m in errors.flat) / errors.size
        assert theil_index(errors) == pytest.approx(expected, rel=1e-9, abs=1e-12)

    @given(errors=ERRORS, factor=st.floats(1e-3, 1e3))
    def test_does_not_change_with_the_unit(self, errors, factor):
        assert theil_index(errors * factor) == pytest.approx(theil_index(errors), rel=1e-9, abs=1e-12)

    @given(errors=ERRORS)
    def test_lies_between_zero_and_log_n(self, errors):
        assert -1e-12 <= theil_index(errors) <= math.log(errors.size) + 1e-12

    @given(errors=ERRORS, copies=st.integers(2, 5))
    def test_does_not_change_with_replication(self, errors, copies):
        assert theil_index(np.tile(errors, (copies, 1))) == pytest.approx(theil_index(errors), rel=1e-9, abs=1e-12)

    def test_reaches_its_bounds(self):
        assert theil_index(np.full(7, 0.1)) == pytest.approx(0, abs=1e-12)
        assert theil_index(np.eye(1, 20) * 0.3) == pytest.approx(math.log(20))

    def test_falls_when_the_larger_error_gives_to_the_smaller(self, errors):
        """The principle of transfers, which any measure of inequality must obey."""
        flat = np.sort(errors.ravel())
        moved, step = flat.copy(), (flat[-1] - flat[0]) / 4
        moved[0] += step
        moved[-1] -= step
        assert theil_index(moved) < theil_index(flat) - 1e-4

    def test_within_and_between_classes_add_up(self, errors):
        """Theil's decomposition: the index of the whole is that of the class means plus the mean of the classes'."""
        share = errors.mean(1) / errors.mean()
        within = np.mean(share * [theil_index(row) for row in errors])
        assert theil_index(errors) == pytest.approx(theil_index(errors.mean(1)) + within, rel=1e-10)

    def test_does_not_depend_on_the_order(self, errors):
        shuffled = np.random.default_rng(3).permuted(errors.ravel()).reshape(errors.shape)
        assert theil_index(shuffled) == pytest.approx(theil_index(errors), rel=1e-10)

    def test_zeros_count_as_cells_and_add_nothing(self):
        """Half the cells hold everything, equally: ln 2."""
        assert theil_index(np.array([[0.0, 3.0], [3.0, 0.0]])) == pytest.approx(math.log(2))

    def test_without_any_error_is_nan(self):
        assert math.isnan(theil_index(np.zeros((2, 3))))

    def test_negative_error_is_named(self):
        with pytest.raises(InputError, match=r"errors must be at least 0, got -0\.5"):
            theil_index(np.array([1.0, -0.5]))


def test_gini_equals_its_definition_by_pairs():
    errors = np.random.default_rng(0).gamma(1.0, size=(5, 7))
    pairs = np.abs(errors.ravel()[:, None] - errors.ravel()).mean()
    assert gini_index(errors) == pytest.approx(pairs / 2 / errors.mean())
    assert gini_index(np.full((3, 2), 4.0)) == pytest.approx(0)
    assert np.isnan(gini_index(np.zeros(3)))
    with pytest.raises(InputError, match="at least 0"):
        gini_index(np.array([1.0, -1.0]))


class TestInequality:
    def test_rows_and_columns_equal_scipy(self, errors):
        frame = inequality(errors)
        assert frame.index.tolist() == ["cells", "classes", "attributes"]
        for over, values in zip(frame.index, (errors.ravel(), errors.mean(1), errors.mean(0))):
            row = frame.loc[over]
            assert row["mean"] == pytest.approx(errors.mean())
            assert row["standard deviation"] == pytest.approx(math.sqrt(stats.moment(values, 2)))
            assert row["coefficient of variation"] == pytest.approx(stats.variation(values))
            # the Kullback-Leibler divergence of the shares from equal shares is Theil's T
            assert row["theil"] == pytest.approx(stats.entropy(values, np.ones(len(values))))
            assert row["gini"] == pytest.approx(1 - 2 * self.lorenz_area(values))

    @staticmethod
    def lorenz_area(values):
        lorenz = np.append(0, np.cumsum(np.sort(values)) / values.sum())
        return integrate.trapezoid(lorenz, dx=1 / len(values))

    @given(errors=ERRORS, factor=st.floats(1e-3, 1e3))
    def test_only_mean_and_deviation_have_a_unit(self, errors, factor):
        before, after = inequality(errors), inequality(errors * factor)
        np.testing.assert_allclose(after["mean"], factor * before["mean"])
        unitless = ["coefficient of variation", "theil", "gini"]
        np.testing.assert_allclose(after[unitless], before[unitless], rtol=1e-9, atol=1e-9)

    @given(errors=ERRORS, seed=st.integers(0, 99))
    def test_does_not_depend_on_the_order_of_classes_and_attributes(self, errors, seed):
        rng = np.random.default_rng(seed)
        shuffled = errors[rng.permutation(len(errors))][:, rng.permutation(errors.shape[1])]
        np.testing.assert_allclose(inequality(shuffled), inequality(errors), rtol=1e-9, atol=1e-9)

    @given(errors=ERRORS)
    def test_means_are_no_more_unequal_than_the_cells(self, errors):
        gini = inequality(errors)["gini"]
        assert gini[["classes", "attributes"]].max() <= gini["cells"] + 1e-9

    def test_absent_classes_are_left_out(self, errors):
        with_absent = np.insert(errors, 2, np.nan, axis=0)
        np.testing.assert_array_equal(inequality(with_absent), inequality(errors))
        assert inequality(np.full((2, 3), np.nan)).isna().all(axis=None)

    def test_constant_and_single(self):
        unequal = ["standard deviation", "coefficient of variation", "theil", "gini"]
        np.testing.assert_allclose(inequality(np.full((3, 4), 0.1))[unequal], 0, atol=1e-12)
        np.testing.assert_allclose(inequality(np.array([[1.0, 3.0]])).loc["classes", unequal], 0)
        np.testing.assert_allclose(inequality(np.array([[1.0], [3.0]])).loc["attributes", unequal], 0)
        assert inequality(np.zeros((2, 2)))[["coefficient of variation", "theil", "gini"]].isna().all(axis=None)

    @pytest.mark.parametrize(
        ("errors", "message"),
        [
            (np.zeros((0, 3)), r"at least one class and one attribute, got shape \(0, 3\)"),
            (np.array([[1.0, np.nan]]), "must be finite"),
            (np.array([[1.0, np.inf]]), "must be finite"),
            (np.array([[1.0, -2.0]]), r"at least 0, got -2\.0"),
        ],
    )
    def test_bad_errors_are_named(self, errors, message):
        with pytest.raises(InputError, match=message):
            inequality(errors)

"""Imbalance statistics against scipy, the golden values and the laws that define them."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from zslcore import InputError
from zslcore.analysis import (
    bootstrap_mean,
    coefficient_of_variation,
    gini_index,
    noise_weight,
    row_correlation,
    theil_index,
)

# errors between 1e-6 and 1e6: what normalised squared errors and raw ones span
ERRORS = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(1e-6, 1e6))


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def errors():
    return np.random.default_rng(0).gamma(0.7, 0.02, size=(6, 15))


class TestRowCorrelation:
    def test_equals_scipy(self, errors):
        values = np.random.default_rng(1).normal(size=errors.shape)
        expected = [stats.pearsonr(*pair).statistic for pair in zip(values, errors)]
        np.testing.assert_allclose(row_correlation(values, errors), expected, rtol=1e-12)

    def test_equals_the_released_code(self, golden):
        ours = row_correlation(golden["attributes"], golden["pearson/error"])
        np.testing.assert_allclose(ours, golden["pearson/per_class"], rtol=1e-5)

    def test_keeps_its_digits_for_small_float32_errors_far_from_zero(self):
        rng = np.random.default_rng(2)
        values = (1000 + rng.normal(size=(3, 312))).astype(np.float32)
        errors = (1e-6 * rng.random((3, 312))).astype(np.float32)
        expected = [stats.pearsonr(*pair).statistic for pair in zip(values.astype(float), errors.astype(float))]
        np.testing.assert_allclose(row_correlation(values, errors), expected, rtol=1e-9)

    @pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 1e-9, 1e9])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_constant_row_is_nan_and_the_others_are_not(self, errors, constant, dtype):
        """0.1 summed 15 times and divided by 15 is not 0.1: deviations of equal values need not be exact zeros."""
        errors = errors.astype(dtype)
        values = np.random.default_rng(1).normal(size=errors.shape).astype(dtype)
        values[1] = constant
        changed = errors.copy()
        changed[3] = constant
        result = row_correlation(values, changed)
        assert np.flatnonzero(np.isnan(result)).tolist() == [1, 3]
        assert (np.abs(result[[0, 2, 4, 5]]) < 1).all()

    def test_columns_by_transposing(self, errors):
        values = np.random.default_rng(1).normal(size=errors.shape)
        expected = [stats.pearsonr(values[:, a], errors[:, a]).statistic for a in range(errors.shape[1])]
        np.testing.assert_allclose(row_correlation(values.T, errors.T), expected, rtol=1e-12)

    def test_leaves_its_arguments_alone(self, errors):
        values, before = errors * 2, errors.copy()
        row_correlation(values, errors)
        np.testing.assert_array_equal(errors, before)
        np.testing.assert_array_equal(values, before * 2)

    @pytest.mark.usefixtures("unchecked")
    def test_shapes_that_differ_are_named(self):
        with pytest.raises(InputError, match=r"must have one shape, got \(2, 3\) and \(3, 2\)"):
            row_correlation(np.zeros((2, 3)), np.zeros((3, 2)))


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


class TestBootstrapMean:
    def test_is_seeded_and_leaves_out_nan(self):
        values = np.random.default_rng(4).normal(0.5, 0.1, size=30)
        interval = bootstrap_mean(values)
        assert bootstrap_mean(values) == interval
        assert bootstrap_mean(values, seed=1) != interval
        assert bootstrap_mean(np.append(values, np.nan)) == interval

    def test_is_close_to_students_interval_for_normal_values(self):
        values = np.random.default_rng(5).normal(0.5, 0.1, size=200)
        expected = stats.t.interval(0.9, len(values) - 1, values.mean(), stats.sem(values))
        np.testing.assert_allclose(bootstrap_mean(values, confidence=0.9), expected, atol=0.002)

    @pytest.mark.parametrize("values", [[], [0.5], [0.5, np.nan], [np.nan, np.nan]])
    def test_less_than_two_values_give_no_interval(self, values):
        assert np.isnan(bootstrap_mean(np.array(values, dtype=float))).all()

    def test_equal_values_give_an_interval_without_width(self):
        assert bootstrap_mean(np.full(5, 0.1)) == (0.1, 0.1)


def test_gini_equals_its_definition_by_pairs():
    errors = np.random.default_rng(0).gamma(1.0, size=(5, 7))
    pairs = np.abs(errors.ravel()[:, None] - errors.ravel()).mean()
    assert gini_index(errors) == pytest.approx(pairs / 2 / errors.mean())
    assert gini_index(np.full((3, 2), 4.0)) == pytest.approx(0)
    assert np.isnan(gini_index(np.zeros(3)))
    with pytest.raises(InputError, match="at least 0"):
        gini_index(np.array([1.0, -1.0]))


@pytest.mark.parametrize(("count", "shots"), [(2, 1), (16, 2), (16, 5), (312, 2)])
def test_noise_weight_equals_simulation(count, shots):
    m = np.random.default_rng(0).chisquare(shots, size=(4000, count))
    simulated = 1 + np.log(m / m.min(1, keepdims=True))
    assert noise_weight(count, shots) == pytest.approx(simulated.mean(), rel=0.02)
    if shots == 2:
        assert noise_weight(count, shots) == pytest.approx(1 + np.log(count))


def test_bootstrap_interval_covers_and_degenerates():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_mean(rng.normal(size=40)) for _ in range(40)]
    assert np.mean([low < 0 < high for low, high in intervals]) > 0.8
    assert bootstrap_mean(np.array([2.0, 2.0])) == (2.0, 2.0)
    assert np.isnan(bootstrap_mean(np.array([1.0, np.nan]))).all()

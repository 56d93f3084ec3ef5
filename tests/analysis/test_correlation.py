"""Correlations and their intervals against scipy and the golden values."""

import numpy as np
import pytest
from scipy import stats

from zslcore import InputError
from zslcore.analysis import bootstrap_mean, row_correlation


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


def test_bootstrap_interval_covers_and_degenerates():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_mean(rng.normal(size=40)) for _ in range(40)]
    assert np.mean([low < 0 < high for low, high in intervals]) > 0.8
    assert bootstrap_mean(np.array([2.0, 2.0])) == (2.0, 2.0)
    assert np.isnan(bootstrap_mean(np.array([1.0, np.nan]))).all()

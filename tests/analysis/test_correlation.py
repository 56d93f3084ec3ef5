"""Correlations and their intervals against scipy and the golden values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zslcore import InputError
from zslcore.analysis import row_correlation, sample_correlation


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

    @pytest.mark.parametrize("columns", [0, 1, 2])
    def test_fewer_than_three_columns_have_no_correlation(self, columns):
        """Two points always lie on a line: 1 or -1, whatever the values."""
        rng = np.random.default_rng(3)
        values, errors = rng.normal(size=(2, 4, columns))
        np.testing.assert_array_equal(row_correlation(values, errors), np.full(4, np.nan))
        assert row_correlation(values[:0], errors[:0]).shape == (0,)

    @pytest.mark.usefixtures("unchecked")
    def test_shapes_that_differ_are_named(self):
        with pytest.raises(InputError, match=r"must have one shape, got \(2, 3\) and \(3, 2\)"):
            row_correlation(np.zeros((2, 3)), np.zeros((3, 2)))


class TestSampleCorrelation:
    def test_equals_scipy(self, errors):
        counts = np.array([5, 30, 30, 8, 100, 2])
        expected = stats.spearmanr(errors.mean(1), counts).statistic
        found, low, high = sample_correlation(errors, counts)
        assert found == pytest.approx(expected)
        assert -1 <= low <= found <= high <= 1
        assert sample_correlation(errors, counts) == (found, low, high)

    def test_interval_is_near_fishers(self):
        rng = np.random.default_rng(9)
        counts = rng.permutation(200)
        errors = np.exp(-counts / 100 + rng.normal(size=200))[:, None]
        found, low, high = sample_correlation(errors, counts)
        # Fisher's transformation with the variance of Bonett and Wright for ranks
        half = 1.96 * np.sqrt((1 + found**2 / 2) / 197)
        np.testing.assert_allclose([low, high], np.tanh(np.arctanh(found) + half * np.array([-1, 1])), atol=0.03)

    @given(seed=st.integers(0, 50))
    def test_depends_on_the_order_of_values_only(self, seed):
        rng = np.random.default_rng(seed)
        errors, counts = rng.random((8, 1)), rng.integers(1, 9, 8)
        order = rng.permutation(8)
        found = sample_correlation(errors, counts)[0]
        assert sample_correlation(np.exp(errors), counts**3)[0] == pytest.approx(found, nan_ok=True)
        assert sample_correlation(errors[order], counts[order])[0] == pytest.approx(found, nan_ok=True)

    def test_absent_classes_are_left_out(self, errors):
        counts = np.array([5, 30, 31, 8, 100, 2])
        expected = sample_correlation(errors, counts)
        assert sample_correlation(np.insert(errors, 1, np.nan, axis=0), np.insert(counts, 1, 7)) == expected

    def test_without_spread_is_nan(self, errors):
        assert np.isnan(sample_correlation(errors, np.full(6, 30))).all()
        assert np.isnan(sample_correlation(np.ones((6, 2)), np.arange(6))).all()
        assert np.isnan(sample_correlation(errors[:2], np.arange(2))).all()

    @pytest.mark.usefixtures("unchecked")
    def test_bad_counts_are_named(self, errors):
        with pytest.raises(InputError, match=r"one entry for each of 6 classes, got shape \(2,\)"):
            sample_correlation(errors[:, :1], np.arange(2))
        with pytest.raises(InputError, match="at least 0, got -1"):
            sample_correlation(errors, np.array([1, 2, 3, 4, 5, -1]))


class TestRounding:
    def test_a_constant_error_in_float32_is_constant(self, rng):
        """The same error for every image, averaged in float32 over 5 to 44 images a class: -0.80 (-0.94 to -0.56)."""
        counts = rng.integers(5, 45, size=40)
        row = rng.random(30).astype(np.float32)
        errors = np.stack([np.cumsum(np.tile(row, (n, 1)), axis=0)[-1] / np.float32(n) for n in counts])
        assert np.isnan(sample_correlation(errors, counts)).all()

    def test_sums_in_another_order_are_equal(self):
        assert np.isnan(row_correlation(np.array([[0.3, 0.1 + 0.2, 0.3, 0.3]]), np.array([[1.0, 2, 3, 4]]))).all()

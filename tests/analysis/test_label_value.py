"""Label value against error: scipy, the inverse covariance, and pandas' quantile bins."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zslcore import InputError
from zslcore.analysis import (
    error_by_label,
    label_correlation,
)

SCIPY = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}


@pytest.fixture
def labels(errors):
    """Rounded, so that ranks have ties."""
    return np.random.default_rng(1).normal(size=errors.shape).round(1)


class TestLabelCorrelation:
    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    @pytest.mark.parametrize("axis", ["class", "attribute"])
    def test_equals_scipy(self, labels, errors, axis, method):
        rows = zip(labels, errors) if axis == "class" else zip(labels.T, errors.T)
        expected = [SCIPY[method](*pair).statistic for pair in rows]
        assert label_correlation(labels, errors, axis=axis, method=method) == pytest.approx(np.mean(expected))

    @given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 50))
    def test_does_not_change_with_units_and_order(self, scale, seed):
        rng = np.random.default_rng(seed)
        labels, errors = rng.normal(size=(4, 6)), rng.random((4, 6))
        expected = label_correlation(labels, errors)
        assert label_correlation(scale * labels + 1, scale * errors) == pytest.approx(expected, abs=1e-8)
        rows, columns = rng.permutation(4), rng.permutation(6)
        shuffled = label_correlation(labels[rows][:, columns], errors[rows][:, columns])
        assert shuffled == pytest.approx(expected, abs=1e-12)

    def test_constant_rows_are_not_in_the_mean(self, labels, errors):
        constant = errors.copy()
        constant[2] = 0.1
        expected = label_correlation(np.delete(labels, 2, 0), np.delete(errors, 2, 0))
        assert label_correlation(labels, constant) == pytest.approx(expected)

    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    @pytest.mark.parametrize("axis", ["class", "attribute"])
    def test_absent_classes_are_left_out(self, labels, errors, axis, method):
        expected = label_correlation(labels, errors, axis=axis, method=method)
        with_absent = np.insert(labels, 1, 0.5, axis=0), np.insert(errors, 1, np.nan, axis=0)
        assert label_correlation(*with_absent, axis=axis, method=method) == expected

    @pytest.mark.parametrize(
        ("shape", "axis"), [((1, 5), "attribute"), ((5, 1), "class"), ((3, 4), "class"), ((3, 4), "attribute")]
    )
    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    def test_nothing_to_correlate_is_nan(self, shape, axis, method):
        """One class has no correlation within an attribute, one attribute none within a class, absent classes none."""
        errors = np.random.default_rng(0).random(shape) if 1 in shape else np.full(shape, np.nan)
        assert np.isnan(label_correlation(np.random.default_rng(1).random(shape), errors, axis=axis, method=method))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"axis": "row"}, "axis must be one of class, attribute, got 'row'"),
            ({"method": "kendall"}, "method must be one of pearson, spearman, got 'kendall'"),
            ({"labels": np.full((6, 15), np.nan)}, "labels must be finite"),
            ({"errors": np.full((6, 15), np.inf)}, "errors must be finite"),
            ({"labels": np.zeros((0, 2)), "errors": np.zeros((0, 2))}, "at least one class and one attribute"),
        ],
    )
    def test_bad_input_is_named(self, labels, errors, change, message):
        with pytest.raises(InputError, match=message):
            label_correlation(**({"labels": labels, "errors": errors} | change))

    @pytest.mark.usefixtures("unchecked")
    def test_shapes_that_differ_are_named(self, labels, errors):
        with pytest.raises(InputError, match=r"must have one shape, got \(15, 6\) and \(6, 15\)"):
            label_correlation(labels.T, errors)


class TestErrorByLabel:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("decimals", [0, 1, 6])
    def test_equals_bins_between_quantiles(self, dtype, decimals):
        rng = np.random.default_rng(6)
        values = np.abs(rng.normal(size=400)).round(decimals).astype(dtype)
        errors = rng.random(400).astype(dtype)
        ends = np.unique(np.quantile(values.astype(float), np.arange(1, 9) / 8, method="inverted_cdf"))
        cut = pd.cut(values.astype(float), [-np.inf, *ends])
        expected = pd.Series(errors.astype(float)).groupby(cut, observed=True).agg(["mean", "sem", "count"])
        frame = error_by_label(values, errors, bins=8)
        np.testing.assert_allclose(frame[["mean", "sem", "count"]], expected)

    def test_bins_hold_equally_many_in_order_of_the_label(self, errors):
        values = np.random.default_rng(7).permutation(90).reshape(6, 15).astype(float)
        frame = error_by_label(values, errors, bins=9)
        assert frame["count"].tolist() == [10] * 9
        np.testing.assert_allclose(frame["value"], 10 * np.arange(9) + 4.5)
        by_hand = errors.ravel()[np.argsort(values.ravel())].reshape(9, 10)
        np.testing.assert_allclose(frame["mean"], by_hand.mean(1))
        np.testing.assert_allclose(frame["sem"], stats.sem(by_hand, axis=1))

    @given(seed=st.integers(0, 99), bins=st.integers(1, 20))
    def test_no_cell_is_lost(self, seed, bins):
        rng = np.random.default_rng(seed)
        values, errors = rng.integers(0, 5, 30).astype(float), rng.random(30)
        frame = error_by_label(values, errors, bins=bins)
        assert frame["count"].sum() == 30
        assert (frame["mean"] * frame["count"]).sum() == pytest.approx(errors.sum())

    def test_equal_labels_are_one_bin(self):
        frame = error_by_label(np.full(4, 0.1), np.array([1.0, 2.0, 3.0, 4.0]))
        assert frame[["value", "mean", "count"]].to_numpy().tolist() == [[pytest.approx(0.1), 2.5, 4]]

    def test_one_cell_has_no_standard_error(self):
        frame = error_by_label(np.array([1.0]), np.array([2.0]))
        assert frame["mean"].tolist() == [2.0]
        assert frame["sem"].isna().all()

    def test_absent_cells_are_left_out(self):
        values, errors = np.arange(4.0), np.array([1.0, np.nan, 3.0, 5.0])
        assert error_by_label(values, errors, bins=1)["mean"].tolist() == [3.0]

    @pytest.mark.parametrize(
        ("values", "errors", "bins", "message"),
        [
            (np.zeros(0), np.zeros(0), 3, "at least one cell, got 0"),
            (np.zeros(2), np.full(2, np.nan), 3, "at least one cell, got 0"),
            (np.array([0.0, np.nan]), np.zeros(2), 3, "must be finite"),
            (np.zeros(2), np.array([0.0, np.inf]), 3, "must be finite"),
            (np.zeros(2), np.zeros(2), 0, "bins must be a whole number of at least 1, got 0"),
        ],
    )
    def test_bad_input_is_named(self, values, errors, bins, message):
        with pytest.raises(InputError, match=message):
            error_by_label(values, errors, bins=bins)


def test_the_smallest_label_has_a_bin_of_its_own_where_many_cells_have_it():
    """Binary labels would share one bin otherwise, and no relation would be seen."""
    labels = np.repeat([0.0, 1.0, 2.0], [70, 20, 10])
    binned = error_by_label(labels, labels + 0.5)
    assert binned["value"].tolist() == [0, 1, 2]
    assert binned["mean"].tolist() == [0.5, 1.5, 2.5]
    assert binned["count"].tolist() == [70, 20, 10]


def test_the_number_of_bins_is_whole(unchecked):
    with pytest.raises(InputError, match=r"^bins must be a whole number of at least 1, got 3\.0$"):
        error_by_label(np.zeros(3), np.zeros(3), bins=3.0)

"""Intervals, bootstrap draws and verdicts, against scipy and against what is known of them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zslcore import InputError
from zslcore.analysis import bootstrap, holm, percentile_interval, t_interval, verdict


class TestVerdict:
    def test_the_side_of_zero_decides(self):
        assert verdict(0.1, 1) == "supported"
        assert verdict(-1, -0.1) == "contradicted"
        assert verdict(-1, 1) == "inconclusive"

    def test_bounds_at_zero_show_nothing(self):
        assert verdict(0.0, 1.0) == verdict(-1.0, 0.0) == verdict(0.0, 0.0) == "inconclusive"

    @pytest.mark.parametrize("interval", [(np.nan, 1.0), (1.0, np.nan)])
    def test_half_an_interval_is_none(self, interval):
        assert verdict(*interval) == "not testable"


class TestIntervals:
    def test_t_interval_equals_scipy(self, rng):
        values = rng.normal(size=7)
        expected = stats.t.interval(0.9, 6, loc=values.mean(), scale=stats.sem(values))
        assert t_interval(values, confidence=0.9) == pytest.approx(expected)
        assert t_interval(pd.Series(values), confidence=0.9) == pytest.approx(expected)

    def test_t_interval_of_a_single_value_is_none(self):
        assert np.isnan(t_interval(np.array([1.0]))).all()

    @pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
    def test_confidence_is_a_share(self, confidence):
        with pytest.raises(InputError, match="confidence must be between 0 and 1"):
            t_interval(np.array([1.0, 2.0]), confidence=confidence)

    def test_percentiles_leave_out_what_is_not_defined(self, rng):
        draws = rng.normal(size=1000)
        assert percentile_interval(np.append(draws, [np.nan] * 500)) == tuple(np.quantile(draws, [0.025, 0.975]))
        assert np.isnan(percentile_interval(np.full(3, np.nan))).all()


class TestBootstrap:
    def test_of_a_vector_equals_scipy(self, rng):
        """The same resamples as scipy's paired percentile bootstrap."""
        x, y = rng.random((2, 15))
        ratio = lambda x, y, axis=-1: x.sum(axis) / y.sum(axis)  # noqa: E731
        expected = stats.bootstrap(
            (x, y), ratio, paired=True, vectorized=True, method="percentile", rng=np.random.default_rng(4)
        )
        draws = bootstrap(ratio, x, y, resamples=9999, seed=4)
        np.testing.assert_allclose(draws, expected.bootstrap_distribution)
        assert percentile_interval(draws) == pytest.approx(tuple(expected.confidence_interval))

    def test_of_matrices_draws_rows_and_columns(self, rng):
        x = rng.random((4, 6))
        draws = bootstrap(lambda x: x.sum(), x, resamples=2, seed=7)
        generator = np.random.default_rng(7)
        for draw in draws:
            rows, columns = generator.integers(4, size=4), generator.integers(6, size=6)
            assert draw == pytest.approx(x[rows][:, columns].sum())

    def test_of_an_empty_matrix_is_nan(self):
        assert np.isnan(bootstrap(np.sum, np.ones((0, 3)), resamples=2, seed=0)).all()

    def test_covers_the_mean(self):
        rng = np.random.default_rng(0)
        covered = 0
        for _ in range(40):
            draws = bootstrap(lambda values: values.mean(-1), rng.normal(size=40), resamples=999, seed=0)
            low, high = percentile_interval(draws)
            covered += low < 0 < high
        assert covered >= 34


@pytest.mark.parametrize("lengths", [(5, 9), (9, 5)])
def test_paired_arrays_have_one_length(lengths, unchecked):
    with pytest.raises(InputError, match=r"^the arrays must have one shape, got "):
        bootstrap(lambda x, y: x.mean(-1) - y.mean(-1), *map(np.zeros, lengths), resamples=3, seed=0)


def test_holm_takes_any_sequence(unchecked):
    assert holm((0.01, 0.04)).tolist() == holm([0.01, 0.04]).tolist() == [0.02, 0.04]
    assert holm([]).shape == (0,)

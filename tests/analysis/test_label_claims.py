"""The claims about errors and label values: their verdicts where the truth is known, and their numbers."""

import numpy as np
import pytest
from scipy import stats

from zslcore.analysis import (
    label_claim,
    label_correlation,
    matched_nulls,
    null_errors,
    percentile_interval,
    relative_slope,
    slope_claim,
    verdict,
)

RAW = {"images": 20, "normalize": False}


def with_nulls(labels, errors):
    nulls = matched_nulls(labels, errors, **RAW)
    return {"measured": errors} | nulls


class TestLabelClaim:
    @pytest.mark.usefixtures("unchecked")  # thousands of equal resamples; other tests check their shapes
    @pytest.mark.parametrize("axis", ["class", "attribute"])
    def test_noise_that_grows_with_the_label_is_no_more_than_that(self, labels, rng, axis):
        """Errors of multiplicative noise: they go with the label, more than constant noise gives, and not more than
        multiplicative noise gives."""
        errors = null_errors(labels, "multiplicative", noise=0.3, rng=rng, **RAW)
        told = label_claim(labels, with_nulls(labels, errors), axis=axis)["verdict"]
        assert told["measured"] == told["permuted"] == told["constant"] == "supported"
        assert told["multiplicative"] == "inconclusive"

    def test_constant_noise_shows_no_claim(self, labels, rng):
        errors = null_errors(labels, "constant", noise=0.3, rng=rng, **RAW)
        told = label_claim(labels, with_nulls(labels, errors))["verdict"]
        assert told["measured"] == told["permuted"] == told["constant"] == "inconclusive"
        assert told["multiplicative"] == "contradicted"

    def test_errors_that_fall_with_the_label_refute_it(self, labels):
        frame = label_claim(labels, {"measured": np.exp(-labels)})
        assert frame["verdict"].tolist() == ["contradicted", "contradicted"]

    @pytest.mark.parametrize("method", ["pearson", "spearman"])
    @pytest.mark.parametrize("axis", ["class", "attribute"])
    def test_numbers_are_those_of_the_pigeonhole_bootstrap(self, labels, rng, method, axis):
        """Written out: rows and columns drawn together; of Spearman, ranks are those of all cells."""
        errors = {"measured": labels + rng.exponential(size=labels.shape), "other": labels**2}
        frame = label_claim(labels, errors, axis=axis, method=method, permutations=5, resamples=4, seed=3)
        means = {}
        for name, matrix in errors.items():
            x, y = (labels, matrix) if axis == "class" else (labels.T, matrix.T)
            if method == "spearman":
                x, y = stats.rankdata(x, axis=1), stats.rankdata(y, axis=1)
            generator = np.random.default_rng(3)
            draws = []
            for _ in range(4):
                rows, columns = (generator.integers(size, size=size) for size in x.shape)
                draws.append(np.mean([stats.pearsonr(x[r, columns], y[r, columns]).statistic for r in rows]))
            means[name] = np.array(draws)
            expected = [label_correlation(labels, matrix, axis=axis, method=method), *percentile_interval(means[name])]
            assert frame.loc[name, ["estimate", "low", "high"]].tolist() == pytest.approx(expected)
        assert frame.loc["other", "verdict"] == verdict(*percentile_interval(means["measured"] - means["other"]))
        generator, x, y = np.random.default_rng(3), labels, errors["measured"]
        x, y = (x, y) if axis == "class" else (x.T, y.T)
        correlation = stats.pearsonr if method == "pearson" else stats.spearmanr
        null = []
        for _ in range(5):
            order = generator.permutation(x.shape[1])
            null.append(np.mean([correlation(*rows).statistic for rows in zip(x[:, order], y)]))
        expected = [np.mean(null), *np.quantile(null, [0.025, 0.975])]
        assert frame.loc["permuted", ["estimate", "low", "high"]].tolist() == pytest.approx(expected)

    @pytest.mark.usefixtures("unchecked")  # thousands of equal resamples; other tests check their shapes
    @pytest.mark.parametrize("axis", ["class", "attribute"])
    def test_hard_attributes_that_all_classes_share_are_no_evidence(self, axis):
        """Labels and errors are independent, but some attributes and classes are hard for all: permutations of single
        rows, and intervals over rows alone, called more than half of such data sets significant."""
        rng, told = np.random.default_rng(8), []
        for _ in range(60):
            labels = rng.exponential(size=(12, 30)) + rng.exponential(size=30) + rng.exponential(size=(12, 1))
            errors = np.exp(rng.normal(size=(12, 30)) + 2 * rng.normal(size=30) + rng.normal(size=(12, 1)))
            frame = label_claim(labels, {"measured": errors}, axis=axis, permutations=39, resamples=100)
            told.append(frame["verdict"])
        assert sum(verdicts["measured"] != "inconclusive" for verdicts in told) <= 9
        assert sum(verdicts["permuted"] != "inconclusive" for verdicts in told) <= 9

    def test_without_permutations_there_is_no_such_row(self, labels):
        assert list(label_claim(labels, {"measured": labels}, permutations=0).index) == ["measured"]

    def test_equal_errors_cannot_be_asked(self, labels):
        frame = label_claim(labels, {"measured": np.ones(labels.shape)}, permutations=20)
        assert frame["verdict"].tolist() == ["not testable"] * 2
        assert frame[["estimate", "low", "high"]].isna().all(axis=None)

    def test_constant_matrix_beside_others_cannot_be_asked(self, labels):
        frame = label_claim(labels, {"measured": labels, "null": np.full(labels.shape, 0.1)}, permutations=0)
        assert frame["verdict"].tolist() == ["supported", "not testable"]


class TestSlopeClaim:
    def test_equals_the_within_estimator(self, labels, rng):
        """Least squares with a dummy for each class."""
        errors = 1 + labels + rng.random(labels.shape)
        dummies = np.kron(np.eye(20), np.ones((40, 1)))
        design = np.column_stack([labels.ravel(), dummies])
        slope = np.linalg.lstsq(design, errors.ravel(), rcond=None)[0][0]
        spread = np.sqrt(np.mean((labels - labels.mean(1, keepdims=True)) ** 2))
        assert relative_slope(labels, errors) == pytest.approx(slope * spread / errors.mean())
        assert relative_slope(labels, 7 * errors) == pytest.approx(relative_slope(labels, errors))
        assert relative_slope(labels.T, errors.T, axis="attribute") == pytest.approx(relative_slope(labels, errors))

    def test_hard_attributes_hide_a_null_from_correlation_but_not_from_slopes(self, labels, rng):
        """Attributes of different difficulty lower the correlation below the null's, at the same slope."""
        hard = rng.lognormal(sigma=0.5, size=40)
        measured, null = (1 + labels) * hard / hard.mean(), (1 + labels) * rng.chisquare(30, size=labels.shape) / 30
        assert label_claim(labels, {"measured": measured, "null": null})["verdict"]["null"] == "contradicted"
        assert slope_claim(labels, {"measured": measured, "null": null})["verdict"]["null"] == "inconclusive"

    def test_pairing_shows_what_single_intervals_do_not(self, labels, rng):
        errors = labels * rng.lognormal(size=40) + rng.exponential(size=labels.shape)
        frame = slope_claim(labels, {"measured": errors + 0.05 * labels, "other": errors})
        assert frame["low"]["measured"] < frame["high"]["other"]
        assert frame["verdict"]["other"] == "supported"

    def test_degenerate_input_cannot_be_asked(self, labels):
        assert np.isnan(relative_slope(np.ones((3, 4)), np.ones((3, 4))))
        assert np.isnan(relative_slope(labels, -labels))
        assert np.isnan(relative_slope(labels, np.full(labels.shape, np.nan)))
        frame = slope_claim(labels, {"measured": np.full(labels.shape, np.nan)}, resamples=5)
        assert frame["verdict"].tolist() == ["not testable"]

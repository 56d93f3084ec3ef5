"""The claims' verdicts on errors whose truth is known, and their numbers against the functions they are made of."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zslcore import InputError
from zslcore.analysis import (
    VERDICTS,
    agreement_claim,
    bootstrap,
    evenness_claim,
    label_claim,
    label_correlation,
    label_partial_correlation,
    matched_nulls,
    null_errors,
    partial_claim,
    partial_correlation,
    percentile_interval,
    reduction_claim,
    relative_slope,
    row_correlation,
    sample_claim,
    sample_correlation,
    slope_claim,
    t_interval,
    verdict,
)

RAW = {"images": 20, "normalize": False}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def labels():
    return np.random.default_rng(1).exponential(size=(20, 40))


def with_nulls(labels, errors):
    nulls = matched_nulls(labels, errors, **RAW)
    return {"measured": errors} | nulls


class TestVerdict:
    @pytest.mark.parametrize("told", VERDICTS)
    def test_verdicts_are_those_listed(self, told):
        intervals = {"supported": (0.1, 1), "contradicted": (-1, -0.1), "inconclusive": (-1, 1)}
        assert verdict(*intervals.get(told, (np.nan, np.nan))) == told

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


class TestLabelClaim:
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


class TestPartialClaim:
    def test_shrinkage_errors_leave_nothing_beside_their_causes(self, labels, rng):
        errors = null_errors(labels, "shrinkage", noise=0.05, pull=0.5, rng=rng, **RAW)
        nulls = {"null": null_errors(labels, "shrinkage", noise=0.05, pull=0.5, rng=rng, **RAW)}
        assert label_claim(labels, {"measured": errors})["verdict"]["measured"] == "supported"
        assert partial_claim(labels, {"measured": errors} | nulls)["verdict"]["null"] == "inconclusive"

    def test_label_beside_both_causes_is_found(self, labels):
        distance = np.abs(labels - labels.mean(0))
        frame = partial_claim(labels, {"measured": labels + distance, "null": distance + 1e-3 * labels**2})
        assert frame["verdict"].tolist()[0] == "supported"

    def test_numbers_are_those_of_drawing_classes_and_attributes(self, labels, rng):
        errors = rng.exponential(size=labels.shape)
        frame = partial_claim(labels, {"measured": errors}, resamples=3, seed=5)
        generator, draws = np.random.default_rng(5), []
        distance, variance = np.abs(labels - labels.mean(0)), np.tile(labels.var(0), (20, 1))
        for _ in range(3):
            rows, columns = generator.integers(20, size=20), generator.integers(40, size=40)
            x, y, *given = (part[rows][:, columns].ravel() for part in (labels, errors, distance, variance))
            draws.append(partial_correlation(x, y, np.stack(given, axis=1)))
        assert frame["estimate"].item() == label_partial_correlation(labels, errors)
        assert frame[["low", "high"]].to_numpy()[0] == pytest.approx(np.quantile(draws, [0.025, 0.975]))

    def test_absent_classes_are_left_out(self, labels, rng):
        errors = rng.exponential(size=labels.shape)
        absent = np.where(np.arange(20)[:, None] < 5, np.nan, errors)
        pd.testing.assert_frame_equal(
            partial_claim(labels, {"measured": absent}, resamples=20),
            partial_claim(labels[5:], {"measured": errors[5:]}, resamples=20),
        )

    def test_a_single_class_cannot_be_asked(self, labels):
        """Its distances and variances are all 0, so they would hold nothing fixed."""
        frame = partial_claim(labels[:1], {"measured": labels[:1] ** 2}, resamples=5)
        assert frame[["estimate", "low", "high"]].isna().all(axis=None)
        assert frame["verdict"].tolist() == ["not testable"]

    def test_no_class_at_all_cannot_be_asked(self, labels):
        frame = partial_claim(labels, {"measured": np.full(labels.shape, np.nan)}, resamples=5)
        assert frame["verdict"].tolist() == ["not testable"]


class TestSampleClaim:
    def test_the_verdict_is_about_the_sentence(self, rng):
        """An interval below 0 supports the claim: errors fall with the number of images."""
        counts = np.arange(5, 45)
        errors = np.exp(-counts / 20 + 0.3 * rng.normal(size=40))[:, None]
        (row,) = sample_claim(errors, counts).itertuples()
        assert row.claim == "Classes with fewer training images have larger errors."
        assert (row.estimate, row.low, row.high) == sample_correlation(errors, counts)
        assert row.high < 0
        assert row.verdict == "supported"
        assert sample_claim(errors[::-1].copy(), counts)["verdict"].item() == "contradicted"
        assert sample_claim(rng.random((40, 1)), counts)["verdict"].item() == "inconclusive"
        assert sample_claim(errors, np.full(40, 30))["verdict"].item() == "not testable"


class TestSentences:
    """Each row has a sentence of its own, and the sentence names what its verdict compares."""

    def test_sentences_name_both_matrices_by_their_display_names(self, labels, rng):
        errors = {"cross_entropy": labels + rng.random(labels.shape), "constant": rng.random(labels.shape)}
        frames = [
            label_claim(labels, errors, permutations=5, resamples=5),
            slope_claim(labels, errors, resamples=5),
            partial_claim(labels, errors, resamples=5),
            agreement_claim(errors, resamples=5),
        ]
        for frame in frames:
            assert list(frame) == ["claim", "estimate", "low", "high", "verdict"]
            assert frame["claim"].is_unique
            assert frame["claim"].str.fullmatch("[A-Z].*[.]").all()
            assert frame.loc["constant", "claim"].endswith("for cross entropy than for null: constant.")

    def test_sentences_name_the_axis(self, labels):
        for axis, words in (("class", "Within a class"), ("attribute", "Within an attribute")):
            frames = label_claim(labels, {"mse": labels}, axis=axis), slope_claim(labels, {"mse": labels}, axis=axis)
            for frame in (*frames, reduction_claim(labels, 2 + labels, 1 + labels, axis=axis, resamples=5)):
                assert frame["claim"].str.contains(words).all()


class TestReductionClaim:
    def test_a_fall_by_one_factor_is_in_proportion(self, labels):
        before = 1 + labels
        told = reduction_claim(labels, before, 0.7 * before)["verdict"]
        assert told.tolist() == ["supported", "inconclusive"]

    def test_large_labels_that_gain_most_are_more_than_in_proportion(self, labels, rng):
        before = 1 + rng.exponential(size=labels.shape)
        after = before * np.exp(-labels / labels.max())
        assert reduction_claim(labels, before, after)["verdict"].tolist() == ["supported", "supported"]

    def test_noise_alone_leaves_a_fall_in_proportion(self, labels, rng):
        """Expected errors fall by one factor, each measured with noise: as correlations, the noisier difference would
        go with the label less than the errors before in nearly every data set."""
        told, weaker = [], 0
        for _ in range(20):
            noise = rng.chisquare(7, size=(2, *labels.shape)) / 7
            before, after = (1 + labels) * noise[0], 0.7 * (1 + labels) * noise[1]
            told.append(reduction_claim(labels, before, after, resamples=100)["verdict"]["in proportion"])
            weaker += label_correlation(labels, before - after) < label_correlation(labels, before)
        assert weaker >= 18
        assert told.count("inconclusive") >= 17

    def test_an_error_that_did_not_fall_cannot_be_asked(self, labels):
        assert reduction_claim(labels, labels, labels)["verdict"].tolist()[0] == "not testable"


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


class TestRounding:
    def test_a_constant_error_in_float32_is_constant(self, rng):
        """The same error for every image, averaged in float32 over 5 to 44 images a class: -0.80 (-0.94 to -0.56)."""
        counts = rng.integers(5, 45, size=40)
        row = rng.random(30).astype(np.float32)
        errors = np.stack([np.cumsum(np.tile(row, (n, 1)), axis=0)[-1] / np.float32(n) for n in counts])
        assert np.isnan(sample_correlation(errors, counts)).all()

    def test_sums_in_another_order_are_equal(self):
        assert np.isnan(row_correlation(np.array([[0.3, 0.1 + 0.2, 0.3, 0.3]]), np.array([[1.0, 2, 3, 4]]))).all()

    def test_constant_matrix_beside_others_cannot_be_asked(self, labels):
        frame = label_claim(labels, {"measured": labels, "null": np.full(labels.shape, 0.1)}, permutations=0)
        assert frame["verdict"].tolist() == ["supported", "not testable"]


class TestAgreementClaim:
    def test_equal_attributes_show_no_claim(self, rng):
        measured, null = rng.exponential(size=(2, 30, 50))
        assert agreement_claim({"measured": measured, "null": null})["verdict"].tolist() == [
            "inconclusive",
            "inconclusive",
        ]

    def test_hard_attributes_are_found(self, rng):
        measured, null = rng.exponential(size=(2, 30, 50))
        measured = measured * np.linspace(1, 3, 50)
        assert agreement_claim({"measured": measured, "null": null})["verdict"].tolist() == ["supported", "supported"]

    def test_hard_classes_are_no_hard_attributes(self, rng):
        """A factor for each class says nothing of attributes."""
        measured = rng.exponential(size=(30, 50)) * np.linspace(1, 5, 30)[:, None]
        assert agreement_claim({"measured": measured})["verdict"].tolist() == ["inconclusive"]

    def test_equals_the_correlations_with_the_other_classes(self, rng):
        errors = rng.exponential(size=(5, 9))
        each = [stats.pearsonr(np.delete(errors, row, 0).mean(0), errors[row]).statistic for row in range(5)]
        assert agreement_claim({"measured": errors})["estimate"].item() == pytest.approx(np.mean(each))

    def test_absent_classes_are_left_out(self, rng):
        errors = rng.exponential(size=(6, 9))
        absent = np.where(np.arange(6)[:, None] < 2, np.nan, errors)
        found, expected = (agreement_claim({"measured": matrix}) for matrix in (absent, errors[2:]))
        assert found["estimate"].item() == pytest.approx(expected["estimate"].item())

    def test_a_single_class_cannot_be_asked(self, rng):
        frame = agreement_claim({"measured": rng.exponential(size=(1, 9))})
        assert frame["verdict"].tolist() == ["not testable"]

    def test_other_shapes_are_refused(self):
        with pytest.raises(InputError, match="must have one shape"):
            agreement_claim({"measured": np.ones((3, 4)), "null": np.ones((3, 5))})


class TestEvennessClaim:
    def test_change_is_in_percent_and_paired(self, rng):
        baseline = list(rng.exponential(size=(4, 5, 6)))
        factors = [0.9, 0.8, 0.85, 0.95]
        frame = evenness_claim([f * matrix for f, matrix in zip(factors, baseline)], baseline)
        change = 100 * (np.array(factors) - 1)
        for name in ("mean", "standard deviation"):
            expected = [change.mean(), *stats.t.interval(0.95, 3, loc=change.mean(), scale=stats.sem(change))]
            assert frame.loc[name, ["estimate", "low", "high"]].tolist() == pytest.approx(expected)
            assert frame.loc[name, "verdict"] == "supported"
        for name in ("coefficient of variation", "theil", "gini"):  # a factor changes no inequality
            assert frame.loc[name, "estimate"] == pytest.approx(0, abs=1e-9)

    def test_errors_that_become_larger_refute_the_fall(self, rng):
        baseline = list(rng.exponential(size=(3, 5, 6)))
        assert evenness_claim([2 * m for m in baseline], baseline)["verdict"]["mean"] == "contradicted"

    def test_one_seed_cannot_be_asked(self, rng):
        (matrix,) = rng.exponential(size=(1, 5, 6))
        assert set(evenness_claim([matrix / 2], [matrix])["verdict"]) == {"not testable"}

    @pytest.mark.parametrize("count", [0, 2])
    def test_seeds_must_be_the_same(self, rng, count):
        matrices = list(rng.exponential(size=(2, 5, 6)))
        with pytest.raises(InputError, match="one matrix for each seed"):
            evenness_claim(matrices[:count], matrices[: count // 2])


@pytest.mark.parametrize("claim", [agreement_claim, lambda none: label_claim(np.ones((2, 3)), none)])
def test_no_matrix_is_refused(claim):
    with pytest.raises(InputError, match="at least one matrix"):
        claim({})


@pytest.mark.parametrize("claim", [label_claim, slope_claim, partial_claim, lambda _, errors: agreement_claim(errors)])
def test_a_class_that_one_matrix_lacks_is_left_out_of_all(claim, labels, rng):
    errors = 1 + labels + rng.exponential(size=labels.shape)
    lacking = np.where(np.arange(20)[:, None] < 8, np.nan, errors)
    frame = claim(labels, {"whole": errors, "lacking": lacking})
    pd.testing.assert_series_equal(
        frame.loc["whole", ["estimate", "low", "high"]],
        frame.loc["lacking", ["estimate", "low", "high"]],
        check_names=False,
    )
    assert frame.loc["lacking", "verdict"] == "inconclusive"


def test_a_single_class_is_not_testable_with_other_causes_held_fixed():
    """Its label is the mean of its attribute, so no cause can be held fixed."""
    labels = np.random.default_rng(0).random((1, 20))
    (row,) = partial_claim(labels, {"mse": labels + 0.1}).itertuples()
    assert np.isnan(row.estimate)
    assert row.verdict == "not testable"

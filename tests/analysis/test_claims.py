"""The claims' verdicts on errors whose truth is known, and their numbers against the functions they are made of."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zslcore import InputError
from zslcore.analysis import (
    agreement_claim,
    evenness_claim,
    label_claim,
    slope_claim,
)


class TestSentences:
    """Each row has a sentence of its own, and the sentence names what its verdict compares."""

    def test_sentences_name_both_matrices_by_their_display_names(self, labels, rng):
        errors = {"cross_entropy": labels + rng.random(labels.shape), "constant": rng.random(labels.shape)}
        frames = [
            label_claim(labels, errors, permutations=5, resamples=5),
            slope_claim(labels, errors, resamples=5),
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
            for frame in frames:
                assert frame["claim"].str.contains(words).all()


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


@pytest.mark.parametrize("claim", [label_claim, slope_claim, lambda _, errors: agreement_claim(errors)])
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

"""Frames and sentences of 07_figures, on made-up errors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zslcore.analysis import evenness_claim, label_claim
from zslcore.config import RunConfig
from zslcore.study.chapters import figures
from zslcore.study.chapters.imbalance import StudyErrors
from zslcore.training import Run


class Stub(Run):
    """A run with these errors."""

    def __init__(self, config=None, errors=None):
        super().__init__(Path(), config or RunConfig(dataset="SYNTH"), {"errors": errors}, pd.DataFrame())

    def errors(self, benchmark):
        return self.metrics["errors"]


@pytest.mark.usefixtures("unchecked")  # thousands of equal resamples; other tests check their shapes
def test_correlations_are_those_of_the_claim_for_each_split(small_synth):
    rng, seen, unseen = np.random.default_rng(0), small_synth.seen_classes, small_synth.unseen_classes
    labels = {"seen classes": small_synth.attributes[seen], "unseen classes": small_synth.attributes[unseen]}
    errors = {
        key: {split: rng.random(values.shape) for split, values in labels.items()}
        for key in ("cross_entropy", "mse", "remse", "constant")
    }
    study = StudyErrors(small_synth, dict.fromkeys(("cross_entropy", "mse", "remse"), Stub()), labels, errors)
    frame = figures.label_correlations(study)
    for split, values in labels.items():
        rows = frame[frame["group"] == f"{split}, within each class"]
        judged = {key: errors[key][split] for key in ("cross_entropy", "remse", "constant")}
        assert rows["name"].tolist() == [*judged, "permuted"]
        np.testing.assert_array_equal(rows["estimate"], label_claim(values, judged)["estimate"])


def test_evenness_is_paired_over_the_seeds_of_both(small_synth, monkeypatch):
    rng, runs = np.random.default_rng(0), {}
    for method, seeds in (("remse", (0, 1, 2)), ("mse_matched", (1, 2, 3)), ("mse", (0, 1))):
        for seed in seeds:
            config = RunConfig.study("SYNTH", method=method, seed=seed)
            runs[Path(f"{method}-{seed}")] = Stub(config, (rng.random((10, 57)), rng.random((4, 57))))
    monkeypatch.setattr(figures, "Run", type("Loader", (), {"load": staticmethod(runs.get)}))
    frame = figures.evenness_of_runs(list(runs), small_synth)
    assert frame["seeds"].unique().tolist() == [2]
    for index, (_, rows) in enumerate(frame.groupby("group")):
        ours, theirs = (
            [runs[Path(f"{method}-{seed}")].errors(None)[index] for seed in (1, 2)]
            for method in ("remse", "mse_matched")
        )
        expected = evenness_claim(ours, theirs, names=("remse", "mse_matched"))
        np.testing.assert_array_equal(rows["estimate"], expected["estimate"])
        assert rows["claim"].tolist() == expected["claim"].tolist()


class TestSentences:
    def test_ignore_absent_classes(self):
        before = np.array([[1.0, 2.0], [np.nan, np.nan], [1.0, 4.0]])
        after = np.array([[0.5, 4.0], [np.nan, np.nan], [0.5, 2.0]])
        assert "hardest attribute is 3.0 times" in figures.describe_attributes({"mse": before, "remse": after})
        assert "for 1 of 2 attributes" in figures.describe_attributes({"mse": before, "remse": after})
        assert "The mean error is 12 % lower for + ReMSE" in figures.describe_matrices({"mse": before, "remse": after})
        assert figures.describe_falls(before, {"remse": after}) == "The error rose in 25 % of the cells under + ReMSE."

    def test_list_all_methods(self):
        before = np.ones((2, 2))
        after = {"mse": before / 2, "mse_matched": before * 2, "remse": before / 4}
        assert figures.describe_falls(before, after) == (
            "The error rose in 0 % of the cells under + MSE, in 100 % under + MSE, matched λ and in 0 % under + ReMSE."
        )
        matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
        text = figures.describe_matrices({"cross_entropy": matrix, "mse": 2 * matrix, "remse": 5 - matrix})
        assert "is 1.00 for + MSE and -1.00 for + ReMSE." in text
        assert "is 100 % higher for + MSE and 0 % higher for + ReMSE than" in text

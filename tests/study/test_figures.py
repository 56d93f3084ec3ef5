"""Error matrices and sentences of 07_figures, on made-up numbers and on runs of the small benchmark."""

from pathlib import Path

import numpy as np
import pytest

from zslcore.analysis import evenness_claim, label_claim, matched_nulls
from zslcore.config import RunConfig
from zslcore.study import figures
from zslcore.training import Run, fit

SHORT = {"backbone": "resnet18", "weights": "random", "image_size": 64, "epochs": 1, "episodes": 2, "ways": 4}


class Stub:
    """A run with these errors."""

    def __init__(self, config=None, errors=None):
        self.config, self._errors = config, errors

    def errors(self, benchmark):
        return self._errors


@pytest.fixture
def errors(small_synth):
    rng = np.random.default_rng(0)
    return {split: rng.uniform(0.005, 0.02, values.shape) for split, values in labels(small_synth).items()}


def labels(benchmark):
    return figures.label_values(benchmark)


def test_nulls_have_as_many_images_as_were_tested(small_synth, errors):
    nulls = figures.null_matrices(errors, small_synth, seed=3)
    for split, name, classes in [
        ("seen classes", "test_seen", small_synth.seen_classes),
        ("unseen classes", "test_unseen", small_synth.unseen_classes),
    ]:
        tested = small_synth.labels[small_synth.split(name)]
        images = np.array([(tested == one).sum() for one in classes])
        expected = matched_nulls(labels(small_synth)[split], errors[split], images=images, seed=3)
        assert list(nulls) == list(expected)
        for key in expected:
            np.testing.assert_array_equal(nulls[key][split], expected[key])


def test_correlations_are_those_of_the_claim_for_each_split(small_synth, errors):
    frame = figures.label_correlations(labels(small_synth), {"mse": errors, "constant": errors})
    assert frame["group"].unique().tolist() == ["seen classes, within each class", "unseen classes, within each class"]
    for (_, rows), split in zip(frame.groupby("group"), errors):
        expected = label_claim(labels(small_synth)[split], {"mse": errors[split], "constant": errors[split]})
        assert rows["name"].tolist() == ["mse", "constant", "permuted"]
        np.testing.assert_array_equal(rows["estimate"], expected["estimate"])


def test_errors_are_those_of_the_runs(small_world, small_synth, tmp_path):
    run = Run.load(fit(RunConfig(dataset="SYNTH", loss="mse", **SHORT), tmp_path / "run"))
    seen, unseen = run.errors(small_synth)
    found = figures.split_errors({"mse": run}, small_synth)
    np.testing.assert_array_equal(found["mse"]["seen classes"], seen)
    np.testing.assert_array_equal(found["mse"]["unseen classes"], unseen)


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
            [runs[Path(f"{method}-{seed}")]._errors[index] for seed in (1, 2)] for method in ("remse", "mse_matched")
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

"""Causes of errors, on predictions whose causes are known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zslcore.analysis import bias_variance, shared_direction
from zslcore.config import RunConfig
from zslcore.methods import METHODS
from zslcore.study.chapters import imbalance
from zslcore.study.chapters.cause_tables import nulls_figure, slope_verdicts
from zslcore.study.chapters.causes import STATES, causes, predictions, restored
from zslcore.study.chapters.imbalance import SPLITS, StudyErrors
from zslcore.training import Run


class WithoutMean(Run):
    """Predicts the class vector without what the seen classes share, plus noise that differs between images."""

    noise = 0.02

    def predict(self, benchmark, images):
        vectors = benchmark.attributes - benchmark.attributes[benchmark.seen_classes].mean(0)
        rng = np.random.default_rng(images[0])
        return 3 * (vectors[benchmark.labels[images]] + self.noise * rng.normal(size=(len(images), 57)))


def known_run(method="cross_entropy"):
    return WithoutMean(Path("run"), RunConfig.study("SYNTH", method=method), {}, pd.DataFrame())


@pytest.fixture(scope="module")
def table(small_synth):
    return causes(known_run(), small_synth).set_index(["split", "state"])


def test_every_split_has_both_states(table):
    assert table.index.tolist() == [(split, state) for split in SPLITS for state in STATES]


def test_a_missing_mean_is_the_cause(table, small_synth):
    before, after = (table.loc[("seen classes", state)] for state in STATES)
    assert abs(before["cosine"]) < 0.1
    vectors = small_synth.attributes  # of unit length
    cosine = np.sqrt(((vectors @ shared_direction(vectors)) ** 2).mean())
    assert after["cosine"] == pytest.approx(cosine, abs=0.05)
    assert before["bias along the mean"] > 0.4
    assert after["bias along the mean"] < 0.15
    assert after["mean error"] < 0.5 * before["mean error"]
    assert before["k"] == pytest.approx(1, abs=0.1)
    assert before["R2 missing mean"] > before["R2 constant"] + 0.2


def test_shares_sum_to_one(table):
    np.testing.assert_allclose(table["bias"] + table["variance"], 1)
    assert (table["bias along the mean"] <= table["bias"] + 1e-9).all()


def test_the_number_of_images_is_asked_for_seen_classes_only(table):
    assert table.loc["unseen classes", ["training images", "low", "high"]].isna().all(axis=None)


def test_unseen_classes_get_back_the_mean_of_the_seen_ones(small_synth):
    states = predictions(known_run(), small_synth)["unseen classes"]
    back = states["mean put back"] - small_synth.attributes[small_synth.seen_classes].mean(0)
    ratio = back / states["as predicted"]
    lengths = np.linalg.norm(states["as predicted"], axis=1)
    np.testing.assert_allclose(ratio * lengths[:, None], (ratio * lengths[:, None])[0, 0], rtol=1e-3)


def known_study(benchmark):
    """A study of known predictions, with the mean put back."""
    runs = {method: known_run(method) for method in METHODS}
    classes = (benchmark.seen_classes, benchmark.unseen_classes)
    labels = {split: benchmark.attributes[rows] for split, rows in zip(SPLITS, classes)}
    return restored(StudyErrors(benchmark, runs, labels, {}))


@pytest.mark.usefixtures("unchecked")  # thousands of equal resamples; other tests check their shapes
def test_claims_take_the_restored_errors(small_synth):
    after = known_study(small_synth)
    assert after.nulls == ["constant", "multiplicative", "shrinkage", "missing_mean"]
    assert len(imbalance.slope_claims(after)) == 2 * 2 * 6  # splits, axes; two methods and four null models
    prediction = predictions(after.runs["mse"], small_synth)["unseen classes"]["mean put back"]
    labels = small_synth.labels[small_synth.split("test_unseen")]
    expected = sum(bias_variance(prediction, small_synth.attributes, labels))
    np.testing.assert_allclose(after.errors["mse"]["unseen classes"], expected[small_synth.unseen_classes])
    assert after.errors["constant"]["unseen classes"].mean() == pytest.approx(np.nanmean(expected), rel=0.01)


@pytest.mark.usefixtures("unchecked")  # thousands of equal resamples; other tests check their shapes
def test_verdicts_of_the_slope_before_and_after(small_synth):
    """Both states of both splits and units; a row's verdict is that of its own claim."""
    study = known_study(small_synth)
    states = {"as predicted": study, "mean put back": study}
    found = slope_verdicts(states)
    assert len(found) == 2 * 2 * 2
    assert found["split"].tolist() == [*["seen classes"] * 4, *["unseen classes"] * 4]
    slopes = imbalance.slope_claims(study)
    own = slopes[(slopes["name"] == "constant") & (slopes["split"] == "seen classes") & (slopes["within"] == "class")]
    row = found[(found["within"] == "class") & (found["state"] == "as predicted")].iloc[0]
    assert (row["claim"], row["verdict"]) == (own["claim"].item(), own["verdict"].item())


def test_figure_has_a_panel_for_each_null_model(small_synth):
    figure = nulls_figure(known_study(small_synth))
    titles = [axis.get_title().split("\n")[0] for axis in figure.axes]
    assert titles == ["constant", "missing mean", "shrinkage", "image labels"]

"""The tables of 02_imbalance on errors whose truth is known."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from zslcore.analysis import inequality, label_claim, slope_claim
from zslcore.config import RunConfig
from zslcore.methods import SAME_TARGETS, display_name
from zslcore.study import imbalance
from zslcore.study.imbalance import SPLITS, StudyErrors
from zslcore.training import Run


class Known(Run):
    """A run that takes every image for one of the next class."""

    def predict(self, benchmark, images):
        return benchmark.attributes[(benchmark.labels[images] + 1) % len(benchmark.attributes)]


@pytest.fixture(scope="module")
def study(small_synth):
    """Cross entropy errs in proportion to the label and by attribute; ReMSE has half of it; the null model is noise."""
    rng = np.random.default_rng(0)
    classes = {"seen classes": small_synth.seen_classes, "unseen classes": small_synth.unseen_classes}
    labels = {split: small_synth.attributes[rows] for split, rows in classes.items()}
    images = {split: small_synth.split(part) for split, part in SPLITS.items()}
    errors = {key: {} for key in (*SAME_TARGETS, "constant")}
    for split, values in labels.items():
        hardness = np.linspace(1, 2, values.shape[1])
        errors["cross_entropy"][split] = hardness * (0.05 + values + 0.02 * rng.random(values.shape))
        for key in ("cross_entropy_tuned", "mse", "mse_matched"):
            errors[key][split] = 0.9 * errors["cross_entropy"][split]
        errors["remse"][split] = 0.5 * errors["cross_entropy"][split]
        errors["constant"][split] = 0.3 + 0.1 * rng.random(values.shape)
    clean = dict.fromkeys(("T1", "U", "S", "H"), 0.5)
    runs = {}
    for method in SAME_TARGETS:
        metrics = {"protocols": {"clean": clean}, "effective_lambda": 1.0}
        runs[method] = Known(Path("run"), RunConfig.study("SYNTH", method=method), metrics, pd.DataFrame())
    return StudyErrors(small_synth, runs, labels, images, errors)


def test_null_models_are_what_was_not_trained(study):
    assert study.nulls == ["constant"]
    assert list(study.matrices("seen classes", ("remse", "constant"))) == ["remse", "constant"]


def test_overview_has_no_lambda_without_a_regression_loss(study):
    table = imbalance.overview(study)
    assert table.index.tolist() == list(SAME_TARGETS)
    assert table["lam"].tolist() == [0.0, 0.0, *(study.runs[key].config.lam for key in ("mse", "mse_matched", "remse"))]
    assert (table["T1 (%)"] == 50).all()


def test_every_verdict_of_claim_1_stands_beside_its_sentence(study):
    correlations, slopes = imbalance.correlation_claims(study), imbalance.slope_claims(study)
    assert len(correlations) == 2 * 2 * 2 * 4  # splits, axes, methods; two methods, a null model, permuted
    for axis in ("class", "attribute"):
        table = imbalance.label_table(correlations, slopes, within=axis)
        assert table["split"].tolist() == ["seen classes"] * 2 + ["unseen classes"] * 2
        assert "permuted" in table["claim"][0]
        assert display_name("constant") in table["claim"][1]
        assert table["verdict"].tolist()[:2] == ["supported"] * 2
        expected = slope_claim(
            study.labels["seen classes"], study.matrices("seen classes", ("cross_entropy", "constant")), axis=axis
        )
        assert table["measured"][1].startswith(f"{expected.loc['cross_entropy', 'estimate']:.2f} (")
        assert table["null model"][1].startswith(f"{expected.loc['constant', 'estimate']:.2f} (")


def test_equal_numbers_of_images_are_not_testable(study):
    causes = imbalance.cause_claims(study)
    assert causes.loc["training images", "verdict"] == "not testable"
    assert causes["verdict"].iloc[0] == "supported"


def test_a_fall_in_proportion_is_not_taken_for_more(study):
    early = {key: {"start": study.errors["cross_entropy"]} for key in imbalance.JUDGED}
    for key in early:
        early[key]["after 1 epoch"] = early[key]["chosen epoch"] = study.errors["remse"]
    table = imbalance.reduction_claims(study, early)
    assert len(table) == 8
    assert set(table["mean error"]) == {"-50 %"}
    assert set(table["verdict"]) == {"inconclusive"}


def test_agreement_finds_the_hard_attributes(study):
    table = imbalance.agreement_claims(study)
    assert table.loc["cross_entropy", "verdict"] == "supported"
    gini = inequality(study.errors["constant"]["seen classes"])["gini"]
    assert table.loc["constant", "Gini, attributes"] == pytest.approx(gini["attributes"])


def test_inequality_is_that_of_the_matrices(study):
    table = imbalance.inequality_table(study)
    assert len(table) == 2 * len(SAME_TARGETS)
    row = table.loc[("unseen classes", "+ ReMSE")]
    errors = study.errors["remse"]["unseen classes"]
    assert row["mean"] == pytest.approx(1000 * errors.mean())
    assert row["Theil"] == pytest.approx(inequality(errors).loc["cells", "theil"])


def test_evenness_is_paired_over_seeds(study, monkeypatch):
    factor = {"mse": 1.0, "mse_matched": 0.9, "remse": 0.5}
    plain = [study.errors["cross_entropy"][split] for split in SPLITS]

    def errors_of(config):
        scale = factor[
            "remse"
            if config.loss == "remse"
            else "mse"
            if config == study.runs["mse"].config.replace(seed=config.seed)
            else "mse_matched"
        ]
        return SimpleNamespace(errors=lambda _: [scale * (1 + config.seed) * matrix for matrix in plain])

    monkeypatch.setattr(imbalance, "fit_all", list)
    monkeypatch.setattr(imbalance, "Run", SimpleNamespace(load=errors_of))
    frame = imbalance.evenness_claims(study, seeds=3).set_index(["split", "against", "name"])
    assert frame.loc[("seen classes", "mse", "mean"), "estimate"] == pytest.approx(-50)
    assert frame.loc[("seen classes", "mse_matched", "mean"), "estimate"] == pytest.approx(100 * (0.5 / 0.9 - 1))
    assert frame.loc[("seen classes", "mse", "mean"), "verdict"] == "supported"


def test_every_error_to_a_class_that_is_not_the_closest(study):
    table = imbalance.closest_claims(study)
    assert len(table) == 2 * 2 * 2
    assert table["claim"].str.contains("chance").sum() == 4
    assert set(table["verdict"]) <= {"supported", "contradicted", "inconclusive"}


def test_summary_repeats_the_verdicts(study):
    correlations, slopes = imbalance.correlation_claims(study), imbalance.slope_claims(study)
    causes, agreement = imbalance.cause_claims(study), imbalance.agreement_claims(study)
    rows = [
        (split, "mse_matched", name, f"{name} falls", -5.0, -7.0, -3.0, "supported")
        for split in SPLITS
        for name in ("mean", "theil")
    ]
    evenness = pd.DataFrame(rows, columns=["split", "against", "name", "claim", "estimate", "low", "high", "verdict"])
    table = imbalance.summary(correlations, slopes, causes, agreement, evenness)
    assert table["claim of the paper"].tolist() == [1] * 5 + [2] * 2 + [3] * 4
    assert table["verdict"].iloc[4] == "not testable"
    assert table["measured"].iloc[4] == ""
    assert table["claim"].iloc[-1] == "theil falls"
    assert table["measured"].iloc[-1] == "-5.0 (-7.0 to -3.0)"
    labels = imbalance.label_table(correlations, slopes, within="class")
    assert table["null model"].tolist()[:2] == labels["null model"].tolist()[:2]


def test_ranks_are_spearman_within_a_class(study):
    text = imbalance.rank_sentence(imbalance.correlation_claims(study))
    for split, labels in study.labels.items():
        frame = label_claim(labels, study.matrices(split, ("cross_entropy", "constant")), method="spearman")
        assert f"{frame.loc['cross_entropy', 'estimate']:.2f} (" in text
        assert f"where the constant null model has {frame.loc['constant', 'estimate']:.2f} (" in text


def test_an_interval_that_does_not_exist_is_left_out():
    row = pd.Series({"estimate": -5.0, "low": np.nan, "high": np.nan})
    assert imbalance._interval(row, digits=1) == "-5.0"  # one seed
    assert imbalance._interval(row * np.nan) == ""

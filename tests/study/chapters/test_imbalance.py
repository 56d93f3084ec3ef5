"""The tables of 02_imbalance on errors whose truth is known."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from zslcore.analysis import inequality, label_claim
from zslcore.config import RunConfig
from zslcore.methods import SAME_TARGETS
from zslcore.study.chapters import imbalance
from zslcore.study.chapters.imbalance import SPLITS, StudyErrors
from zslcore.training import Run


@pytest.fixture(scope="module")
def study(small_synth):
    """Cross entropy errs in proportion to the label and by attribute; ReMSE has half of it; the null model is noise."""
    rng = np.random.default_rng(0)
    classes = {"seen classes": small_synth.seen_classes, "unseen classes": small_synth.unseen_classes}
    labels = {split: small_synth.attributes[rows] for split, rows in classes.items()}
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
        runs[method] = Run(Path("run"), RunConfig.study("SYNTH", method=method), metrics, pd.DataFrame())
    return StudyErrors(small_synth, runs, labels, errors)


def test_null_models_are_what_was_not_trained(study):
    assert study.nulls == ["constant"]
    assert list(study.matrices("seen classes", ("remse", "constant"))) == ["remse", "constant"]


def test_overview_has_no_lambda_without_a_regression_loss(study):
    table = imbalance.overview(study)
    assert table.index.tolist() == list(SAME_TARGETS)
    assert table["lam"].tolist() == [0.0, 0.0, *(study.runs[key].config.lam for key in ("mse", "mse_matched", "remse"))]
    assert (table["T1 (%)"] == 50).all()


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


@pytest.mark.usefixtures("unchecked")  # thousands of equal resamples; other tests check their shapes
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

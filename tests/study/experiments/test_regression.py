"""What ReMSE changes in plain regression: the experiment, its committed table, and the page that shows it."""

import re
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

from zslcore.study.experiments import regression
from zslcore.study.pages.option_pages import other_models_page

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "other_models.md").read_text(encoding="utf-8")
ERRORS = pd.read_csv(ROOT / "results" / "regression" / "errors.csv")
CHANGES = regression.changes(ERRORS).set_index(["method", "measure"])


@pytest.mark.parametrize(
    ("name", "shapes", "groups"),
    [
        ("digits", ((1797, 32), (1797, 30)), 10),
        ("breast_cancer", ((569, 10), (569, 10)), 2),
        ("generated", ((2000, 20), (2000, 8)), 5),
        ("solar_flares", ((1066, 22), (1066, 3)), 6),
    ],
)
def test_data_sets_have_groups_and_outputs_that_vary(name, shapes, groups):
    inputs, outputs, labels = regression.load(name)
    assert (inputs.shape, outputs.shape) == shapes
    assert (outputs.std(0) > 0).all()
    assert len(np.unique(labels)) == groups


def test_the_noise_of_the_generated_set_differs_between_cells():
    inputs, outputs, groups = regression.load("generated")
    squared = (Ridge().fit(inputs, outputs).predict(inputs) - outputs) ** 2
    cells = np.stack([squared[groups == group].mean(0) for group in range(5)])
    assert cells.max() > 100 * cells.min()


def test_measures_are_those_of_ridge_for_the_mse():
    inputs, outputs, groups = regression.load("breast_cancer")
    split = train_test_split(inputs, outputs, groups, test_size=0.25, stratify=groups, random_state=4)
    train_inputs, test_inputs, train_outputs, test_outputs, _, test_groups = split
    squared = (Ridge().fit(train_inputs, train_outputs).predict(test_inputs) - test_outputs) ** 2
    cells = pd.DataFrame(squared).groupby(test_groups).mean()
    found = regression.measure("breast_cancer", "linear", "MSE", 4)
    assert found["mean"] == pytest.approx(cells.to_numpy().mean())
    assert found["p99"] == pytest.approx(np.percentile(cells, 99))
    assert found["worst"] == pytest.approx(cells.mean().max())


def test_the_control_has_the_same_weights_on_other_cells():
    errors, size = torch.rand(2, 10, dtype=torch.float64), torch.tensor([3.0, 5.0], dtype=torch.float64)
    cells = types.SimpleNamespace(size=size)
    ours, control = (
        regression._regressor("linear", method, 0)._weights(errors, cells)
        for method in ("ReMSE, p = 1", "permuted, p = 1")
    )
    scaled = control.flatten().sort().values / ours.flatten().sort().values
    torch.testing.assert_close(scaled, scaled[:1].expand(20))
    assert not torch.allclose(control, scaled[0] * ours)
    torch.testing.assert_close((size @ (control * errors)).sum(), (size @ (ours * errors)).sum())


@pytest.mark.parametrize("method", regression.METHODS)
def test_the_committed_table_is_what_the_code_gives(method):
    stored = ERRORS.set_index(["dataset", "model", "method", "split"]).loc[("digits", "linear", method, 1)]
    assert regression.measure("digits", "linear", method, 1) == pytest.approx(dict(stored), rel=1e-3)


def test_the_committed_table_is_complete():
    keys = ["dataset", "model", "method", "split"]
    assert len(ERRORS) == 4 * 2 * 7 * regression.SPLITS == len(ERRORS[keys].drop_duplicates())
    assert not ERRORS.isna().any(axis=None)


def test_the_experiment_writes_a_row_for_each_fit(monkeypatch, tmp_path):
    monkeypatch.setattr(regression, "DATASETS", {"breast_cancer": ""})
    monkeypatch.setattr(regression, "MODELS", {"linear": "linear"})
    monkeypatch.setattr(regression, "SPLITS", 2)
    monkeypatch.setattr(regression, "root", lambda: tmp_path)
    frame = pd.read_csv(regression.main([]))
    expected = ERRORS[(ERRORS["dataset"] == "breast_cancer") & (ERRORS["model"] == "linear") & (ERRORS["split"] < 2)]
    pd.testing.assert_frame_equal(frame, expected.reset_index(drop=True), rtol=1e-3)


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["SYNTH"], 2)])
def test_nothing_is_trained_for_words_that_it_does_not_take(monkeypatch, words, status):
    monkeypatch.setattr(regression, "experiment", lambda: pytest.fail("the experiment runs"))
    with pytest.raises(SystemExit, match=f"^{status}$"):
        regression.main(words)


def test_changes_are_paired_and_their_intervals_widened():
    """By hand: changes of 10 and 30 %, t = 12.706, and 1/2 + 1/3 instead of 1/2 in the variance of the mean."""
    values = {"MSE": [1.0, 2.0], "ReMSE, p = 1": [1.1, 2.6]}
    rows = [("a", "b", name, split, *[x] * 4) for name, pair in values.items() for split, x in enumerate(pair)]
    frame = pd.DataFrame(rows, columns=["dataset", "model", "method", "split", *regression.MEASURES])
    found = regression.changes(frame).iloc[0]
    half = 12.706 * np.sqrt(200) * np.sqrt(1 / 2 + 1 / 3)
    assert (found["change"], found["low"], found["high"]) == pytest.approx((20, 20 - half, 20 + half), rel=1e-4)


def test_the_tables_of_the_page_are_generated():
    assert other_models_page() == PAGE


def test_flares_are_counted_as_on_the_page():
    _, flares, _ = regression.load("solar_flares")
    common, moderate, severe = flares.sum(0).astype(int)
    text = f"The {len(flares):,} regions of the Sun had {common} C flares, {moderate} M flares and {severe} X flares."
    assert text in " ".join(PAGE.split())


def change(dataset, model, method, measure, sign=1):
    row = CHANGES.loc[(method, measure)].set_index(["dataset", "model"]).loc[(dataset, model)]
    return [float(value) for value in sorted((sign * row[["change", "low", "high"]]).astype(float))]


def test_statements_of_the_page_are_those_of_the_table():
    theil = CHANGES.loc[("ReMSE, p = 1", "theil")]
    other = theil[theil["high"] >= 0]
    assert other[["dataset", "model"]].to_numpy().tolist() == [["solar_flares", "network"]]
    theil = theil[theil["high"] < 0]
    assert f"in seven of eight cases, by {-theil['change'].max():.1f} to {-theil['change'].min():.1f} %" in PAGE
    permuted = CHANGES.loc[("permuted, p = 1", "theil")]
    falls = permuted[permuted["high"] < 0]
    assert falls[["dataset", "model"]].to_numpy().tolist() == [["generated", "network"]]
    for dataset, model in (("digits", "linear"), ("breast_cancer", "network")):
        low, middle, high = change(dataset, model, "ReMSE, p = 1", "p99", sign=-1)
        assert re.search(rf"by\s+{middle:.1f} % \({low:.1f} to {high:.1f}\)", PAGE)
    large = CHANGES.loc[("ReMSE, p = 1", "p99")]
    assert (large["high"] < 0).sum() == 2
    assert change("digits", "linear", "permuted, p = 1", "p99")[0] > 0
    low, _, high = change("breast_cancer", "network", "permuted, p = 1", "p99")
    assert low < change("breast_cancer", "network", "ReMSE, p = 1", "p99")[1] < high
    assert all(change("breast_cancer", model, "ReMSE, p = 1", "mean")[0] < 0 for model in ("linear", "network"))
    low, middle, high = change("digits", "linear", "ReMSE, p = 1", "mean")
    assert f"{middle:.1f} % ({low:.1f} to {high:.1f}) for the linear model of the digits" in PAGE
    flares = CHANGES[CHANGES["dataset"] == "solar_flares"].drop(index="permuted, p = 1", level="method")
    shown = flares[(flares["low"] > 0) | (flares["high"] < 0)]
    assert shown.index.tolist() == [("ReMSE, p = 1", "theil")]
    low, middle, high = change("solar_flares", "linear", "ReMSE, p = 1", "theil", sign=-1)
    assert re.search(rf"Apart from the {middle:.1f} % of the\s+Theil index \({low:.1f} to {high:.1f}, linear", PAGE)
    flares = regression.load("solar_flares")[1]
    counts = [int(total) for total in flares.sum(0)]
    assert (
        f"The {len(flares):,} regions of the Sun had {counts[0]} C flares, {counts[1]} M flares and {counts[2]} X"
        in PAGE
    )
    means = [change("generated", model, "ReMSE, p = 1", "mean") for model in ("linear", "network")]
    assert f"{means[0][1]:.1f} % (linear) and {means[1][1]:.1f} % (network)" in PAGE
    assert means[0][0] > 0 < means[1][0]
    ours = [f"ReMSE, {exponents}" for exponents in ("p = 1", "p2 = 1", "p = p2 = 1")]
    assert not [method for method in ours if (CHANGES.loc[(method, "worst")]["high"] < 0).any()]
    assert not (CHANGES.loc[("ReMSE, p2 = 1", "p99")]["high"] < 0).any()

"""The README says what the results say: its tables and intervals are those of the committed files."""

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest

from zslcore.config import RunConfig
from zslcore.losses.factory import CRITERIA
from zslcore.study.tables import ACCURACIES, PUBLISHED, as_table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DATASETS = sorted(path.parent.name for path in (ROOT / "results").glob("*/results.csv"))


@pytest.mark.parametrize("dataset", DATASETS)
def test_tables_are_the_committed_results(dataset):
    section = README.split(f"**{dataset}** (`make study")[1].split("\n\n")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()[2:]]
    table = as_table(pd.read_csv(ROOT / "results" / dataset / "results.csv"))
    expected = [[row.protocol, *(row[name] for name in ACCURACIES)] for _, row in table.iterrows()]
    assert [[row[0], *row[3:]] for row in rows] == expected


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("measure", "digits"), [("T1", 2), ("H", 2), ("test_seen_theil", 3)])
def test_intervals_against_the_matched_mse_are_the_committed_ones(dataset, measure, digits):
    frame = pd.read_csv(ROOT / "results" / dataset / "differences.csv").set_index(["measure", "against"])
    row = frame.loc[(measure, "+ MSE, matched λ"), ["difference", "low", "high"]].astype(float)
    difference, low, high = row if measure != "test_seen_theil" else (-row["difference"], -row["high"], -row["low"])
    text = f"{difference:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})".replace("-", "−")
    assert text in README.replace(" points (", " (")


def ablation(dataset, name):
    return pd.read_csv(ROOT / "results" / dataset / f"{name}.csv")


def spoken(difference, low, high, digits):
    """A difference and its interval as the README writes them."""
    return f"{difference:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})".replace("-", "−")


def test_controls_are_the_committed_ones():
    section = README.split("**Is it the rebalancing?**")[1].split("\n\n**")[0]
    rows = ablation("SYNTH", "controls").set_index(["measure", "against"])
    for measure, digits in (("T1", 2), ("H", 2)):
        assert spoken(*rows.loc[(measure, "+ ReMSE, permuted"), ["difference", "low", "high"]], digits) in section
    row = rows.loc[("test_seen_theil", "+ ReMSE, permuted")]
    assert spoken(-row["difference"], -row["high"], -row["low"], 3) in section


def test_controls_on_photographs_are_the_committed_ones():
    line = next(line for line in README.splitlines() if line.startswith("- **CUB100 says the same**"))
    rows = ablation("CUB100", "losses_differences").set_index(["measure", "against"])
    for measure, digits in (("T1", 2), ("H", 2), ("test_seen_theil", 3)):
        assert spoken(*rows.loc[(measure, "+ ReMSE, permuted"), ["difference", "low", "high"]], digits) in line
    accuracies = rows.loc[["T1", "H"]]
    assert f"all {len(accuracies)} comparisons" in line
    assert (accuracies["verdict"] == "not shown").all()
    theil = ablation("CUB100", "losses").groupby("method")["test_seen_theil"].mean()
    assert f"{theil['+ CVaR']:.3f} against {theil['+ ReMSE']:.3f}" in line
    assert theil.idxmin() == "+ CVaR"


def test_losses_are_judged_as_committed():
    section = README.split("**Is it the rebalancing?**")[1].split("\n\n**")[0]
    rows = ablation("SYNTH", "losses_differences").set_index(["measure", "against"])
    assert set(rows.loc["H"][rows.loc["H"]["verdict"] == "higher"].index) == {
        *("+ inverse frequency", "+ root-inverse frequency", "+ LDS"),
    }
    assert not (rows.loc["H"]["verdict"] == "lower").any()
    theil = ablation("SYNTH", "losses").groupby("method")["test_seen_theil"].mean()
    assert f"{theil['+ CVaR']:.3f} against {theil['+ ReMSE']:.3f}" in section
    assert theil.idxmin() == "+ CVaR"
    assert spoken(*rows.loc[("T1", "+ CVaR"), ["difference", "low", "high"]], 2).replace(" (", " lower (") in section
    surface = ablation("SYNTH", "exponents").groupby(["p", "p2"])[["validation_H", "effective_lambda", "T1"]].mean()
    assert round(surface.loc[(2.0, 2.0), "effective_lambda"], -3) == 13_000
    assert round(surface.loc[(2.0, 2.0), "T1"]) == 64
    small = surface[(surface.index.get_level_values("p") <= 0.5) & (surface.index.get_level_values("p2") <= 0.5)]
    assert small["validation_H"].max() - small["validation_H"].min() <= 1


def test_published_numbers_are_labelled_and_right():
    paragraph = next(line for line in README.splitlines() if line.startswith("**Not reproduced"))
    for row in PUBLISHED.itertuples():
        values = [row.T1, row.U, row.S, row.H]
        named = f"{row.dataset}: T1 {row.T1}, U {row.U}, S {row.S}, H {row.H}"
        assert named in paragraph or f"{row.dataset}: {', '.join(map(str, values))}" in paragraph
    assert "published" in paragraph


def test_files_that_are_named_exist():
    named = set(re.findall(r"`((?:tests|profiles|notebooks)/[\w/.]+)`", README)) | set(
        re.findall(r"\]\(([\w./]+)\)", README)
    )
    assert len(named) > 20
    assert not [name for name in named if not (ROOT / name).exists()]


def test_settings_and_losses_that_are_named_exist():
    """In the table of options, words set in code are settings, losses or their values."""
    section = README.split("## Every option of the release")[1].split("\n## ")[0]
    words = {word for line in section.splitlines() for word in re.findall(r"`(\w+)`", "|".join(line.split("|")[2:3]))}
    values = {"batch", "running", "ema", "released", "stated"}
    known = {field.name for field in dataclasses.fields(RunConfig)} | set(CRITERIA) | values
    assert words <= known, words - known
    assert set(CRITERIA) <= words | {"remse"}

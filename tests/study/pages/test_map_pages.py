"""The page of the map and the README's findings are the committed tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zslcore.plots import METHOD_LOOKS
from zslcore.study.experiments.protocol_audit import CLEAN, VALIDATION_SPLIT
from zslcore.study.pages.audit_tables import audit_table
from zslcore.study.pages.first_page import spoken
from zslcore.study.pages.map_pages import (
    DATASETS,
    finding,
    findings,
    findings_figure,
    lambda_figure,
    map_page,
    section,
    stored,
)
from zslcore.study.pages.map_sections import map_sentence, map_table, sentence
from zslcore.study.pages.map_tables import map_differences
from zslcore.study.pages.pointing_tables import pointing_sentence

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "results"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_page_is_generated_from_the_tables():
    assert (ROOT / "docs" / "map.md").read_text(encoding="utf-8") == map_page(RESULTS)


@pytest.mark.parametrize("name", ["attention", "fine_tuned"])
def test_centred_vectors_are_compared_over_the_seeds_that_have_both_kinds(name):
    rows = stored(RESULTS, "CUB100", name)
    chosen = rows[rows["method"] == "cross_entropy"].pivot(index="seed", columns="vectors", values="T1").dropna()
    low, high = stats.ttest_rel(chosen["centred"], chosen["normalised"]).confidence_interval(0.95)
    mean = (chosen["centred"] - chosen["normalised"]).mean()
    text = map_table(rows).partition("Cross entropy alone, ")[2].replace("−", "-").replace("**", "")
    assert text.startswith(f"over {len(chosen)} seeds of the benchmark's own split. The scale is 20 for both")
    assert f"| centred - plain class vectors | {mean:.2f} ({low:.2f}\u00a0to\u00a0{high:.2f}) |" in text


def test_a_table_of_two_machines_says_whether_they_share_a_seed(tmp_path):
    rows = stored(RESULTS, "CUB100", "fine_tuned")
    (tmp_path / "CUB100").mkdir()
    for machines, told in (({0: "A", 1: "B"}, True), ({"mse": "A", "remse": "B"}, False), ({}, False)):
        column = "seed" if 0 in machines else "method"
        rows.assign(device=rows[column].map(machines).fillna("C")).to_csv(tmp_path / "CUB100" / "fine_tuned.csv")
        assert ("All configs of a seed ran on one machine." in section(tmp_path, "CUB100", "fine_tuned")) == told


def test_how_far_an_earlier_training_differs(tmp_path):
    rows = stored(RESULTS, "SYNTH", "fine_tuned")
    (tmp_path / "SYNTH").mkdir()
    rows.to_csv(tmp_path / "SYNTH" / "fine_tuned.csv", index=False)
    assert "does not repeat" not in section(tmp_path, "SYNTH", "fine_tuned")
    earlier = rows[rows["vectors"] == "normalised"].copy()
    earlier["T1"] += np.where(earlier["method"] == "remse", 4.0 + earlier["seed"], -1.0)
    earlier.assign(device="A").to_csv(tmp_path / "SYNTH" / "fine_tuned_earlier.csv", index=False)
    text = section(tmp_path, "SYNTH", "fine_tuned").replace("−", "-")
    # 15 configs a point lower, and five of ReMSE 4 to 8 points higher
    assert "contains an earlier training of 20 of these configs on A, with the same seeds. Its γ" in text
    assert "T1 differs by 2.25 points on average, and by 8.00 points at most." in text
    pairs = earlier.pivot(index="seed", columns="method", values="T1")
    low, high = stats.ttest_rel(pairs["remse"], pairs["mse"]).confidence_interval(0.95)
    mean = (pairs["remse"] - pairs["mse"]).mean()
    assert f"The earlier ReMSE - MSE is {mean:.2f} ({low:.2f} to {high:.2f}) points of T1, and " in text


def bullet(start):
    (line,) = [line for line in README.splitlines() if line.startswith(f"- {start}")]
    return line


def test_what_the_readme_says_of_evenness_elsewhere():
    line = "Permuted weights change it by less than 0.1 %. On SYNTH the errors are less even at λ = 600, "
    assert f"{line}3,000 and ∞" in bullet("**Rebalancing makes errors more even")
    found = findings(RESULTS)
    for dataset in DATASETS:
        assert abs(finding(found, dataset, "remse_permuted", "seen_theil")["difference"]) < 0.1
    assert "are more even at λ = 0.25, 60 and 30,000, and less even at λ = 600, 3,000 and ∞." in map_sentence(
        stored(RESULTS, "SYNTH", "map")
    )


def test_a_difference_that_rounds_to_zero_has_no_minus_sign():
    row = pd.Series({"difference": -0.001, "low": -0.004, "high": 0.002})
    assert sentence(row) == "0.00 (0.00 to 0.00)"
    assert spoken(row, 2).startswith("0.00 (95 % interval 0.00 to")


def test_sentence_of_the_map():
    rows = pd.DataFrame({"class_split": [1, 2, 3, 4] * 3, "seed": 0, "lam": [0.0] * 4 + [60.0] * 8})
    rows["method"] = ["cross_entropy"] * 4 + ["mse"] * 4 + ["remse"] * 4
    rows["T1"] = [60.0] * 4 + [61.0, 61.5, 60.5, 61.2] + [61.1, 61.3, 60.7, 61.2]
    rows["seen_theil"] = [0.7] * 4 + [0.60, 0.61, 0.62, 0.60] + [0.5001, 0.5102, 0.5199, 0.5002]
    setting = {"dataset": "X", "network": "basic", "fine_tune": False, "vectors": "normalised", "scale": 20.0}
    rows = rows.assign(unseen_share=0.2, **setting)
    text = "**Compared with the MSE, ReMSE's errors on seen classes are more even at λ = 60. Its T1 is"
    assert map_sentence(rows) == f"{text} not significantly higher or lower at λ = 60.**"
    rows.loc[rows["method"] == "remse", "seen_theil"] += 0.2
    assert "errors on seen classes are less even at λ = 60. " in map_sentence(rows)


def pointing_rows(remse, tail):
    """Two groups of four seeds; ReMSE differs from MSE by about ``remse``."""
    rows = []
    for seed in range(4):
        for method, wing in (("cross_entropy", 0.6), ("mse", 0.5), ("remse", 0.5 + remse)):
            for split in ("seen", "unseen"):
                for group, value in (("wing color", wing + 0.001 * seed**2 * wing), ("tail shape", tail)):
                    rows.append((method, 0.0 if method == "cross_entropy" else 60.0, seed, split, group, value))
    frame = pd.DataFrame(rows, columns=["method", "lam", "seed", "split", "group", "pointing"])
    return frame.assign(untrained_pointing=0.3, chance_pointing=0.2, energy=0.1, untrained_energy=0.1, chance_energy=0)


@pytest.mark.parametrize(
    ("remse", "outcome"), [(0.1, "an improvement"), (-0.1, "a loss"), (0.0, "no significant difference")]
)
def test_sentence_of_attention_on_the_parts(remse, outcome):
    text = pointing_sentence(pointing_rows(remse, tail=0.1))
    assert f"in 35 % of the cases with cross entropy, 30 % with MSE and {30 + 50 * remse:.0f} % with ReMSE" in text
    assert "against 30 % before training and 20 % by chance." in text
    assert f"points: {outcome}.**" in text
    assert text.endswith("below chance, on average over the three losses: tail shape.")
    assert pointing_sentence(pointing_rows(remse, tail=0.3)).endswith("over the three losses: none.")


def test_a_data_set_without_results_names_the_command():
    assert section(RESULTS, "CUB", "map").endswith("run `python -m zslcore.study.experiments CUB map`.")


def test_figure_has_a_panel_for_each_measure():
    figure = findings_figure(RESULTS)
    assert [axis.get_title().split()[0] for axis in figure.axes] == ["T1", "H", "Theil"]
    assert len(figure.axes[0].get_yticklabels()) == 4


def test_clean_has_the_smallest_error_without_test_labels():
    for dataset in DATASETS:
        table = audit_table(stored(RESULTS, dataset, "audit"))
        fair = table[table.index.str.contains("validation gamma|folds")]
        assert fair.loc[CLEAN, "error"] <= fair["error"].min() + 0.1
        assert table.loc["last epoch, validation gamma", "error"] <= table.loc[VALIDATION_SPLIT, "error"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_figure_over_lambda_draws_the_differences_of_the_page(dataset):
    axes = lambda_figure(RESULTS, dataset).axes
    assert [text.get_text() for text in axes[0].get_yticklabels()] == [
        f"λ = {value}" for value in ("0.25", "60", "600", "3,000", "30,000", "∞")
    ]
    rows = stored(RESULTS, dataset, "map")
    table = map_differences(rows[rows["class_split"] > 0], measures=["T1", "H", "seen_theil"])
    for axis, measure in zip(axes, ("T1", "H", "seen_theil"), strict=True):
        drawn = sorted(line.get_xdata()[0] for line in axis.lines if len(line.get_xdata()) == 1)
        wanted = table[(table["measure"] == measure) & table["method"].str.startswith("remse")]["difference"]
        assert drawn == pytest.approx(sorted(wanted))
        assert METHOD_LOOKS["remse"].color in {line.get_color() for line in axis.lines}  # as in every figure
    page = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    assert section(RESULTS, dataset, "map", tables=False) in page

"""CLAIMS.md is generated from the committed tables."""

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from zslcore.study.pages.claims_page import claims_page
from zslcore.study.pages.map_pages import DATASETS, finding, findings
from zslcore.study.pages.map_sections import sentence
from zslcore.study.results.tables import PUBLISHED

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "CLAIMS.md").read_text(encoding="utf-8")


def test_page_is_generated_from_the_tables():
    assert claims_page(ROOT / "results") == PAGE


def test_every_finding_stands_with_its_interval_and_verdict():
    found = findings(ROOT / "results")
    for dataset in DATASETS:
        for method, measure in (("remse", "T1"), ("remse", "seen_theil"), ("centred", "T1"), ("mse", "T1")):
            row = finding(found, dataset, method, measure)
            (line,) = [
                line for line in PAGE.splitlines() if f"| {dataset}, " in line and f"| {sentence(row)} |" in line
            ]
            verdict = row["verdict"]
            if verdict == "inconclusive":
                verdict += f" ({row['detectable']:.2f} detectable)"
            assert f"| {sentence(row)} | {verdict} | {row['pairs']} class splits |" in line


@pytest.mark.parametrize(
    ("dataset", "name", "scope"),
    [
        ("CUB100", "attention", "frozen, AttentionNet"),
        ("SYNTH", "attention", "frozen, AttentionNet"),
        ("CUB100", "fine_tuned", "fine-tuned, linear map"),
        ("SYNTH", "fine_tuned_attention", "fine-tuned, AttentionNet"),
    ],
)
def test_other_regimes_stand_with_their_scope_time_and_memory(dataset, name, scope):
    rows = pd.read_csv(ROOT / "results" / dataset / f"{name}.csv")
    pairs = rows[rows["lam"] == 60].pivot(index="seed", columns="method", values="T1")[["remse", "mse"]].dropna()
    low, high = stats.ttest_rel(pairs["remse"], pairs["mse"]).confidence_interval(0.95)
    difference = (pairs["remse"] - pairs["mse"]).mean()
    obtained = f"{difference:.2f} ({low:.2f} to {high:.2f})".replace("-", "−")
    (line,) = [
        line
        for line in PAGE.splitlines()
        if line.startswith(f"| ReMSE raises T1 over an MSE with the same loss value (points). | {dataset}, {scope} |")
    ]
    freedom, deviation = len(pairs) - 1, (pairs["remse"] - pairs["mse"]).std() / len(pairs) ** 0.5
    detectable = (stats.t.ppf(0.975, freedom) + stats.t.ppf(0.8, freedom)) * deviation
    verdict = f"inconclusive ({detectable:.2f} detectable) in [the map](docs/map.md)"
    assert f"| {obtained} | {verdict} | {len(pairs)} seeds |" in line
    memory = pd.read_csv(ROOT / "results" / "memory.csv").set_index(["dataset", "experiment"]).loc[(dataset, name)]
    assert line.endswith(f"; {memory['gigabytes']:.1f} GB |")
    for device in rows["device"].unique():
        assert f" s on {device}" in line


def test_published_numbers_are_marked_not_run():
    section = PAGE.split("## The published table")[1]
    assert section.count("| not run |") == len(PUBLISHED)
    for row in PUBLISHED.itertuples():
        assert f"T1 {row.T1}, U {row.U}, S {row.S}, H {row.H}" in section

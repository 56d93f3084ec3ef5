"""CLAIMS.md is generated from the committed tables."""

from pathlib import Path

from zslcore.study.pages.claims_page import claims_page
from zslcore.study.pages.map_pages import DATASETS, finding
from zslcore.study.pages.map_sections import sentence
from zslcore.study.results.tables import PUBLISHED

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "CLAIMS.md").read_text(encoding="utf-8")


def test_page_is_generated_from_the_tables():
    assert claims_page(ROOT / "results") == PAGE


def test_every_finding_stands_with_its_interval_and_verdict():
    for dataset in DATASETS:
        for method, measure in (("remse", "T1"), ("remse", "seen_theil"), ("centred", "T1"), ("mse", "T1")):
            row = finding(ROOT / "results", dataset, method, measure)
            (line,) = [
                line for line in PAGE.splitlines() if f"| {dataset} |" in line and f"| {sentence(row)} |" in line
            ]
            assert line.endswith(f"| {row['verdict']} |")


def test_published_numbers_are_marked_not_run():
    section = PAGE.split("## The published table")[1]
    assert section.count("| not run |") == len(PUBLISHED)
    for row in PUBLISHED.itertuples():
        assert f"T1 {row.T1}, U {row.U}, S {row.S}, H {row.H}" in section

"""The page of the map and the README's findings are the committed tables."""

from pathlib import Path

import pytest

from zslcore.study.map_pages import DATASETS, finding, findings_figure, map_page, sentence, stored
from zslcore.study.map_tables import audit_table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_page_is_generated_from_the_tables():
    assert (ROOT / "docs" / "map.md").read_text(encoding="utf-8") == map_page(RESULTS)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(
    ("start", "method", "measure", "verdicts"),
    [
        ("**Centred class vectors", "centred", "T1", {"larger"}),
        ("**Rebalancing does not change accuracy", "remse", "T1", {"no difference shown"}),
        ("**It makes errors more even", "remse", "seen_theil", {"smaller"}),
        ("**An MSE helps", "mse", "T1", {"larger", "no difference shown"}),
    ],
)
def test_findings_of_the_readme_are_those_of_the_tables(dataset, start, method, measure, verdicts):
    (line,) = [line for line in README.splitlines() if line.startswith(f"- {start}")]
    row = finding(RESULTS, dataset, method, measure)
    assert f"{sentence(row)} on {dataset}".replace(" (", " % (" if measure == "seen_theil" else " points (") in line
    assert row["verdict"] in verdicts


def test_figure_has_a_panel_for_each_measure():
    figure = findings_figure(RESULTS)
    assert [axis.get_title().split()[0] for axis in figure.axes] == ["T1", "H", "Theil"]
    assert len(figure.axes[0].get_yticklabels()) == 4


def test_the_protocol_that_05_names_has_the_smallest_error_without_test_labels():
    for dataset in DATASETS:
        table = audit_table(stored(RESULTS, dataset, "audit"))
        fair = table[table.index.str.contains("validation gamma|folds")]
        assert fair.loc["last epoch, gamma of 3 folds, matched steps", "error"] <= fair["error"].min() + 0.1
        assert (
            table.loc["last epoch, validation gamma", "error"] <= table.loc["chosen epoch, validation gamma", "error"]
        )

"""README and docs say what the results and the code say: numbers, tables, settings and files are compared."""

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest

from zslcore.analysis.nulls import KINDS
from zslcore.backbone import known_backbones
from zslcore.closed_form import SOLVERS
from zslcore.config import RunConfig
from zslcore.criteria import CRITERIA
from zslcore.methods import display_name
from zslcore.study.experiments.protocol_audit import VALIDATION_SPLIT
from zslcore.study.pages.audit_tables import audit_parts
from zslcore.study.pages.first_page import clean_rows
from zslcore.study.pages.map_pages import finding, findings
from zslcore.study.pages.map_sections import ACCURACIES, ERRORS, IMAGE_MEASURES, sentence
from zslcore.study.pages.map_tables import image_differences, map_differences, vector_differences
from zslcore.study.pages.option_pages import options_page
from zslcore.study.pages.tuned_tables import tuned_differences
from zslcore.study.results.tables import PUBLISHED

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
DATASETS = ["CUB100", "SYNTH"]
TUNED_SPLITS = {"CUB100": 10, "SYNTH": 20}


def table(dataset, name):
    """A committed table, with the names that figures show for its methods."""
    frame = pd.read_csv(ROOT / "results" / dataset / f"{name}.csv")
    column = "against" if "against" in frame else "method"
    return frame.assign(**{column: frame[column].map(display_name)})


def bullet(start):
    line = next(line for line in README.splitlines() if line.startswith(f"- {start}"))
    return line.replace(" points (", " (")


def test_readme_is_short_and_in_order():
    assert len(README.splitlines()) <= 130
    titles = ["What we found", "Should I use it?", "The loss", "Reproduce", "Results", "Notebooks", "Limits"]
    assert re.findall(r"^## (.*)", README, re.MULTILINE) == [*titles, "Citing, licence"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_tables_are_the_committed_results(dataset):
    section = README.split(f"**{dataset}** (`make study")[1].split("\n\n")[1]
    rows = [[cell.strip(" ") for cell in line.strip("|").split("|")] for line in section.splitlines()[2:]]
    assert rows == [row[:-1] for row in clean_rows(pd.read_csv(ROOT / "results" / dataset / "results.csv"))]
    assert len(rows) == 8


@pytest.mark.parametrize(
    ("title", "method", "baseline", "measure"),
    [
        ("T1, points: centred − plain class vectors", "centred", "cross_entropy", "T1"),
        ("T1, points: MSE − cross entropy", "mse", "cross_entropy", "T1"),
        ("T1, points: ReMSE − MSE", "remse", "mse", "T1"),
        ("Theil index, %: ReMSE − MSE", "remse", "mse", "seen_theil"),
    ],
)
def test_differences_are_those_of_the_tables(found, title, method, baseline, measure):
    (line,) = [line for line in README.splitlines() if line.startswith(f"| {title} |")]
    expected = [cell(finding(found, dataset, method, measure)) for dataset in DATASETS]
    for dataset in DATASETS:
        rows = tuned_differences(pd.read_csv(ROOT / "results" / dataset / "tuned.csv"))
        rows = rows.set_index(["method", "baseline", "measure"])
        tuned = (method, baseline, measure) in rows.index
        expected.append(cell(rows.loc[(method, baseline, measure)]) if tuned else "–")
        assert set(rows["pairs"]) == {TUNED_SPLITS[dataset]}
    assert [part.strip() for part in line.strip("|").split("|")][1:] == expected
    assert "of 10 splits of CUB100 and 20 of SYNTH" in README


@pytest.mark.parametrize(
    ("start", "method", "measure", "unit"),
    [("**Centred class vectors", "centred", "T1", "points"), ("**Rebalancing makes", "remse", "seen_theil", "%")],
)
def test_findings_name_the_differences_of_the_table(found, start, method, measure, unit):
    changes = []
    for dataset in DATASETS:
        difference = sentence(finding(found, dataset, method, measure)).partition(" ")[0]
        changes.append(f"{difference} {unit} on {dataset}")
    assert f"changes by {changes[0]} and by {changes[1]}" in bullet(start)


@pytest.fixture(scope="module")
def found():
    return findings(ROOT / "results")


def cell(row):
    difference, _, interval = sentence(row).partition(" ")
    return f"**{difference}** {interval}" if row["verdict"] == "supported" else f"{difference} {interval}"


def test_what_the_findings_say_of_equal_tuning_budgets():
    assert "With equal tuning budgets the gain remains on CUB100. On SYNTH it is no longer significant." in README
    assert "on random splits of CUB100 at λ = 60, but not with equal tuning budgets" in README
    verdicts = {}
    for dataset in DATASETS:
        rows = tuned_differences(pd.read_csv(ROOT / "results" / dataset / "tuned.csv"))
        verdicts[dataset] = rows[rows["measure"] == "T1"].set_index("method")["verdict"].to_dict()
    assert [verdicts[dataset]["centred"] for dataset in DATASETS] == ["supported", "inconclusive"]
    assert {verdicts[dataset][method] for dataset in DATASETS for method in ("mse", "remse")} == {"inconclusive"}


def test_audit_is_as_committed():
    rows = pd.read_csv(ROOT / "results" / "CUB100" / "audit.csv")
    line = bullet("**Choosing epoch and γ on the test set**")
    assert f"raises H by {audit_parts(rows)['total']:.1f} points on CUB100 over the protocol of this study" in line
    assert f"by {audit_parts(rows, VALIDATION_SPLIT)['total']:.1f} points over a choice on one validation split" in line


@pytest.mark.parametrize("dataset", DATASETS)
def test_large_lambdas_cost_accuracy(dataset):
    rows = map_differences(pd.read_csv(ROOT / "results" / dataset / "map.csv"), measures=["T1"])
    large = rows[(rows["lam"] == 600) & (rows["baseline"] == "cross_entropy")]
    assert "At λ = 600 on frozen features it costs 6 points of T1 or more" in README
    assert (large["difference"] <= -6).all()
    assert len(large)


def test_the_gain_of_an_mse_beside_a_fine_tuned_backbone():
    measured = pd.read_csv(ROOT / "results" / "CUB100" / "fine_tuned_224.csv")
    rows = map_differences(measured, measures=[*ACCURACIES, *ERRORS]).set_index("measure")
    row = rows[rows["method"] == "mse"].loc["H"]
    assert row["p"] < 0.05 < row["holm"]
    line = f"fine-tuned at 224 px on CUB100, it changes H by {sentence(row)} over {row['pairs']} seeds, which is not"
    assert f"{line} significant after Holm's correction.".replace(" (", " points (") in README


def test_one_lambda_shows_a_difference_in_accuracy():
    shown = {}
    for dataset in DATASETS:
        rows = map_differences(pd.read_csv(ROOT / "results" / dataset / "map.csv"), measures=["T1", "seen_theil"])
        remse = rows[(rows["measure"] == "T1") & (rows["method"] == "remse")]
        for _, row in remse[remse["verdict"].isin(["supported", "contradicted"])].iterrows():
            shown[dataset, row["lam"]] = row
    ((place, row),) = shown.items()
    assert place == ("SYNTH", 30000)
    alike = (rows["measure"] == "T1") & (rows["method"] == "remse_permuted") & (rows["replicates"] == row["replicates"])
    permuted = rows[alike & (rows["lam"] == 30000)].iloc[0]
    text = f"at λ = 30,000 on SYNTH it changes by {sentence(row)}. Permuted weights cost as much: {sentence(permuted)}."
    assert text in README.replace(" points (", " (")
    assert permuted["low"] < row["difference"] < permuted["high"]


def test_gains_of_image_labels_are_those_of_the_tables():
    line = bullet("**No**, if your images have attribute labels")
    found = {}
    for dataset in DATASETS:
        rows = pd.read_csv(ROOT / "results" / dataset / "image_training.csv")
        table = image_differences(rows, measures=IMAGE_MEASURES)
        remse = table[(table["method"] == "remse") & (table["targets"] == "images")].set_index("measure")
        assert "supported" not in set(remse.loc["unseen_precision", "verdict"])
        gains = table[(table["targets"] == "both") & (table["lam"] == 60)].set_index("measure")
        assert set(gains["pairs"]) == {5}
        found[dataset] = gains
    assert f"T1 then changes by {sentence(found['SYNTH'].loc['labelled_T1'])} on SYNTH, over 5 seeds" in line
    assert f"average precision changes by {sentence(found['CUB100'].loc['unseen_precision'])}" in line
    assert found["CUB100"].loc["labelled_T1", "verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("regime", "dataset", "evenness"),
    [
        ("attention", "CUB100", "supported"),
        ("attention", "SYNTH", "supported"),
        ("fine_tuned", "CUB100", "supported"),
        ("fine_tuned_earlier", "SYNTH", "supported"),
        ("fine_tuned", "SYNTH", "inconclusive"),
        ("fine_tuned_224", "CUB100", "supported"),
        ("fine_tuned_attention", "CUB100", "inconclusive"),
        ("fine_tuned_attention", "SYNTH", "inconclusive"),
    ],
)
def test_other_regimes_are_as_the_limits_say(dataset, regime, evenness):
    found = pd.read_csv(ROOT / "results" / dataset / f"{regime}.csv")
    rows = map_differences(found, measures=[*ACCURACIES, *ERRORS])
    remse = rows[rows["method"] == "remse"].set_index("measure")
    assert set(remse.loc[list(ACCURACIES), "verdict"]) == {"inconclusive"}
    assert remse.loc["seen_theil", "verdict"] == evenness
    assert "have one split and 5 seeds each on both data sets" in README
    assert set(remse["replicates"]) == {"seeds"}
    assert set(remse["pairs"]) == {5}
    centred = vector_differences(found[found["method"] == "cross_entropy"], measures=ACCURACIES).set_index("measure")
    if (dataset, regime) == ("CUB100", "attention"):
        assert f"the T1 of AttentionNet on CUB100 by {sentence(centred.loc['T1'])}".replace(" (", " points (") in README
        assert centred.loc["T1", "verdict"] == "supported"
    else:
        assert "supported" not in set(centred["verdict"])


def test_numbers_of_the_exponents_are_those_tested_below():
    assert "at p = p2 = 2 the effective λ is 13,000 instead of 10, and T1 falls to 64" in README


def test_advice_is_as_committed():
    best = {}
    for dataset in DATASETS:
        means = table(dataset, "results").query("protocol == 'clean'").groupby("method")["H"].mean()
        best[dataset] = means["ESZSL"], means.drop(["ESZSL", "SAE"]).max()
    (solved, trained), (drawn, of_drawn) = best["CUB100"], best["SYNTH"]
    assert f"Its H is {solved:.1f} on CUB100 and {drawn:.1f} on SYNTH." in README
    assert f"The best trained method has a mean H of {trained:.1f} and {of_drawn:.1f}." in README
    results = table("CUB100", "results").query("protocol == 'clean'").set_index("method")["T1"]
    trained = results.drop(["ESZSL", "SAE"])
    assert results["ESZSL"] > trained.max()
    assert f"Its T1 of {results['ESZSL']:.1f} on CUB100 is above that of all {len(trained)} trained runs" in README
    cvar, remse = display_name("cvar"), display_name("remse")
    for dataset in DATASETS:
        theil = table(dataset, "losses").groupby("method")["test_seen_theil"].mean()
        assert f"{theil[cvar]:.3f} against {theil[remse]:.3f} on {dataset}" in README
        versus = table(dataset, "losses_differences").set_index(["measure", "against"])
        assert versus.loc[("T1", cvar), "low"] <= 0  # ReMSE minus CVaR
    assert "at a T1 that is not measurably lower" in README
    surface = table("SYNTH", "exponents").groupby(["p", "p2"])[["validation_H", "effective_lambda", "T1"]].mean()
    assert round(surface.loc[(2.0, 2.0), "effective_lambda"], -3) == 13_000
    assert round(surface.loc[(2.0, 2.0), "T1"]) == 64
    surface = surface.reset_index()
    small = surface[(surface["p"] <= 0.5) & (surface["p2"] <= 0.5)]["validation_H"]
    assert small.max() - small.min() <= 1


def test_the_run_on_exported_features_is_that_of_the_table():
    runs = table("CUB100", "results").query("protocol == 'clean' and seed == 0").set_index("method")
    run = runs.loc[display_name("remse")]
    assert f"T1 is {run['T1']:.2f} and H {run['H']:.2f} in both" in DOCS["data"]


def test_the_figure_shows_what_is_committed():
    """Its bytes are compared in tests/study/pages/test_book.py."""
    assert "](results/findings.png)" in README


def test_the_snippet_runs_as_it_stands(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) > 0


def test_published_numbers_stand_apart():
    section = DOCS["results"].split("## Published")[1]
    for row in PUBLISHED.itertuples():
        assert f"| {row.dataset} | {row.T1} | {row.U} | {row.S} | {row.H} |" in section
        assert not re.search(rf"\b{row.T1}\b(?!\s±)", README)  # a mean of ours may have the same digits
    assert "not reproduced" in section


@pytest.mark.parametrize("page", ["README", "CLAIMS", "CONTRIBUTING", "CHANGELOG", *(f"docs/{name}" for name in DOCS)])
def test_files_that_are_named_exist(page):
    text = (ROOT / f"{page}.md").read_text(encoding="utf-8")
    folder = (ROOT / f"{page}.md").parent
    links = {link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")}
    named = set(re.findall(r"`((?:tests|profiles|notebooks|zslcore|docs)/[\w/.]+\w)`", text)) - {
        "zslcore/settings/NAME.yml"
    }
    assert not [name for name in links if not (folder / name).exists()]
    assert not [name for name in named if not (ROOT / name).exists()]


def test_make_targets_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8") + "".join(DOCS.values())
    named = set(re.findall(r"`(?:\w+=\S+ )?make ([a-z-]+)", text))
    assert {"study", "test", "figures", "docs"} <= named <= targets


def options(heading):
    section = DOCS["options"].split(f"## {heading}")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("| ---")]


def test_features_in_the_users_cache_are_not_listed(monkeypatch, tmp_path):
    (tmp_path / "features" / "imported" / "mine").mkdir(parents=True)
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path))
    assert "mine" in known_backbones()
    assert options_page() == DOCS["options"]


def test_every_setting_is_listed():
    """The table is generated: ``make figures`` writes it again."""
    assert DOCS["options"] == options_page()
    assert [row[0].strip("`") for row in options("Settings of a run")] == [
        each.name for each in dataclasses.fields(RunConfig)
    ]


def test_settings_and_losses_of_the_release_exist():
    """In the table of the release's options, words set in code are settings, losses or their values."""
    words = {word for row in options("Every option of the release") for word in re.findall(r"`(\w+)`", row[1])}
    values = {"batch", "running", "ema", "released", "stated"}
    known = {each.name for each in dataclasses.fields(RunConfig)} | {*CRITERIA, *SOLVERS} | values
    assert words <= known, words - known
    assert {*CRITERIA, *SOLVERS} <= words | {"remse"}


def test_every_loss_and_null_model_has_a_formula():
    for name in [*CRITERIA, *SOLVERS, "decorrelation", "compactness"]:
        assert f"`{name}`" in DOCS["formulas"], name
    nulls = DOCS["formulas"].split("## Null models")[1].split("\n## ")[0]
    for name in (*KINDS, "permuted"):
        assert f"| {name.replace('_', ' ')} |" in nulls
    assert "docs/formulas.md" in README


def test_speeds_of_fine_tuning_are_those_of_the_benchmark():
    rows = pd.read_csv(ROOT / "benchmarks" / "results.csv")
    rows = rows[(rows["device"] == "cuda") & rows["what"].str.startswith("fine-tuning")]
    assert rows["machine"].str.startswith("NVIDIA H100").all()
    gains = {size.partition(",")[0]: gain for size, gain in zip(rows["size"], rows["plain_over_ours"], strict=True)}
    page = DOCS["cluster"].replace("\n", " ")
    assert f"EfficientNet-Lite0 at 224 px processes {gains['224 px']:.1f} times as many images per second" in page
    assert f"ResNet-101 at 448 px {gains['448 px']:.1f} times as many" in page

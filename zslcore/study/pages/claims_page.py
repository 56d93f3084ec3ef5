"""``CLAIMS.md``: every claim of the paper's abstract and of this study, with what was obtained and how."""

from pathlib import Path

import numpy as np
import pandas as pd

from zslcore.analysis import t_interval, verdict
from zslcore.study.pages.map_pages import DATASETS, finding, stored
from zslcore.study.pages.map_sections import IMAGE_MEASURES, MAIN_LAMBDA, sentence
from zslcore.study.pages.map_tables import image_differences
from zslcore.study.results.tables import PUBLISHED, markdown_table

MAP = "`python -m zslcore.study.experiments {} map`"
IMAGES = "`python -m zslcore.study.experiments {} image_training`"
VECTORS = "`python -m zslcore.study.experiments {} vectors`"


def claims_page(folder: Path) -> str:
    """Text of ``CLAIMS.md`` from the tables below ``results/``."""
    header = ["claim", "data", "notebook or command", "expected", "obtained", "replicates", "time a run", "verdict"]
    lines = [
        "# Claims",
        "",
        "One row for each claim and data set. Brackets hold 95 % intervals. Verdicts on differences are Holm-corrected "
        "over the findings of this study. Scope, where nothing else is said: frozen EfficientNet-Lite0 features and a "
        "linear map. Times are medians of the committed runs, which shared their machine. `make figures` writes this "
        "page from the CSV files in `results/`.",
        "",
        "## The abstract of the paper",
        "",
        markdown_table(header, [*_label_rows(folder), *_sample_rows(), *_rebalancing_rows(folder)]),
        "## Found by this study",
        "",
        markdown_table(header, [*_vector_rows(folder), *_image_rows(folder), *_solved_rows(folder)]),
        "## The published table",
        "",
        "ResNet-101 fine-tuned at 448 px, 30 epochs of 300 batches of 32 images, epoch and γ chosen on the test set. "
        "None of it was run here: it needs the full image sets. Time and memory were not measured.",
        "",
        markdown_table(["claim", "command", "expected", "obtained"], _published_rows()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _label_rows(folder: Path) -> list[list[str]]:
    """Claim 1: measured, and of a detector that knows each image."""
    rows, claim = [], "The error of an attribute is highly correlated with the value of its label."
    for dataset in DATASETS:
        results = stored(folder, dataset, "results")
        chosen = results[(results["protocol"] == "clean") & (results["method"] == "cross_entropy")]
        values = chosen["test_seen_label_correlation"]
        low, high = t_interval(values)
        obtained = f"r = {values.mean():.2f} ({low:.2f} to {high:.2f}) within classes, seen"
        source = "[02](notebooks/02_imbalance.ipynb)"
        time = f"{chosen['seconds'].median():.0f} s"
        told = f"{verdict(low, high)}; 02 compares it with noise"
        rows.append([claim, dataset, source, "r > 0", obtained, f"{len(values)} seeds", time, told])
    oracle = pd.read_csv(folder / "image_labels.csv")
    for row in oracle[(oracle["unit"] == "shares") & oracle["dataset"].isin(["CUB", "SUN"])].itertuples(index=False):
        within = row[oracle.columns.get_loc("detector, within classes")]
        command = "`python -m zslcore.study.experiments.image_labels SYNTH CUB100 CUB SUN`"
        obtained = f"r = {within:.2f} within classes"
        claim = "The same holds for a perfect detector of the labels of single images."
        rows.append(
            [claim, row.dataset, command, "r > 0", obtained, f"{row.classes} classes", "–", "holds without training"]
        )
    return rows


def _sample_rows() -> list[list[str]]:
    claim = "The error is not correlated with the number of samples."
    note = "not testable: all classes have equally many images"
    return [[claim, "SYNTH", "[02](notebooks/02_imbalance.ipynb)", "r = 0", "–", "–", "–", note]]


def _rebalancing_rows(folder: Path) -> list[list[str]]:
    rows = []
    for measure, expected, claim in (
        ("seen_theil", "smaller", "ReMSE makes the errors more even than an MSE of the same value (Theil index, %)."),
        ("T1", "larger", "ReMSE raises T1 over an MSE of the same value (points)."),
        ("H", "larger", "ReMSE raises H over an MSE of the same value (points)."),
    ):
        for dataset in DATASETS:
            row = finding(folder, dataset, "remse", measure)
            rows.append(_row(folder, claim, dataset, MAP, expected, row, "map"))
    return rows


def _vector_rows(folder: Path) -> list[list[str]]:
    rows = []
    for measure in ("T1", "H"):
        claim = f"Centred class vectors raise {measure} over plain ones, at tuned scales (points)."
        for dataset in DATASETS:
            row = finding(folder, dataset, "centred", measure)
            rows.append(_row(folder, claim, dataset, VECTORS, "larger", row, "vectors"))
    for dataset in DATASETS:
        claim = f"An MSE beside the cross entropy raises T1 (λ = {MAIN_LAMBDA:g}; points)."
        rows.append(_row(folder, claim, dataset, MAP, "larger", finding(folder, dataset, "mse", "T1"), "map"))
    return rows


def _image_rows(folder: Path) -> list[list[str]]:
    """ReMSE on labels of single images; the verdict is that of the table in ``docs/map.md``."""
    rows = []
    for measure, subject in (("unseen_precision", "all attributes"), ("unseen_rare_precision", "the rarest third")):
        claim = f"On image labels, ReMSE raises the average precision of {subject} over the MSE's (unseen; points)."
        for dataset in DATASETS:
            table = image_differences(stored(folder, dataset, "image_training"), measures=IMAGE_MEASURES)
            chosen = (table["method"] == "remse") & (table["targets"] == "images") & (table["measure"] == measure)
            row = table[chosen & (table["lam"] == MAIN_LAMBDA)].iloc[0]
            made = _row(folder, claim, dataset, IMAGES, "larger", row, "image_training")
            rows.append([*made[:-1], f"{made[-1]} in [the map](docs/map.md)"])
    return rows


def _row(folder: Path, claim: str, dataset: str, command: str, expected: str, row: pd.Series, table: str) -> list[str]:
    time = f"{stored(folder, dataset, table)['seconds'].median():.0f} s"
    pairs = f"{row['pairs']} {row['replicates']}"
    return [claim, dataset, command.format(dataset), expected, sentence(row), pairs, time, row["verdict"]]


def _solved_rows(folder: Path) -> list[list[str]]:
    rows, claim = [], "ESZSL, solved in closed form, has a higher H than every trained method of the study (%)."
    for dataset in DATASETS:
        results = stored(folder, dataset, "results")
        means = results[results["protocol"] == "clean"].groupby("method")[["H", "seconds"]].mean()
        trained = means.drop(["eszsl", "sae"])["H"]
        obtained = f"{means.loc['eszsl', 'H']:.1f} against {trained.max():.1f} at most"
        told = "holds" if means.loc["eszsl", "H"] > trained.max() else "does not hold"
        command = f"`zslcore train --dataset {dataset} --method eszsl`"
        time = f"{np.ceil(means.loc['eszsl', 'seconds']):.0f} s"
        rows.append([claim, dataset, command, "higher", obtained, "1 run, no spread", time, told])
    return rows


def _published_rows() -> list[list[str]]:
    rows = []
    for row in PUBLISHED.itertuples(index=False):
        command = f"`zslcore train --dataset {row.dataset} --published resnet101 -s precision bf16 --workers 8`"
        expected = f"T1 {row.T1}, U {row.U}, S {row.S}, H {row.H}"
        rows.append([f"Results on {row.dataset}", command, expected, "not run"])
    return rows

"""``CLAIMS.md``: every claim of the paper's abstract and of this study, with what was obtained and how."""

from pathlib import Path

import numpy as np
import pandas as pd

from zslcore.analysis import t_interval, verdict
from zslcore.study.experiments.configs import FINE_TUNED
from zslcore.study.pages.map_pages import DATASETS, finding, findings, stored
from zslcore.study.pages.map_sections import ACCURACIES, ERRORS, IMAGE_MEASURES, MAIN_LAMBDA, sentence
from zslcore.study.pages.map_tables import image_differences, map_differences
from zslcore.study.pages.tuned_tables import tuned_differences
from zslcore.study.results.tables import PUBLISHED, markdown_table

OTHER_REGIMES = ("attention", *FINE_TUNED, "tuned")
SCOPES = {  # of each experiment
    "map": "frozen, linear map",
    "attention": "frozen, AttentionNet",
    "fine_tuned": "fine-tuned, linear map",
    "fine_tuned_224": "fine-tuned at 224 px, linear map",
    "fine_tuned_attention": "fine-tuned, AttentionNet",
    "tuned": "frozen, linear map, equal tuning budgets",
    "vectors": "frozen, linear map",
    "image_training": "frozen, linear map",
}


def claims_page(folder: Path) -> str:
    """Text of ``CLAIMS.md`` from the tables below ``results/``."""
    header = ["claim", "data, scope", "expected", "obtained", "verdict", "replicates", "command", "cost of a run"]
    machine = ", ".join(pd.read_csv(folder / "memory.csv")["device"].unique())
    lines = [
        "# Claims",
        "",
        "There is one row for each claim, data set and scope. The scope says whether the EfficientNet-Lite0 is frozen "
        "or fine-tuned, and which network is on top of it. *With the same loss value* means that the loss of ReMSE is "
        "scaled to the value of the MSE in every batch. T1, H and the Theil index: see [Formulas](docs/formulas.md). "
        "Brackets contain 95 % intervals. Verdicts on differences use Holm's correction over the findings of this "
        "study, or over a table of [the map](docs/map.md) if the row says so. *Detectable* is the difference that the "
        "comparison finds with a probability of 80 %. `experiments` stands for `python -m zslcore.study.experiments`. "
        "Times are medians of the committed runs, which shared their machine. Memory is the peak of a process in one "
        f"epoch on {machine}, memory-mapped files included (`python -m zslcore.study.experiments.costs CUB100 SYNTH`). "
        "`make figures` writes this page from the CSV files in `results/`.",
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
        "These commands were not run here, because they need the full image sets. Time and memory were not measured.",
        "",
        markdown_table(["claim", "command", "expected", "obtained"], _published_rows()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _label_rows(folder: Path) -> list[list[str]]:
    """Claim 1: as measured, and for a detector that knows the labels of each image."""
    rows, claim = [], "The error of an attribute is highly correlated with the value of its label."
    for dataset in DATASETS:
        results = stored(folder, dataset, "results")
        chosen = results[(results["protocol"] == "clean") & (results["method"] == "cross_entropy")]
        values = chosen["test_seen_label_correlation"]
        low, high = t_interval(values)
        obtained = f"r = {values.mean():.2f} ({low:.2f} to {high:.2f}) within classes, seen"
        source = "[02](notebooks/02_imbalance.ipynb)"
        judgement = f"{verdict(low, high)}; 02 compares it with noise"
        cost = f"{_times(chosen)}; {_memory(folder, dataset, 'map')}"
        data = f"{dataset}, {SCOPES['map']}"
        rows.append([claim, data, "r > 0", obtained, judgement, f"{len(values)} seeds", source, cost])
    oracle = pd.read_csv(folder / "image_labels.csv")
    for row in oracle[(oracle["unit"] == "shares") & oracle["dataset"].isin(["CUB", "SUN"])].itertuples(index=False):
        within = row[oracle.columns.get_loc("detector, within classes")]
        command = "`experiments.image_labels SYNTH CUB100 CUB SUN`"
        obtained = f"r = {within:.2f} within classes"
        claim = "The same holds for a perfect detector of the labels of single images."
        replicates, judgement = f"{row.classes} classes", "holds without training"
        rows.append([claim, f"{row.dataset}, no model", "r > 0", obtained, judgement, replicates, command, "–"])
    return rows


def _sample_rows() -> list[list[str]]:
    claim = "The error is not correlated with the number of samples."
    note = "not testable: all classes have equally many images"
    source = "[02](notebooks/02_imbalance.ipynb)"
    return [[claim, f"SYNTH, {SCOPES['map']}", "r = 0", "–", note, "–", source, "–"]]


def _rebalancing_rows(folder: Path) -> list[list[str]]:
    rows, found, baseline = [], findings(folder), "an MSE with the same loss value"
    others = {(dataset, name): _differences(folder, dataset, name) for dataset in DATASETS for name in OTHER_REGIMES}
    for measure, expected, claim in (
        ("seen_theil", "smaller", f"ReMSE makes the errors more even than {baseline} (Theil index, %)."),
        ("T1", "larger", f"ReMSE raises T1 over {baseline} (points)."),
        ("H", "larger", f"ReMSE raises H over {baseline} (points)."),
    ):
        for dataset in DATASETS:
            rows.append(_row(folder, claim, dataset, "map", expected, finding(found, dataset, "remse", measure)))
            for name in OTHER_REGIMES:
                text = claim.replace("loss value", "tuning budget") if name == "tuned" else claim
                for row in _contrast(others[dataset, name], ("remse", "mse"), measure):
                    rows.append(_row(folder, text, dataset, name, expected, row, of_map=True))
    return rows


def _differences(folder: Path, dataset: str, name: str) -> pd.DataFrame | None:
    """The table of an experiment on the map's page, or None without results."""
    measured = stored(folder, dataset, name)
    if measured is None:
        return None
    if name == "tuned":
        return tuned_differences(measured)
    return map_differences(measured, measures=[*ACCURACIES, *ERRORS])


def _contrast(table: pd.DataFrame | None, methods: tuple[str, str], measure: str) -> list[pd.Series]:
    """The row of a contrast in a table, if there is one."""
    if table is None:
        return []
    chosen = (table["method"] == methods[0]) & (table["baseline"] == methods[1]) & (table["measure"] == measure)
    return [row for _, row in table[chosen].iterrows()]


def _vector_rows(folder: Path) -> list[list[str]]:
    rows, found = [], findings(folder)
    tuned = {dataset: _differences(folder, dataset, "tuned") for dataset in DATASETS}
    for measure in ("T1", "H"):
        claim = f"Centred class vectors raise {measure} over plain ones, at tuned scales (points)."
        for dataset in DATASETS:
            row = finding(found, dataset, "centred", measure)
            rows.append(_row(folder, claim, dataset, "vectors", "larger", row))
            text = claim.replace("at tuned scales", "at tuned scales and learning rates")
            for row in _contrast(tuned[dataset], ("centred", "cross_entropy"), measure):
                rows.append(_row(folder, text, dataset, "tuned", "larger", row, of_map=True))
    for dataset in DATASETS:
        claim = f"An MSE beside the cross entropy raises T1 (λ = {MAIN_LAMBDA:g}; points)."
        rows.append(_row(folder, claim, dataset, "map", "larger", finding(found, dataset, "mse", "T1")))
    return rows


def _image_rows(folder: Path) -> list[list[str]]:
    """ReMSE on labels of single images; the verdict is that of the table in ``docs/map.md``."""
    rows, tables = [], {}
    for dataset in DATASETS:
        tables[dataset] = image_differences(stored(folder, dataset, "image_training"), measures=IMAGE_MEASURES)
    for measure, subject in (("unseen_precision", "all attributes"), ("unseen_rare_precision", "the rarest third")):
        claim = f"On image labels, ReMSE raises the average precision of {subject} over the MSE (unseen; points)."
        for dataset, table in tables.items():
            chosen = (table["method"] == "remse") & (table["targets"] == "images") & (table["measure"] == measure)
            row = table[chosen & (table["lam"] == MAIN_LAMBDA)].iloc[0]
            rows.append(_row(folder, claim, dataset, "image_training", "larger", row, of_map=True))
    return rows


def _row(
    folder: Path, claim: str, dataset: str, name: str, expected: str, row: pd.Series, *, of_map: bool = False
) -> list[str]:
    """The line of a difference that an experiment measured; ``of_map``: its verdict is that of a table of the map."""
    data, command = f"{dataset}, {SCOPES[name]}", f"`experiments {dataset} {name}`"
    cost = f"{_times(stored(folder, dataset, name))}; {_memory(folder, dataset, name)}"
    judgement = row["verdict"]
    if judgement == "inconclusive":
        judgement += f" ({row['detectable']:.2f} detectable)"
    if of_map:
        judgement += " in [the map](docs/map.md)"
    return [claim, data, expected, sentence(row), judgement, f"{row['pairs']} {row['replicates']}", command, cost]


def _times(rows: pd.DataFrame) -> str:
    """Median time of a run on each machine."""
    times = rows.groupby("device", sort=False)["seconds"].median()
    return ", ".join(f"{np.ceil(seconds):,.0f} s on {device}" for device, seconds in times.items())


def _memory(folder: Path, dataset: str, name: str) -> str:
    """Peak memory of an experiment."""
    table = pd.read_csv(folder / "memory.csv").set_index(["dataset", "experiment"])["gigabytes"]
    return f"{table[dataset, name]:.1f} GB" if (dataset, name) in table.index else "memory not measured"


def _solved_rows(folder: Path) -> list[list[str]]:
    rows, claim = [], "ESZSL, solved in closed form, has a higher H than every trained method of the study (%)."
    for dataset in DATASETS:
        results = stored(folder, dataset, "results")
        results = results[results["protocol"] == "clean"]
        means = results.groupby("method")["H"].mean()
        highest = means.drop(["eszsl", "sae"]).max()
        obtained = f"{means['eszsl']:.1f} against {highest:.1f} at most"
        judgement = "holds" if means["eszsl"] > highest else "does not hold"
        data, command = f"{dataset}, {SCOPES['map']}", f"`zslcore train --dataset {dataset} --method eszsl`"
        cost = f"{_times(results[results['method'] == 'eszsl'])}; {_memory(folder, dataset, 'map')}"
        rows.append([claim, data, "higher", obtained, judgement, "1 run, no spread", command, cost])
    return rows


def _published_rows() -> list[list[str]]:
    rows = []
    for row in PUBLISHED.itertuples(index=False):
        command = f"`zslcore train --dataset {row.dataset} --published resnet101 -s precision bf16 --workers 8`"
        expected = f"T1 {row.T1}, U {row.U}, S {row.S}, H {row.H}"
        rows.append([f"Results on {row.dataset}", command, expected, "not run"])
    return rows

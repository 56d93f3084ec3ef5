"""The page ``docs/map.md`` and the figure of the README, from the committed tables of the map."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from zslcore.plots import contrasts, use_style
from zslcore.study.map_tables import audit_parts, audit_table, contrast_name, map_differences, vector_differences
from zslcore.study.tables import markdown_table

DATASETS = ("CUB100", "SYNTH")
SHOWN = ("T1", "H", "AUSUC", "seen_theil", "unseen_p99", "unseen_worst_attribute")
HEADERS = {
    "T1": "T1, points",
    "H": "H, points",
    "AUSUC": "AUSUC, points",
    "seen_theil": "Theil index, seen, %",
    "unseen_p99": "99th percentile, unseen, %",
    "unseen_worst_attribute": "worst attribute, unseen, %",
}
REGIMES = {
    "map": "BasicNet on frozen features",
    "attention": "AttentionNet on frozen feature maps",
    "fine_tuned": "Fine-tuned EfficientNet-Lite0, 160 px",
}
MAIN_LAMBDA = 60.0


def stored(folder: Path, dataset: str, name: str) -> pd.DataFrame | None:
    """A committed table below ``results/``, or None."""
    file = folder / dataset / f"{name}.csv"
    return pd.read_csv(file) if file.is_file() else None


def findings(folder: Path) -> pd.DataFrame:
    """The contrasts of the README's figure: over class splits, BasicNet on frozen features, lambda 60.

    Returns:
        The rows of :func:`zslcore.study.map_tables.paired_table` with the columns ``contrast`` and ``unit``.
    """
    parts = []
    for dataset in DATASETS:
        rows, vectors = stored(folder, dataset, "map"), stored(folder, dataset, "vectors")
        random = rows[(rows["class_split"] > 0) & rows["lam"].isin([0.0, MAIN_LAMBDA])]
        parts.append(map_differences(random, measures=["T1", "H", "seen_theil"]))
        parts.append(vector_differences(vectors[vectors["class_split"] > 0], measures=["T1", "H"]))
    table = pd.concat(parts, ignore_index=True)
    table["contrast"] = [_contrast(row) for row in table.itertuples()]
    table["unit"] = np.where(table["measure"] == "seen_theil", "% of the baseline", "points")
    return table


def _contrast(row: object) -> str:
    if row.method == "centred":
        return "centred − plain class vectors"
    return contrast_name(row.method, row.baseline)


def findings_figure(folder: Path) -> Figure:
    """What changes accuracy and evenness: differences over random class splits, by data set."""
    use_style()
    table = findings(folder)
    table["measure"] = table["measure"].replace({"seen_theil": "Theil index of the errors"})
    return contrasts(table)


def map_page(folder: Path) -> str:
    """Text of ``docs/map.md``."""
    lines = [
        "# The map of rebalancing",
        "",
        _paragraph(
            "ReMSE, MSE and ReMSE with permuted weights, at the same λ: the loss of ReMSE is divided by its "
            "amplification, so that all three have the same value in every batch. Then they differ only in the cells "
            "that the gradient comes from. λ = ∞ is regression without cross entropy. Numbers are read after the last "
            "epoch; γ comes from the last epoch of the validation split."
        ),
        "",
        _paragraph(
            "Each difference is paired: over random splits of the classes into seen and unseen ones, or, on the "
            "benchmark's own split, over seeds. Random splits ignore which classes ImageNet has. Brackets hold the "
            "95 % t-interval. **Bold** differences remain after Holm's correction over all comparisons of the table "
            "(p < 0.05). *Detectable* is the difference in T1 that the comparison finds with a probability of 80 %. "
            "Accuracies change by points, measures of the errors by percent of the baseline's value. "
            "`make figures` writes this page from the CSV files."
        ),
        "",
    ]
    for dataset in DATASETS:
        lines += [f"## {dataset}", ""]
        for name, title in REGIMES.items():
            rows = stored(folder, dataset, name)
            if rows is not None:
                lines += [f"### {title}", "", _origin(dataset, name, rows), "", _map_table(rows)]
        rows = stored(folder, dataset, "vectors")
        if rows is not None:
            lines += ["### Centred class vectors", "", _origin(dataset, "vectors", rows), "", _vector_table(rows)]
        rows = stored(folder, dataset, "audit")
        if rows is not None:
            lines += ["### The protocols, audited", "", _origin(dataset, "audit", rows), "", _audit(rows)]
    return "\n".join(lines).rstrip() + "\n"


def map_section(folder: Path, dataset: str) -> str:
    """Table of the map of a data set, BasicNet on frozen features, as Markdown."""
    rows = stored(folder, dataset, "map")
    if rows is None:
        return f"There is no committed map of {dataset}: `python -m zslcore.study.experiments {dataset} map` makes one."
    return f"{_origin(dataset, 'map', rows, link=False)}\n\n{_map_table(rows)}"


def audit_section(folder: Path, dataset: str) -> str:
    """The audit of the protocols on a data set, as Markdown."""
    rows = stored(folder, dataset, "audit")
    if rows is None:
        command = f"python -m zslcore.study.experiments {dataset} audit"
        return f"There is no committed audit of {dataset}: `{command}` makes one."
    return f"{_origin(dataset, 'audit', rows, link=False)}\n\n{_audit(rows)}"


def _paragraph(text: str) -> str:
    return textwrap.dedent(text)


def _origin(dataset: str, name: str, rows: pd.DataFrame, *, link: bool = True) -> str:
    """Command, file and machine of a table."""
    splits = rows.loc[rows["class_split"] > 0, "class_split"].nunique()
    option = f" --splits {splits}" if splits else ""
    machines = ", ".join(rows["device"].unique()) if "device" in rows else "AMD EPYC"
    table = f"[{name}.csv](../results/{dataset}/{name}.csv)" if link else f"`results/{dataset}/{name}.csv`"
    command, count = f"`python -m zslcore.study.experiments {dataset} {name}{option}`", rows["settings"].nunique()
    return f"{command}, {table}, {count} configs on {machines}."


def _map_table(rows: pd.DataFrame) -> str:
    table, lines = map_differences(rows, measures=SHOWN), []
    keys = ["vectors", "lam", "method", "baseline", "replicates"]
    for (_, lam, method, baseline, replicates), group in table.groupby(keys, sort=False):
        group = group.set_index("measure")
        cells = [_cell(group.loc[measure]) for measure in SHOWN]
        shown = "∞" if np.isinf(lam) else f"{lam:g}"
        lines.append(
            [contrast_name(method, baseline), shown, *cells, f"{group.loc['T1', 'detectable']:.2f}", replicates]
        )
    return markdown_table(["contrast", "λ", *HEADERS.values(), "detectable", "pairs"], lines)


def _vector_table(rows: pd.DataFrame) -> str:
    lines = [
        "Cross entropy alone, at the scale with the highest H on each split's validation classes. The grid of "
        "scales is the same for both.",
        "",
    ]
    table = vector_differences(rows)
    cells = []
    for (method, replicates), group in table.groupby(["method", "replicates"], sort=False):
        group = group.set_index("measure")
        detectable = f"{group.loc['T1', 'detectable']:.2f}"
        values = [_cell(group.loc[measure]) for measure in ("T1", "H", "AUSUC")]
        cells.append([f"{method} − plain", *values, detectable, replicates])
    lines.append(markdown_table(["contrast", "T1, points", "H, points", "AUSUC, points", "detectable", "pairs"], cells))
    lines += [*("At a fixed scale, mean T1 of both:", ""), _by_scale(rows)]
    return "\n".join(lines)


def _by_scale(rows: pd.DataFrame) -> str:
    means = rows.groupby(["scale", "vectors"])["T1"].mean().unstack()
    lines = [[f"{scale:g}", f"{row['normalised']:.1f}", f"{row['centred']:.1f}"] for scale, row in means.iterrows()]
    return markdown_table(["scale", "plain", "centred"], lines)


def _audit(rows: pd.DataFrame) -> str:
    parts = audit_parts(rows)
    text = (
        f"Choosing epoch and γ on the test images raises H by {parts['paper - clean']:.1f} points: "
        f"{parts['optimism']:.1f} are optimism (γ from one half of the test images, read on the other), "
        f"{parts['transfer']:.1f} a γ that does not transfer from the validation split, and {parts['epoch']:.1f} the "
        "epoch. The *bias* of an estimate is its mean difference from the H of halves of the images at the same epoch."
    ).replace("-", "−")
    lines = []
    for name, row in audit_table(rows).iterrows():
        gamma = "–" if np.isnan(row["gamma"]) else f"{row['gamma']:.2f}"
        values = [f"{row[column]:.1f}".replace("-", "−") for column in ("H", "bias", "spread", "error")]
        lines.append([name, *values, gamma, f"{row['trainings']:.0f}"])
    header = ["estimate", "H", "bias", "spread", "root mean square error", "mean γ", "trainings"]
    return f"{text}\n\n{markdown_table(header, lines)}"


def _cell(row: pd.Series) -> str:
    """A difference and its interval; bold if it remains after the correction."""
    numbers = [f"{value:.2f}".replace("-", "−") for value in (row["difference"], row["low"], row["high"])]
    mark = "**" if row["verdict"] in ("larger", "smaller") else ""
    return f"{mark}{numbers[0]}{mark} ({numbers[1]}\u00a0to\u00a0{numbers[2]})"


def sentence(row: pd.Series, digits: int = 2) -> str:
    """A difference as text: ``1.09 (0.76 to 1.43)``."""
    numbers = [f"{value:.{digits}f}".replace("-", "−") for value in (row["difference"], row["low"], row["high"])]
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]})"


def finding(folder: Path, dataset: str, method: str, measure: str) -> pd.Series:
    """The row of a finding of the README, by the method that is compared."""
    table = findings(folder)
    chosen = (table["dataset"] == dataset) & (table["method"] == method) & (table["measure"] == measure)
    return table[chosen].iloc[0]


def shown_in(text: str, folder: Path, method: str, measure: str, datasets: Sequence[str] = DATASETS) -> bool:
    """Whether a text holds the difference and interval of a finding for all data sets."""
    return all(sentence(finding(folder, dataset, method, measure)) in text for dataset in datasets)

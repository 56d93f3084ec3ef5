"""The page ``docs/results.md``, from the committed tables of all data sets."""

import pandas as pd

from zslcore.methods import display_name
from zslcore.plots.style import measure_name
from zslcore.study.checkout import root
from zslcore.study.pages.first_page import result_header, result_rows, single_runs
from zslcore.study.results.tables import PUBLISHED, higher_is_better, markdown_table

PAIRED = (
    "Clean protocol, paired over seeds, with 95 % intervals; accuracies in points. "
    "Bold: the interval does not contain zero."
)


def results_page() -> str:
    """Text of ``docs/results.md``: the tables of all data sets below ``results/``."""
    parts = [
        *("# Results", ""),
        "Accuracies in percent, mean ± standard deviation over the seeds. Use the results of the protocol `clean`: it "
        "measures accuracies after the last epoch, and γ is the mean of the best values on three folds of the seen "
        "classes. The protocol `paper` chooses epoch and γ on the test split, as the released code does. It is only "
        "for comparison with published tables. T1, U, S, H and AUSUC: see [Formulas](formulas.md). `make figures` "
        "writes this page from the CSV files.",
        "",
    ]
    for folder in sorted(path.parent for path in (root() / "results").glob("*/results.csv")):
        name = folder.name
        files = ", ".join(f"[{path.name}](../results/{name}/{path.name})" for path in sorted(folder.glob("*.csv")))
        parts += [f"## {name}", "", f"`make study DATASET={name} SEEDS=5`. Files: {files}.", ""]
        results = pd.read_csv(folder / "results.csv")
        for protocol in ("clean", "paper"):
            table = markdown_table(result_header(results), result_rows(results, protocol))
            parts += [f"Protocol `{protocol}`:", "", table]
        if sentence := single_runs(results):
            parts += [sentence.rstrip(), ""]
        parts += ["### ReMSE minus the other methods", "", PAIRED, ""]
        parts += [difference_table(pd.read_csv(folder / "differences.csv"))]
        if (folder / "losses_differences.csv").is_file():
            parts += ["### ReMSE minus the other losses", "", _lambdas(pd.read_csv(folder / "losses.csv")), ""]
            parts += [difference_table(pd.read_csv(folder / "losses_differences.csv"))]
        if (folder / "figures.csv").is_file():
            parts += ["### Figures", ""]
            for row in pd.read_csv(folder / "figures.csv").itertuples():
                parts += [f"![{row.caption}](../results/{name}/{row.name}.png)", "", f"*{row.caption}*", ""]
    published = [[str(value) for value in row] for row in PUBLISHED.itertuples(index=False)]
    parts += [
        *("## Published", ""),
        "These are the numbers of the paper (ResNet-101 fine-tuned at 448 px). They are not reproduced here, because "
        "that needs the full image sets and days on a GPU. CUB100 has cropped images of half of CUB's classes, and "
        "SYNTH is drawn, so neither can be compared with them.",
        "",
        markdown_table(list(PUBLISHED.columns), published),
    ]
    return "\n".join(parts).rstrip() + "\n"


def difference_table(differences: pd.DataFrame) -> str:
    """Paired differences as a Markdown table: a row per other method, a column per measure, bold where decided.

    Example:
        >>> row = {"measure": "T1", "against": "mse", "difference": 1.25, "low": -0.5, "high": 3.0}
        >>> print(difference_table(pd.DataFrame([row | {"verdict": "inconclusive"}])).splitlines()[-1])
        | + MSE | 1.25 (−0.50 to 3.00) |
    """
    measures = list(differences["measure"].unique())
    rows = []
    for against, found in differences.groupby("against", sort=False):
        cells = found.set_index("measure")
        row = [display_name(against)]
        for measure in measures:
            row.append(_cell(cells.loc[measure]) if measure in cells.index else "–")
        rows.append(row)
    return markdown_table(["against", *map(measure_name, measures)], rows)


def _cell(row: pd.Series) -> str:
    digits = 2 if higher_is_better(row.name) else 3
    text = f"{row['difference']:z.{digits}f}"
    if row["verdict"] in ("supported", "contradicted"):
        text = f"**{text}**"
    if not pd.isna(row["low"]):  # one seed has no interval
        text += f" ({row['low']:z.{digits}f}\u00a0to\u00a0{row['high']:z.{digits}f})"
    return text.replace("-", "−")


def _lambdas(losses: pd.DataFrame) -> str:
    values = losses.loc[losses["lam"] > 0, "lam"].unique()
    if len(values) == 1:
        return f"All losses have λ = {values[0]:g}. {PAIRED}"
    return f"The λ of each loss is chosen on folds of the seen classes. {PAIRED}"

"""The page ``docs/results.md``, from the committed tables of all data sets."""

import pandas as pd

from zslcore.methods import display_name
from zslcore.study.checkout import root
from zslcore.study.pages.first_page import result_header, result_rows, single_runs
from zslcore.study.results.tables import PUBLISHED, markdown_table

PAIRED = "Clean protocol, paired over seeds; accuracies in points."


def results_page() -> str:
    """Text of ``docs/results.md``: the tables of all data sets below ``results/``."""
    parts = [
        *("# Results", ""),
        "Accuracies in percent, mean ± standard deviation over the seeds. Only the `clean` protocol is a result: "
        "it reads the last epoch, with the mean of the γ that three folds of the seen classes choose. `paper` chooses "
        "epoch and γ on the test split, as the released code does, "
        "and serves to compare with published tables. T1, U, S, H and AUSUC: see [Formulas](formulas.md). "
        "`make figures` writes this page from the CSV files.",
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
        for table, title in (("losses_differences", "the other losses"), ("controls", "its controls")):
            if (folder / f"{table}.csv").is_file():
                parts += [f"### ReMSE minus {title}", "", _lambdas(pd.read_csv(folder / "losses.csv")), ""]
                parts += [difference_table(pd.read_csv(folder / f"{table}.csv"))]
        if (folder / "figures.csv").is_file():
            parts += ["### Figures", ""]
            for row in pd.read_csv(folder / "figures.csv").itertuples():
                parts += [f"![{row.caption}](../results/{name}/{row.name}.png)", "", f"*{row.caption}*", ""]
    published = [[str(value) for value in row] for row in PUBLISHED.itertuples(index=False)]
    parts += [
        *("## Published", ""),
        "The numbers of the paper (ResNet-101 fine-tuned at 448 px). They are not reproduced here: that needs the full "
        "image sets and GPU days. CUB100 has half of CUB's classes as crops and SYNTH is drawn, so neither compares "
        "with them.",
        "",
        markdown_table(list(PUBLISHED.columns), published),
    ]
    return "\n".join(parts).rstrip() + "\n"


def difference_table(differences: pd.DataFrame) -> str:
    """Paired differences of ReMSE and the other methods as a Markdown table."""
    rows = []
    for row in differences.itertuples():
        digits = 4 if row.measure == "test_seen_theil" else 2
        values = [f"{value:.{digits}f}".replace("-", "−") for value in (row.difference, row.low, row.high)]
        name = {"test_seen_theil": "Theil index, seen"}.get(row.measure, row.measure)
        rows.append([name, display_name(row.against), values[0], f"{values[1]} to {values[2]}"])
    return markdown_table(["measure", "against", "difference", "95 % interval"], rows)


def _lambdas(losses: pd.DataFrame) -> str:
    values = losses.loc[losses["lam"] > 0, "lam"].unique()
    if len(values) == 1:
        return f"All losses have λ = {values[0]:g}. {PAIRED}"
    return f"λ of each loss chosen on folds of the seen classes. {PAIRED}"

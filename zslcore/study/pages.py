"""What ``make figures`` writes from committed tables: pages of ``docs/``, ``CLAIMS.md``, and the README's figure."""

from pathlib import Path

import pandas as pd

from zslcore._io.writing import new_file
from zslcore.backbone import BACKBONES, FILE_FEATURES
from zslcore.config import setting_table
from zslcore.methods import display_name
from zslcore.study import regression
from zslcore.study.claims_page import claims_page
from zslcore.study.figure_files import save_figure
from zslcore.study.first_page import result_header, result_rows, single_runs
from zslcore.study.map_pages import findings_figure, map_page
from zslcore.study.notebook_runner import notebooks_root
from zslcore.study.tables import PUBLISHED, markdown_table

PAIRED = "Clean protocol, paired over seeds; accuracies in points."


def root() -> Path:
    """The checkout that holds the notebooks, ``docs/`` and ``results/``."""
    return notebooks_root().parent


def readme_figure(folder: Path | None = None) -> Path:
    """Draw the figure of the README from the committed tables, into ``results/`` by default; return the PNG's path."""
    stored = root() / "results"
    text = (
        "What changes accuracy and evenness: paired differences over random class splits, 95 % intervals. BasicNet on "
        "frozen features; regression losses at λ = 60; each kind of class vectors at its tuned scale."
    )
    return save_figure(findings_figure(stored), folder or stored, "findings", "make figures", caption=text)[0]


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


def options_page() -> str:
    """Text of ``docs/options.md``, with the table of settings; features imported into the cache are left out."""
    text = (root() / "docs" / "options.md").read_text(encoding="utf-8")
    start, end = text.index("| setting |"), text.index("\n## Every option")
    rows = []
    for name, default, allowed, meaning in setting_table():
        if name == "backbone":
            allowed = f"one of {', '.join([*BACKBONES, FILE_FEATURES])}"
        rows.append([f"`{name}`", f"`{default}`", allowed, meaning])
    return text[:start] + markdown_table(["setting", "default", "allowed", "meaning"], rows) + text[end:]


def other_models_page() -> str:
    """Text of ``docs/other_models.md``, with the tables of ``results/regression/errors.csv`` as its last sections."""
    text = (root() / "docs" / "other_models.md").read_text(encoding="utf-8")
    errors = pd.read_csv(root() / "results" / "regression" / "errors.csv")
    found = regression.changes(errors).set_index(["dataset", "model", "method", "measure"])
    parts = [text[: text.index("\n### ")]]
    for dataset, title in regression.DATASETS.items():
        rows = []
        for model, name in regression.MODELS.items():
            chosen = errors[(errors["dataset"] == dataset) & (errors["model"] == model)]
            means = chosen[chosen["method"] == "MSE"][list(regression.MEASURES)].mean()
            rows.append([name, "MSE", *(f"{value:#.3g}" for value in means)])
            for method in chosen["method"].unique()[1:]:
                values = [_change(found.loc[(dataset, model, method, measure)]) for measure in regression.MEASURES]
                rows.append([name, method, *values])
        parts.append(f"### {title}\n\n{markdown_table(['model', 'loss', *regression.MEASURES.values()], rows)}")
    return "\n".join(parts)


def _change(row: pd.Series) -> str:
    """A change in percent and its interval: ``**−7.4** (−10.1 to −4.6)``; bold if the interval excludes 0."""
    change, low, high = (f"{value:+.1f}".replace("-", "−") for value in (row["change"], row["low"], row["high"]))
    mark = "" if row["low"] <= 0 <= row["high"] else "**"
    return f"{mark}{change}{mark} ({low}\u00a0to\u00a0{high})"


def main() -> None:
    """Write what README and docs show of the committed results and of the settings: ``make figures``."""
    print(readme_figure())
    pages = {
        "docs/options.md": options_page(),
        "docs/results.md": results_page(),
        "CLAIMS.md": claims_page(root() / "results"),
        "docs/map.md": map_page(root() / "results"),
        "docs/other_models.md": other_models_page(),
    }
    for name, page in pages.items():
        with new_file(root() / name) as partial:
            partial.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

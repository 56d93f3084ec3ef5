"""Pages that are generated from tables: the book's first page, tables of ``docs/``, the README's figure."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from zslcore._io.writing import new_file
from zslcore.backbone import BACKBONES, FILE_FEATURES
from zslcore.config import setting_table
from zslcore.methods import BASELINES, display_name
from zslcore.plots import paired_differences, use_style
from zslcore.study import regression
from zslcore.study.claims_page import claims_page
from zslcore.study.figure_files import save_figure
from zslcore.study.map_pages import findings_figure, map_page
from zslcore.study.notebook_runner import notebooks_root
from zslcore.study.tables import PUBLISHED, absence_sentence, as_table, markdown_table, reported

MEASURES = ("T1", "H", "test_seen_theil")
FIGURE = "paired_differences"
REFERENCE = ("results", "map", "other_models", "formulas", "options", "data", "own_data", "command_line", "cluster")
PAIRED = "Clean protocol, paired over seeds; accuracies in points."


def root() -> Path:
    """The checkout that holds the notebooks, ``docs/`` and ``results/``."""
    return notebooks_root().parent


def first_page(
    results: pd.DataFrame,
    differences: pd.DataFrame,
    earlier: pd.DataFrame,
    *,
    committed: Sequence[str],
    commit: str,
    day: str,
) -> str:
    """Markdown of the first page.

    Args:
        results: one row per run and protocol.
        differences: paired differences of ReMSE and the other methods.
        earlier: the committed results of the same data set, shown beside the run's; or the run's own.
        committed: notebooks that were not run again.
        commit: the commit of the code.
        day: when the results were written.
    """
    first, dataset = results.iloc[0], results["dataset"].iloc[0]
    seeds = sorted(results["seed"].unique())
    origin = [
        ["command", f"`make study DATASET={dataset} SEEDS={len(seeds)}`"],
        ["commit", f"`{commit}`"],
        ["date", day],
        ["machine", f"{first['device']}, torch {first['torch']}"],
        ["seeds", ", ".join(map(str, seeds))],
        ["backbone", f"{first['backbone']}, network {first['network']}"],
        ["data fingerprint", f"`{first['fingerprint']}`"],
        ["tables", "[results.csv](run/results.csv), [differences.csv](run/differences.csv)"],
    ]
    lines = [
        f"# Does ReMSE help? The study on {dataset}",
        *("", *answer(differences), ""),
        markdown_table(_header(results), clean_rows(results, earlier)),
        "Clean protocol: accuracies in percent, mean ± standard deviation over the seeds, after the last epoch. γ was "
        f"chosen on folds of the seen classes. {_with_blank(absence_sentence(results))}{single_runs(results)}"
        "Full tables: [Results](docs/results.md). Formulas: [Formulas](docs/formulas.md).",
        *("", f"![{caption([dataset])}](run/{FIGURE}.png)", "", f"*{caption([dataset])}*", ""),
        *("## How this was made", "", markdown_table(["what", "value"], origin)),
    ]
    if committed:
        names = ", ".join(committed)
        lines += [f"These notebooks were not run again; the book shows their committed runs: {names}.", ""]
    reference = [f"docs/{name}" for name in REFERENCE]
    lines += _toctree("The study", [f"notebooks/{path.stem}" for path in sorted(notebooks_root().glob("*.ipynb"))])
    lines += _toctree("Reference", ["CLAIMS", *reference, "CONTRIBUTING", "CHANGELOG"])
    return "\n".join(lines)


def _toctree(caption: str, pages: Iterable[str]) -> list[str]:
    return ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]


def answer(differences: pd.DataFrame) -> list[str]:
    """The study's question answered in words: ReMSE against the MSE of the same effective λ, where it was run.

    Example:
        >>> rows = [("T1", "mse", 1, -1, 3), ("H", "mse", 2, 1, 3), ("test_seen_theil", "mse", -1, -2, -0.5)]
        >>> answer(pd.DataFrame(rows, columns=["measure", "against", "difference", "low", "high"]))[0]
        '**ReMSE has a higher H than an MSE with the same λ. Its errors are more even.**'
    """
    baseline, words = "mse", "an MSE with the same λ"
    if "mse_matched" in set(differences["against"]):
        baseline, words = "mse_matched", "an MSE with the same effective λ"
    frame = differences[differences["against"] == baseline].set_index("measure")
    shown = {name: _direction(frame.loc[name]) for name in MEASURES if name in frame.index}
    accuracies = [name for name in ("T1", "H") if name in shown]
    found = [f"a {shown[name]} {name}" for name in accuracies if shown[name]]
    accuracy = f"No difference in accuracy is shown between ReMSE and {words}."
    if found:
        accuracy = f"ReMSE has {' and '.join(found)} than {words}."
    evenness = {"lower": " Its errors are more even.", "higher": " Its errors are less even.", "": ""}
    lines = [f"**{accuracy}{evenness[shown.get('test_seen_theil', '')]}**", ""]
    for name in accuracies:
        verdict = f"ReMSE is {shown[name]}" if shown[name] else _undecided(frame.loc[name])
        lines.append(f"- {name} changes by {spoken(frame.loc[name], 2, unit=' points')}: {verdict}.")
    if "test_seen_theil" not in shown:
        return lines
    row = frame.loc["test_seen_theil"]
    verdict = {"lower": "more even", "higher": "less even", "": _undecided(row)}[shown["test_seen_theil"]]
    theil = spoken(row, 3)
    return [*lines, f"- The Theil index of the errors on seen classes changes by {theil}: {verdict}."]


def _direction(row: pd.Series) -> str:
    return "higher" if row["low"] > 0 else "lower" if row["high"] < 0 else ""


def _undecided(row: pd.Series) -> str:
    return "not testable" if pd.isna(row["low"]) else "inconclusive"


def spoken(row: pd.Series, digits: int, *, sign: int = 1, unit: str = "") -> str:
    """A difference and its 95 % interval: ``−0.024 (95 % interval −0.031 to −0.017)``; ``sign=-1`` for a fall.

    A single seed has no interval.
    """
    low, high = sorted((sign * row["low"], sign * row["high"]))
    interval = "one seed, no interval" if pd.isna(low) else f"95 % interval {low:.{digits}f} to {high:.{digits}f}"
    text = f"{sign * row['difference']:.{digits}f}{unit} ({interval})"
    return text.replace("-", "−")


def single_runs(results: pd.DataFrame) -> str:
    """Why some methods have one run, as a sentence with a blank after it; empty if results have no such method.

    Example:
        >>> single_runs(pd.DataFrame({"method": ["mse", "eszsl"]}))
        'ESZSL: solved in closed form, so one run without a spread. '
    """
    names = [display_name(key) for key in BASELINES if key in set(results["method"])]
    return f"{' and '.join(names)}: solved in closed form, so one run without a spread. " if names else ""


def clean_rows(results: pd.DataFrame, earlier: pd.DataFrame | None = None) -> list[list[str]]:
    """Rows of the clean table; a method with another number of committed runs has a second row for them."""
    rows = _rows(results, "clean")
    stored = {} if earlier is None else {row[0]: row for row in _rows(earlier, "clean")}
    paired = []
    for row in rows:
        paired.append(row)
        if row[0] in stored and stored[row[0]][-1] != row[-1]:
            paired.append(["(committed)", *stored[row[0]][1:]])
    return paired


def _with_blank(sentence: str) -> str:
    return f"{sentence} " if sentence else ""


def _header(results: pd.DataFrame) -> list[str]:
    return ["method", "λ", *reported(results), "runs"]


def _rows(results: pd.DataFrame, protocol: str) -> list[list[str]]:
    table = as_table(results[results["protocol"] == protocol])
    lam = ["–" if value == 0 else f"{value:g}" for value in table["lam"]]
    values = [table[name].str.replace(" ", "\u00a0") for name in reported(results)]  # "61.2 ± 1.1" stays on one line
    columns = [table["method"].map(display_name), lam, *values, table["runs"].map(str)]
    return [list(row) for row in zip(*columns)]


def difference_table(differences: pd.DataFrame) -> str:
    """Paired differences of ReMSE and the other methods as a Markdown table."""
    rows = []
    for row in differences.itertuples():
        digits = 4 if row.measure == "test_seen_theil" else 2
        values = [f"{value:.{digits}f}".replace("-", "−") for value in (row.difference, row.low, row.high)]
        name = {"test_seen_theil": "Theil index, seen"}.get(row.measure, row.measure)
        rows.append([name, display_name(row.against), values[0], f"{values[1]} to {values[2]}"])
    return markdown_table(["measure", "against", "difference", "95 % interval"], rows)


def differences_figure(differences: dict[str, pd.DataFrame]) -> Figure:
    """ReMSE minus each other method: mean paired differences and their 95 % intervals, by data set."""
    use_style()
    frames = [frame[frame["measure"].isin(MEASURES)].assign(dataset=name) for name, frame in differences.items()]
    return paired_differences(pd.concat(frames), method="remse")


def caption(datasets: Sequence[str]) -> str:
    """Caption of the figure of paired differences."""
    return f"ReMSE minus each other method on {' and '.join(datasets)}: paired differences over seeds, 95 % intervals."


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
            table = markdown_table(_header(results), _rows(results, protocol))
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

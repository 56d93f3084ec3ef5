"""The first page of a book: the study's question answered in words, the table of the run, and its origin."""

from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.figure import Figure

from zslcore.methods import BASELINES, display_name
from zslcore.plots import paired_differences, use_style
from zslcore.study.checkout import notebooks_root
from zslcore.study.results.tables import absence_sentence, as_table, markdown_table, reported

MEASURES = ("T1", "H", "test_seen_theil")
FIGURE = "paired_differences"
REFERENCE = (
    "results",
    "map",
    "other_models",
    "formulas",
    "options",
    "data",
    "data_variants",
    "own_data",
    "command_line",
    "cluster",
)


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
        markdown_table(result_header(results), clean_rows(results, earlier)),
        "Clean protocol: accuracies in percent, mean ± standard deviation over the seeds, after the last epoch. γ was "
        f"chosen on folds of the seen classes. {_with_blank(absence_sentence(results))}{single_runs(results)}"
        "Full tables: [Results](docs/results.md). Formulas: [Formulas](docs/formulas.md).",
        *("", f"![{caption([dataset])}](run/{FIGURE}.png)", "", f"*{caption([dataset])}*", ""),
        *("## How this was made", "", markdown_table(["what", "value"], origin)),
    ]
    if committed:
        names = ", ".join(committed)
        lines += [f"These notebooks were not run again. The book shows their committed runs: {names}.", ""]
    reference = [f"docs/{name}" for name in REFERENCE]
    lines += _toctree("The study", [f"notebooks/{path.stem}" for path in sorted(notebooks_root().glob("*.ipynb"))])
    lines += _toctree("Reference", ["CLAIMS", *reference, "CONTRIBUTING", "CHANGELOG"])
    return "\n".join(lines)


def _toctree(caption: str, pages: Iterable[str]) -> list[str]:
    return ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]


def answer(differences: pd.DataFrame) -> list[str]:
    """The study's question answered in words: ReMSE against the MSE of the same effective λ, if it was run.

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
    accuracy = f"No significant difference in accuracy was found between ReMSE and {words}."
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
    if pd.isna(row["low"]):
        return "not testable"
    return "equal in every seed" if row["low"] == row["high"] else "inconclusive"


def spoken(row: pd.Series, digits: int, *, unit: str = "") -> str:
    """A difference and its 95 % interval: ``−0.024 (95 % interval −0.031 to −0.017)``.

    A single seed has no interval.
    """
    low, high = row["low"], row["high"]
    interval = "one seed, no interval" if pd.isna(low) else f"95 % interval {low:z.{digits}f} to {high:z.{digits}f}"
    text = f"{row['difference']:z.{digits}f}{unit} ({interval})"
    return text.replace("-", "−")


def single_runs(results: pd.DataFrame) -> str:
    """Why some methods have one run, as a sentence and a blank; empty if the results have no such method.

    Example:
        >>> single_runs(pd.DataFrame({"method": ["mse", "eszsl"]}))
        'Solved in closed form, so one run and no spread: ESZSL. '
    """
    names = [display_name(key) for key in BASELINES if key in set(results["method"])]
    return f"Solved in closed form, so one run and no spread: {' and '.join(names)}. " if names else ""


def clean_rows(results: pd.DataFrame, earlier: pd.DataFrame | None = None) -> list[list[str]]:
    """Rows of the clean table; a method with another number of committed runs has a second row for them."""
    rows = result_rows(results, "clean")
    stored = {} if earlier is None else {row[0]: row for row in result_rows(earlier, "clean")}
    paired = []
    for row in rows:
        paired.append(row)
        if row[0] in stored and stored[row[0]][-1] != row[-1]:
            paired.append(["(committed)", *stored[row[0]][1:]])
    return paired


def _with_blank(sentence: str) -> str:
    return f"{sentence} " if sentence else ""


def result_header(results: pd.DataFrame) -> list[str]:
    """Column names of :func:`result_rows`."""
    return ["method", "λ", *reported(results), "runs"]


def result_rows(results: pd.DataFrame, protocol: str) -> list[list[str]]:
    """A row for each method of a protocol: name, lambda, accuracies that are reported, number of runs."""
    table = as_table(results[results["protocol"] == protocol])
    lam = ["–" if value == 0 else f"{value:g}" for value in table["lam"]]
    values = [table[name].str.replace(" ", "\u00a0") for name in reported(results)]  # "61.2 ± 1.1" stays on one line
    columns = [table["method"].map(display_name), lam, *values, table["runs"].map(str)]
    return [list(row) for row in zip(*columns)]


def differences_figure(differences: dict[str, pd.DataFrame]) -> Figure:
    """ReMSE minus each other method: mean paired differences and their 95 % intervals, by data set."""
    use_style()
    frames = [frame[frame["measure"].isin(MEASURES)].assign(series=name) for name, frame in differences.items()]
    return paired_differences(pd.concat(frames), method="remse")


def caption(datasets: Sequence[str]) -> str:
    """Caption of the figure of paired differences."""
    return f"ReMSE minus each other method on {' and '.join(datasets)}: paired differences over seeds, 95 % intervals."

"""Tables of results: one row per run and protocol -> mean and spread over seeds.

Accuracies are in percent here, as in published tables; run folders hold them as shares in [0, 1]. Frames hold the keys
of methods and measures; :func:`readable` replaces them by display names.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from zslcore.plots.style import measure_name
from zslcore.study.results.collecting import ACCURACIES, collect, find_runs, method_key
from zslcore.study.results.comparisons import (
    check_seeds,
    compare,
    comparison_claim,
    higher_is_better,
    paired_differences,
)

__all__ = [
    "ACCURACIES",
    "KEYS",
    "PUBLISHED",
    "absence_sentence",
    "as_table",
    "choose_lambda",
    "collect",
    "compare",
    "comparison_claim",
    "find_runs",
    "higher_is_better",
    "markdown_table",
    "method_key",
    "paired_differences",
    "readable",
    "reported",
    "summarise",
]

KEYS = ["dataset", "backbone", "network", "method", "protocol"]

# Ye et al., "Rebalanced Zero-shot Learning", IEEE TIP 2023: ResNet-101 fine-tuned at 448 px, AttentionNet + ReMSE
PUBLISHED = pd.DataFrame(
    [("CUB", 80.9, 72.8, 74.8, 73.8), ("AWA2", 70.9, 63.8, 85.6, 73.1), ("SUN", 63.2, 47.4, 34.8, 40.1)],
    columns=["dataset", "T1", "U", "S", "H"],
)


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace the keys of methods and measures by their display names, in columns, index and method columns.

    Example:
        >>> readable(pd.DataFrame({"method": ["mse"], "lam": [1.0]})).to_dict("records")
        [{'method': '+ MSE', 'λ': 1.0}]
    """
    frame = frame.rename(columns=_shown, index=_shown)
    for column in ("method", "against", "measure"):
        if column in frame:
            frame[column] = frame[column].map(_shown)
    return frame


def _shown(key: object) -> object:
    return measure_name(key) if isinstance(key, str) else key


def choose_lambda(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep, for each method, the rows of the lambda with the highest mean ``validation_H``; the smallest of equals.

    ``frame`` holds one data set. No test accuracy is used.

    Example:
        >>> rows = [("a", 1.0, 60.0), ("a", 10.0, 62.0), ("b", 1.0, 61.0)]
        >>> choose_lambda(pd.DataFrame(rows, columns=["method", "lam", "validation_H"]))["lam"].tolist()
        [10.0, 1.0]
    """
    means = frame.groupby(["method", "lam"])["validation_H"].mean()
    best = means.groupby("method").idxmax()
    return frame[[pair in set(best) for pair in zip(frame["method"], frame["lam"])]]


def reported(frame: pd.DataFrame, values: Iterable[str] = ACCURACIES) -> list[str]:
    """The values that some row of a frame has a number for.

    Example:
        >>> reported(pd.DataFrame({"T1": [60.0], "H": [float("nan")]}), ["T1", "H"])
        ['T1']
    """
    return [value for value in values if frame[value].notna().any()]


def absence_sentence(frame: pd.DataFrame) -> str:
    """Why a frame of one data set reports T1 alone; empty if it reports more.

    Example:
        >>> row = {"dataset": "MINE", "T1": 60.0} | dict.fromkeys(["U", "S", "H", "AUSUC"], float("nan"))
        >>> absence_sentence(pd.DataFrame([row]))
        'MINE has no test images of seen classes (test_seen_loc), so T1 is reported, and no U, S, H or AUSUC.'
    """
    if reported(frame) != ["T1"]:
        return ""
    reason = f"{frame['dataset'].iloc[0]} has no test images of seen classes (test_seen_loc)"
    return f"{reason}, so T1 is reported, and no U, S, H or AUSUC."


def summarise(frame: pd.DataFrame, values: Iterable[str] = ACCURACIES) -> pd.DataFrame:
    """Mean, standard deviation (n - 1; NaN for one run) and number of runs, per data set, method, lambda and protocol.

    Returns:
        Columns are pairs (value, "mean" | "std"), and ("runs", "").

    Raises:
        InputError: if two runs of a group have the same seed: they differ in a setting that is not grouped by.

    Example:
        >>> frame = pd.DataFrame({key: ["x", "x"] for key in KEYS} | {"lam": [1.0, 1.0], "H": [60.0, 62.0]})
        >>> summarise(frame, ["H"])["H"].round(3).to_dict("records")
        [{'mean': 61.0, 'std': 1.414}]
    """
    check_seeds(frame, [*KEYS, "lam"])
    groups = frame.groupby([*KEYS, "lam"], sort=False)
    summary = groups[list(values)].agg(["mean", "std"])
    summary["runs", ""] = groups.size()
    return summary


def as_table(frame: pd.DataFrame, values: Iterable[str] = ACCURACIES) -> pd.DataFrame:
    """Format ``mean ± standard deviation`` over the seeds with one decimal; one row per method and protocol.

    A value that no row has a number for has no column.

    Example:
        >>> frame = pd.DataFrame({key: ["x", "x"] for key in KEYS} | {"lam": [1.0, 1.0], "H": [60.0, 62.0]})
        >>> as_table(frame, ["H"])["H"].item()
        '61.0 ± 1.4'
    """
    values = reported(frame, values)
    summary = summarise(frame, values)
    table = pd.DataFrame(index=summary.index)
    for value in values:
        spread = summary[value, "std"].map(lambda number: "" if pd.isna(number) else f" ± {number:.1f}")
        mean = summary[value, "mean"].map(lambda number: "–" if pd.isna(number) else f"{number:.1f}")
        table[value] = mean + spread
    table["runs"] = summary["runs", ""]
    return table.reset_index()


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that ends with a line break."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

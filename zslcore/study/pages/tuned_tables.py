"""The section of ``docs/map.md`` on equal tuning budgets, from ``results/DATASET/tuned.csv``."""

from collections.abc import Sequence

import pandas as pd

from zslcore.methods import display_name
from zslcore.study.experiments.tuning import LAMS, RATES, SCALES
from zslcore.study.pages.map_sections import ACCURACIES, contrast_table, replication
from zslcore.study.pages.map_tables import compared, gamma_source, judged
from zslcore.study.results.tables import markdown_table

CONTRASTS = (("centred", "cross_entropy"), ("mse", "cross_entropy"), ("remse", "cross_entropy"), ("remse", "mse"))
NAMES = {"centred": "cross entropy, centred"}
GRIDS = {"scale": SCALES, "lr": RATES, "lam": LAMS}


def chosen_trials(rows: pd.DataFrame) -> pd.DataFrame:
    """The trial of each method and class split with the highest H on the validation classes.

    Args:
        rows: rows of :func:`zslcore.study.experiments.tuning.tuned_row` of one data set.

    Returns:
        One row per method and class split. ``method`` is ``centred`` for cross entropy on centred class vectors, and
        ``seed`` is the number of the split, by which methods are paired.

    Example:
        >>> rows = pd.DataFrame({"method": "mse", "vectors": "normalised", "class_split": 1, "lr": [0.01, 0.03]})
        >>> chosen_trials(rows.assign(validation_H=[60.0, 61.0]))["lr"].tolist()
        [0.03]
    """
    rows = rows.assign(method=rows["method"].mask(rows["vectors"] == "centred", "centred"), seed=rows["class_split"])
    best = rows.groupby(["class_split", "method"], sort=False)["validation_H"].idxmax()
    return rows.loc[best].reset_index(drop=True)


def tuned_differences(rows: pd.DataFrame, *, measures: Sequence[str] = ACCURACIES) -> pd.DataFrame:
    """Compare the chosen trials of the methods over class splits.

    Returns:
        As :func:`zslcore.study.pages.map_tables.map_differences`.
    """
    chosen = chosen_trials(rows)
    found = [compared(chosen, method, baseline, measures, "class splits") for method, baseline in CONTRASTS]
    return judged(pd.concat(found, ignore_index=True))


def tuned_text(rows: pd.DataFrame) -> str:
    """The chosen trials of each method, and the differences between the methods."""
    chosen, lines = chosen_trials(rows), []
    trials = len(rows) // len(chosen)
    for method, found in chosen.groupby("method", sort=False):
        values = [_counts(found[name]) if name != "lam" or found[name].any() else "–" for name in GRIDS]
        accuracies = [f"{found[measure].mean():.1f}" for measure in ("T1", "H")]
        lines.append([NAMES.get(method, display_name(method)), *accuracies, *values])
    grids = [", ".join(f"{value:g}" for value in grid) for grid in GRIDS.values()]
    text = (
        f"Each method has {trials} trials on each split. The scale is one of {grids[0]}, and the learning rate one of "
        f"{grids[1]}. For a method with a regression loss, λ is one of {grids[2]}. The trial with the highest H on "
        f"{gamma_source(rows)} is chosen. The table shows mean accuracies, and how often each value was chosen. If the "
        "first or last value of a grid was chosen often, a value outside the grid may be better."
    )
    table = markdown_table(["method", "T1", "H", "scale", "learning rate", "λ"], lines)
    differences = tuned_differences(rows)
    return f"{text}\n\n{table}\n{replication(differences)}:\n\n{contrast_table(differences, ACCURACIES)}"


def _counts(values: pd.Series) -> str:
    """How often each value occurs: ``10 (3), 20 (7)``."""
    return ", ".join(f"{value:g} ({count})" for value, count in values.value_counts().sort_index().items())

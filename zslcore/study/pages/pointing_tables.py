"""The section of ``docs/map.md`` on attention to the parts, from ``results/DATASET/pointing.csv``."""

import pandas as pd

from zslcore.methods import display_name
from zslcore.plots import measure_name
from zslcore.study.pages.map_sections import contrast_table, replication, sentence
from zslcore.study.pages.map_tables import compared, judged
from zslcore.study.results.tables import markdown_table

CONTRASTS = (("cross_entropy", "untrained"), ("mse", "cross_entropy"), ("remse", "mse"))


def pointing_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over the attribute groups of rows of :func:`zslcore.study.experiments.pointing.pointing_rows`, in percent.

    Returns:
        A row for each ``method`` and ``seed``, with ``seen_pointing``, ``unseen_pointing``, ``seen_energy`` and
        ``unseen_energy``. The methods ``chance`` and ``untrained`` are those beside the rows of cross entropy, which
        has the same initial weights as the others.

    Example:
        >>> rows = pd.DataFrame({"method": "cross_entropy", "seed": 0, "split": "seen"}, index=[0, 1])
        >>> rows[["pointing", "untrained_pointing", "chance_pointing"]] = [(0.5, 0.2, 0.1), (0.7, 0.2, 0.1)]
        >>> rows[["energy", "untrained_energy", "chance_energy"]] = 0.04
        >>> pointing_scores(rows).round(1).values.tolist()
        [['chance', 0, 10.0, 4.0], ['untrained', 0, 20.0, 4.0], ['cross_entropy', 0, 60.0, 4.0]]
    """
    found = []
    for name in ("chance", "untrained", *rows["method"].unique()):
        beside = name in ("chance", "untrained")
        chosen = rows[rows["method"] == ("cross_entropy" if beside else name)]
        columns = {f"{name}_{measure}" if beside else measure: measure for measure in ("pointing", "energy")}
        means = 100 * chosen.groupby(["seed", "split"])[list(columns)].mean().rename(columns=columns).unstack()
        means.columns = [f"{split}_{measure}" for measure, split in means.columns]
        found.append(means.reset_index().assign(method=name))
    table = pd.concat(found, ignore_index=True)
    return table[["method", *table.columns.drop("method")]]


def pointing_differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare the :func:`pointing_scores` of cross entropy with the untrained network, and MSE and ReMSE in turn.

    Returns:
        As :func:`zslcore.study.pages.map_tables.map_differences`, in points; seeds are paired.
    """
    scores, found = pointing_scores(rows), []
    measures = [f"{split}_{measure}" for measure in ("pointing", "energy") for split in ("seen", "unseen")]
    for method, baseline in CONTRASTS:
        found.append(compared(scores, method, baseline, measures, "seeds"))
    return judged(pd.concat(found, ignore_index=True))


def pointing_sentence(rows: pd.DataFrame) -> str:
    """Sentences: how often attention peaks on the parts, and whether ReMSE and the MSE differ in this."""
    mean, table = pointing_scores(rows).groupby("method")["unseen_pointing"].mean(), pointing_differences(rows)
    values = {name: f"{mean[name]:.0f} %" for name in mean.index}
    chosen = (table["method"] == "remse") & (table["measure"] == "unseen_pointing")
    row = table[chosen].iloc[0]
    outcome = {"supported": "an improvement", "contradicted": "a loss"}.get(row["verdict"], "no significant difference")
    groups = rows[rows["split"] == "unseen"].groupby("group", sort=False)[["pointing", "chance_pointing"]].mean()
    missed = groups.index[groups["pointing"] < groups["chance_pointing"]]
    return (
        f"**On test images of unseen classes, attention peaks on the part in {values['cross_entropy']} of the cases "
        f"with cross entropy, {values['mse']} with MSE and {values['remse']} with ReMSE, against {values['untrained']} "
        f"before training and {values['chance']} by chance. ReMSE differs from MSE by {sentence(row)} points: "
        f"{outcome}.** Groups below chance, on average over the three losses: {', '.join(missed) or 'none'}."
    )


def pointing_table(rows: pd.DataFrame) -> str:
    """The measures of each network and by chance, and their differences."""
    scores, table = pointing_scores(rows), pointing_differences(rows)
    measures, measured = list(table["measure"].unique()), rows[rows["images"] > 0]
    lines = []
    for name, part in scores.groupby("method", sort=False):
        lines.append([display_name(name).removeprefix("+ "), *(f"{part[measure].mean():.1f}" for measure in measures)])
    header = ["network", *(f"{measure_name(measure)}, %" for measure in measures)]
    epochs, seeds = rows["epochs"].iloc[0], rows["seed"].nunique()
    return (
        f"AttentionNet on frozen feature maps after {epochs} epochs, λ = {rows['lam'].max():g}. Means over "
        f"{measured['group'].nunique()} attribute groups that belong to parts, and over {seeds} seeds. *Pointing "
        "accuracy* is the share of images in which the peak of an attribute's attention lies on a part of its group. "
        "*Energy inside* is the share of the attention inside the boxes of these parts. On photographs, a box is a "
        "quarter as wide and as high as the bird, as in the released code of APN.\n\n"
        f"{markdown_table(header, lines)}\n{replication(table)}:\n\n{contrast_table(table, measures)}"
    )

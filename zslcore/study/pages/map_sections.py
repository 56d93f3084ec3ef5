"""Sentences and Markdown tables of each section of ``docs/map.md``."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from zslcore.analysis import t_interval
from zslcore.plots import measure_name
from zslcore.study.pages.map_tables import (
    contrast_name,
    gamma_source,
    image_differences,
    map_differences,
    vector_differences,
)
from zslcore.study.results.tables import higher_is_better, markdown_table

ACCURACIES = ("T1", "H", "AUSUC")
ERRORS = ("seen_theil", "unseen_p99", "unseen_worst_attribute")
PRECISIONS = ("unseen_precision", "unseen_rare_precision", "unseen_common_precision")
IMAGE_MEASURES = (*PRECISIONS, "labelled_T1", "seen_image_theil")
TARGETS = {"classes": "class vectors", "images": "image labels", "both": "–"}
MAIN_LAMBDA = 60.0


def sentence(row: pd.Series) -> str:
    """A difference and its interval as text: ``1.09 (0.76 to 1.43)``."""
    difference, low, high = _numbers(row)
    return f"{difference} ({low} to {high})"


def map_sentence(rows: pd.DataFrame) -> str:
    """A sentence: the lambdas at which ReMSE and the MSE differ in evenness or T1, over random splits if possible."""
    table = map_differences(rows, measures=["T1", "seen_theil"])
    remse = table[(table["method"] == "remse") & (table["replicates"] == table["replicates"].iloc[0])]
    evenness = _shown(remse[remse["measure"] == "seen_theil"], "more even", "less even")
    accuracy = _shown(remse[remse["measure"] == "T1"], "higher", "lower")
    return f"**Compared with the MSE, ReMSE's errors on seen classes are {evenness}. Its T1 is {accuracy}.**"


def repetition_sentence(rows: pd.DataFrame, earlier: pd.DataFrame, file: str) -> str:
    """How much an earlier training of the same configs differs; ``file`` is its table.

    Neither of the two trainings used deterministic algorithms.
    """
    both = rows.merge(earlier, on="settings", suffixes=("", "_earlier"))
    distance = (both["T1"] - both["T1_earlier"]).abs()
    table = map_differences(earlier, measures=["T1", "seen_theil"])
    remse = table[table["method"] == "remse"].set_index("measure")
    return (
        "**These results do not repeat exactly**, because the trainings did not use deterministic algorithms of "
        f"cuDNN. `{file}` contains an earlier training of {len(both)} of these configs on "
        f"{', '.join(earlier['device'].unique())}, with the same seeds. Its γ comes from "
        f"{gamma_source(earlier)}; T1 and the errors do not depend on γ. T1 differs by {distance.mean():.2f} points on "
        f"average, and by {distance.max():.2f} points at most. The earlier ReMSE − MSE is {sentence(remse.loc['T1'])} "
        f"points of T1, and {sentence(remse.loc['seen_theil'])} % of the Theil index of the seen classes."
    )


def image_sentence(rows: pd.DataFrame) -> str:
    """A sentence: the lambdas at which ReMSE and the MSE differ in average precision, both trained on image labels."""
    table = image_differences(rows, measures=IMAGE_MEASURES)
    remse = table[(table["method"] == "remse") & (table["targets"] == "images")].set_index("measure")
    overall, rarest = (_shown(remse.loc[[measure]], "higher", "lower") for measure in PRECISIONS[:2])
    largest = remse.loc[list(PRECISIONS[:2]), "difference"].abs().max()
    return (
        "**Does ReMSE help on image labels? Compared with the MSE, its average precision on unseen classes is "
        f"{overall}. That of the rarest third of the attributes is {rarest}. The largest of these differences is "
        f"{largest:.2f} points.**"
    )


def _shown(rows: pd.DataFrame, better: str, worse: str) -> str:
    """The lambdas where a measure is significantly better or worse: ``higher at λ = 60, and lower at λ = ∞``."""
    found = []
    for verdict, word in (("supported", better), ("contradicted", worse)):
        lambdas = [lambda_text(value) for value in rows.loc[rows["verdict"] == verdict, "lam"]]
        if lambdas:
            listed = ", ".join(lambdas[:-1])
            found.append(f"{word} at λ = {listed} and {lambdas[-1]}" if listed else f"{word} at λ = {lambdas[0]}")
    tried = rows["lam"].unique()
    where = "any λ" if len(tried) > 1 else f"λ = {lambda_text(tried[0])}"
    return ", and ".join(found) or f"not significantly {better} or {worse} at {where}"


def image_table(rows: pd.DataFrame) -> str:
    """The section on training on image labels: explanations and the table of differences."""
    table, levels = image_differences(rows, measures=IMAGE_MEASURES), []
    for third, name in (("rare", "rarest"), ("common", "commonest")):
        levels.append(f"{rows[f'{third}_positives'].mean():.0f} % in the {name} third")
    means = rows[rows["lam"].isin([0.0, MAIN_LAMBDA])].groupby(["method", "targets"])["unseen_precision"].mean()
    text = (
        f"The share of training images that show an attribute has a mean of {' and '.join(levels)}. The mean average "
        f"precision on unseen classes is {means['cross_entropy', 'classes']:.1f} % with cross entropy alone. With the "
        f"MSE at λ = {MAIN_LAMBDA:g} it is {means['mse', 'classes']:.1f} % if the targets are class vectors and "
        f"{means['mse', 'images']:.1f} % if they are image labels. Attributes without image labels are left out, also "
        "for T1, because a regression on image labels does not train them. The same λ is not equally strong for "
        "both kinds of targets, because the errors against image labels are larger."
    )
    return f"{text}\n\n{replication(table)}:\n\n{contrast_table(table, IMAGE_MEASURES)}"


def lambda_text(value: float) -> str:
    """A lambda as figures and tables show it; ∞ for the regression alone."""
    return "∞" if np.isinf(value) else f"{value:,g}"


def map_table(rows: pd.DataFrame) -> str:
    """Two tables for random splits, and two for the benchmark's own: accuracies, and measures of the errors.

    A last table compares centred class vectors with plain ones, for rows that have both.
    """
    parts = []
    for _, group in map_differences(rows, measures=[*ACCURACIES, *ERRORS]).groupby("replicates", sort=False):
        parts.append(f"{replication(group)}:\n\n{contrast_table(group, ACCURACIES)}\n{contrast_table(group, ERRORS)}")
    entropy = rows[rows["method"] == "cross_entropy"]
    if entropy["vectors"].nunique() > 1:
        scales = " and ".join(f"{scale:g}" for scale in sorted(entropy["scale"].unique()))
        group = vector_differences(entropy, measures=ACCURACIES)
        parts.append(
            f"Cross entropy alone, {replication(group).lower()}. The scale is {scales} for both kinds of class "
            "vectors. Centred vectors are further apart, so the same scale acts like a larger one:\n\n"
            + contrast_table(group, ACCURACIES)
        )
    return "\n".join(parts)


def vector_table(rows: pd.DataFrame) -> str:
    """Differences between kinds of class vectors at tuned scales, and their T1 at fixed scales."""
    parts = [
        f"Cross entropy alone. For each split, seed and kind of vectors, the scale is the one with the highest H on "
        f"{gamma_source(rows)}. The grid of scales is always the same.",
        "",
    ]
    for _, group in vector_differences(rows, measures=ACCURACIES).groupby("replicates", sort=False):
        parts.append(f"{replication(group)}:\n\n{contrast_table(group, ACCURACIES)}")
    means = rows[rows["class_split"] > 0].groupby(["scale", "vectors"])["T1"].mean().unstack()
    scales = [[f"{scale:g}", f"{row['normalised']:.1f}", f"{row['centred']:.1f}"] for scale, row in means.iterrows()]
    scale_table = markdown_table(["scale", "plain", "centred"], scales)
    return "\n".join([*parts, f"Mean T1 over the random splits at a fixed scale:\n\n{scale_table}"])


def replication(group: pd.DataFrame) -> str:
    """The replicates of the differences: ``Over 31 class splits``, or ``Over 5 seeds of the benchmark's own split``."""
    counts, replicates = sorted(group["pairs"].unique()), group["replicates"].iloc[0]
    own = " of the benchmark's own split" if replicates == "seeds" else ""
    return f"Over {' or '.join(map(str, counts))} {replicates}{own}"


def contrast_table(group: pd.DataFrame, measures: Sequence[str]) -> str:
    """Differences as a Markdown table, bold where decided, with their number ``n`` where it varies."""
    keys, lines = [name for name in ("targets", "lam", "method", "baseline") if name in group], []
    for _, rows in group.groupby(keys, sort=False):
        rows = rows.set_index("measure")
        first = rows.iloc[0]
        line = {"contrast": contrast_name(first["method"], first["baseline"])}
        if "targets" in group:
            line["trained on"] = TARGETS[first["targets"]]
        if "lam" in group:
            line["λ"] = lambda_text(first["lam"])
        if group["pairs"].nunique() > 1:
            line["n"] = f"{first['pairs']}"
        for measure in measures:
            line[f"{measure_name(measure)}, {'points' if higher_is_better(measure) else '%'}"] = _cell(
                rows.loc[measure]
            )
        if "T1" in measures:
            if not np.isnan(rows.loc["T1", "new_low"]):
                line["T1, new classes"] = new_classes(rows.loc["T1"])
            detectable, p, holm = rows.loc["T1", ["detectable", "p", "holm"]]
            line["T1, detectable"] = "–" if np.isnan(detectable) else f"{detectable:.2f}"
            line["T1, p"] = "–" if np.isnan(p) else f"{_p_value(p)}, {_p_value(holm)}"
        lines.append(line)
    return markdown_table(list(lines[0]), [list(line.values()) for line in lines])


def _cell(row: pd.Series) -> str:
    difference, low, high = _numbers(row)
    mark = "**" if row["verdict"] in ("supported", "contradicted") else ""
    return f"{mark}{difference}{mark} ({low}\u00a0to\u00a0{high})"


def _p_value(p: float) -> str:
    return f"{p:.2g}" if p >= 0.001 else "<0.001"


def new_classes(row: pd.Series) -> str:
    """The interval for new classes as text."""
    return f"{row['new_low']:z.2f} to {row['new_high']:z.2f}".replace("-", "−")


def _numbers(row: pd.Series) -> list[str]:
    return [f"{row[name]:z.2f}".replace("-", "−") for name in ("difference", "low", "high")]


def gradients_text(rows: pd.DataFrame) -> str:
    """Cosine and relative lengths of the gradients, with their intervals."""
    texts = {}
    for column, factor in (("cosine", 1), ("orthogonal", 100), ("relative", 100)):
        low, high = t_interval(factor * rows[column])
        texts[column] = f"{factor * rows[column].mean():.3g} ({low:.3g} to {high:.3g})"
    return (
        f"The gradients of ReMSE and of the MSE with respect to the network's weights are compared after training with "
        f"ReMSE at λ = 60. Their cosine is {texts['cosine']}. {texts['orthogonal']} % of ReMSE's squared gradient is "
        f"orthogonal to that of the MSE. At λ = 1 the gradient of the MSE is {texts['relative']} % as long as that of "
        f"the cross entropy. Means over {len(rows)} seeds.\n"
    )

"""Tables of the map: paired differences over class splits, corrected for multiple comparisons.

The rows are those of ``results/DATASET/map.csv``, ``vectors.csv`` and ``image_training.csv``, see
:mod:`zslcore.study.experiments`.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from zslcore.analysis import holm, t_interval
from zslcore.methods import display_name
from zslcore.study.results.comparisons import check_seeds, comparison_claim, higher_is_better

SETTING = ["dataset", "network", "fine_tune", "vectors", "scale"]
CONTRASTS = (("mse", "cross_entropy"), ("remse", "mse"), ("remse_permuted", "mse"))
VECTOR_NAMES = {"normalised": "plain class vectors", "classes": "class vectors", "images": "image labels"}
POWER = 0.8


def map_differences(rows: pd.DataFrame, *, measures: Sequence[str]) -> pd.DataFrame:
    """Compare MSE with cross entropy, and ReMSE and its control with the MSE, at the same lambda.

    Args:
        rows: rows of the map. Random class splits are paired by split; seeds of the benchmark's own split (number 0)
            are paired by seed, in rows of their own.
        measures: columns to compare. Differences of accuracies are in points, others in percent of the baseline.

    Returns:
        A row for each setting, lambda, contrast and measure: the ``claim`` that the method is better, the mean
        ``difference``, its 95 % interval ``low`` and ``high`` over splits of these classes, a wider one for new classes
        (``new_low`` and ``new_high``, see :func:`zslcore.analysis.t_interval`; NaN over seeds), the number of ``pairs``
        and what is paired (``replicates``), ``detectable`` (the difference that such a comparison finds with a
        probability of 80 %), and the columns of :func:`judged`.

    Example:
        >>> rows = pd.DataFrame({"class_split": [1, 1, 2, 2, 3, 3], "seed": 0, "lam": [0.0, 60.0] * 3})
        >>> rows["method"], rows["T1"] = ["cross_entropy", "mse"] * 3, [60.0, 61.0, 50.0, 51.5, 70.0, 71.1]
        >>> rows = rows.assign(dataset="X", network="basic", fine_tune=False, vectors="normalised", scale=20.0)
        >>> rows["unseen_share"] = 0.2
        >>> map_differences(rows, measures=["T1"])[["difference", "pairs", "verdict"]].round(2).values.tolist()
        [[1.2, 3, 'supported']]
    """
    found = []
    for replicates, part in _replicated(rows):
        for setting, group in part.groupby(SETTING, sort=False):
            for lam in sorted(set(group["lam"]) - {0.0}):
                arms = group[(group["lam"] == lam) | (group["method"] == "cross_entropy")]
                for method, baseline in CONTRASTS:
                    if {method, baseline} <= set(arms["method"]):
                        table = compared(arms, method, baseline, measures, replicates)
                        found.append(table.assign(**dict(zip(SETTING, setting, strict=True)), lam=lam))
    return judged(pd.concat(found, ignore_index=True))


def vector_differences(rows: pd.DataFrame, *, measures: Sequence[str] = ("T1", "H", "AUSUC")) -> pd.DataFrame:
    """Compare each kind of class vectors with plain ones, each at the scale that :func:`tuned_scale` chooses.

    Returns:
        As :func:`map_differences`; ``method`` and ``baseline`` are kinds of class vectors.
    """
    found = []
    for replicates, part in _replicated(tuned_scale(rows)):
        for (dataset, network), group in part.groupby(["dataset", "network"], sort=False):
            kinds = group.assign(method=group["vectors"])
            for kind in [name for name in kinds["method"].unique() if name != "normalised"]:
                table = compared(kinds, kind, "normalised", measures, replicates)
                found.append(table.assign(dataset=dataset, network=network))
    return judged(pd.concat(found, ignore_index=True))


def image_differences(rows: pd.DataFrame, *, measures: Sequence[str]) -> pd.DataFrame:
    """Compare the arms as :func:`map_differences` does, on each kind of targets, and the two kinds under the MSE.

    Args:
        rows: rows of :func:`zslcore.study.experiments.image_training.image_row` of one data set.
        measures: columns to compare.

    Returns:
        As :func:`map_differences`, with the column ``targets``: ``classes``, ``images``, or ``both`` where ``method``
        and ``baseline`` are these two.
    """
    found = []
    for targets in ("classes", "images"):
        arms = rows[(rows["targets"] == targets) | (rows["method"] == "cross_entropy")]
        found.append(map_differences(arms, measures=measures).assign(targets=targets))
    for lam, group in rows[rows["method"] == "mse"].groupby("lam"):
        kinds = group.assign(method=group["targets"])
        found.append(compared(kinds, "images", "classes", measures, "seeds").assign(lam=lam, targets="both"))
    return judged(pd.concat(found, ignore_index=True))


def tuned_scale(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep, for each class split, seed and kind of vectors, the scale with the highest H without test images.

    Every kind of vectors gets the same grid of scales, and no test accuracy is used.

    Example:
        >>> rows = pd.DataFrame({"dataset": "X", "network": "basic", "class_split": 1, "seed": 0, "vectors": "centred"},
        ...     index=[0, 1]).assign(scale=[10.0, 20.0], validation_H=[61.0, 60.0])
        >>> tuned_scale(rows)["scale"].tolist()
        [10.0]
    """
    best = rows.groupby(["dataset", "network", "class_split", "seed", "vectors"], sort=False)["validation_H"].idxmax()
    return rows.loc[best].reset_index(drop=True)


def gamma_source(rows: pd.DataFrame) -> str:
    """A phrase that says what gamma, and the scale or the trial, were chosen on."""
    return {"folds": "three folds of the seen classes", "validation": "one validation split"}[
        rows["gamma_from"].iloc[0]
    ]


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Correct the p values of a table for multiple comparisons, and judge its claims by the corrected values.

    Returns:
        The table with ``holm``, the p value corrected over all rows, and ``verdict``: ``"supported"`` or
        ``"contradicted"`` where it is below 0.05, otherwise ``"inconclusive"``, or ``"not testable"`` without p value.
    """
    table = table.assign(holm=holm(table["p"].to_numpy()), verdict="inconclusive")
    better = (table["difference"] > 0) == table["measure"].map(higher_is_better)
    shown = table["holm"] < 0.05
    table.loc[shown & better, "verdict"] = "supported"
    table.loc[shown & ~better, "verdict"] = "contradicted"
    table.loc[table["p"].isna(), "verdict"] = "not testable"
    return table


def _replicated(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of random splits, with the number of the split as seed, and those of the benchmark's own split."""
    random, own = rows[rows["class_split"] > 0], rows[rows["class_split"] == 0]
    if len(random):
        yield "class splits", random.assign(seed=random["class_split"])
    if len(own):
        yield "seeds", own


def compared(frame: pd.DataFrame, method: str, baseline: str, measures: Sequence[str], replicates: str) -> pd.DataFrame:
    """Compare two methods of a frame, paired by its ``seed``; the columns of :func:`map_differences`, not yet judged.

    Args:
        frame: rows with ``method``, ``seed``, the measures and, for class splits, ``unseen_share``.
        method: key of a method, or of a kind of class vectors.
        baseline: what it is compared with.
        measures: columns to compare.
        replicates: what a ``seed`` is, ``class splits`` or ``seeds``.
    """
    names = [VECTOR_NAMES.get(key, display_name(key)) for key in (method, baseline)]
    share = frame["unseen_share"].iloc[0] if replicates == "class splits" else np.nan
    check_seeds(frame, ["method"])
    runs = frame.set_index("seed")
    first, second = (runs.loc[runs["method"] == key, list(measures)] for key in (method, baseline))
    differences, rows = first - second, []
    for measure in measures:
        difference = differences[measure].dropna()
        if not higher_is_better(measure):
            difference = 100 * difference / second.loc[difference.index, measure].mean()
        detectable, p = _power(difference.to_numpy())
        row = {"method": method, "baseline": baseline, "measure": measure}
        row |= {"claim": comparison_claim(*names, measure), "difference": difference.mean()}
        row |= dict(zip(("low", "high"), t_interval(difference), strict=True))
        wider = (np.nan, np.nan) if np.isnan(share) else t_interval(difference, test_share=share)
        row |= dict(zip(("new_low", "new_high"), wider, strict=True))
        rows.append(row | {"pairs": len(difference), "replicates": replicates, "detectable": detectable, "p": p})
    return pd.DataFrame(rows)


def _power(difference: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """The difference that the t test finds with a probability of about 80 % at the 5 % level, and its p value."""
    freedom = len(difference) - 1
    if not freedom or np.ptp(difference) == 0:
        return float("nan"), float("nan")
    detectable = (stats.t.ppf(0.975, freedom) + stats.t.ppf(POWER, freedom)) * stats.sem(difference)
    return float(detectable), float(stats.ttest_1samp(difference, 0).pvalue)


def contrast_name(method: str, baseline: str) -> str:
    """Text of a comparison.

    Example:
        >>> contrast_name("remse", "mse"), contrast_name("centred", "normalised")
        ('ReMSE − MSE', 'centred − plain class vectors')
    """
    names = [VECTOR_NAMES.get(key, display_name(key)).removeprefix("+ ") for key in (method, baseline)]
    return " − ".join(names)

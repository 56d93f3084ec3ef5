"""Tables of the map and the audit: paired differences over class splits, corrected for their number.

The rows come from :func:`zslcore.study.rebalancing.map_row` and :func:`zslcore.study.protocol_audit.audit`; the
committed ones are ``results/DATASET/map.csv``, ``vectors.csv`` and ``audit.csv``.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from zslcore.analysis import holm, t_interval
from zslcore.methods import display_name

SETTING = ["dataset", "network", "fine_tune", "vectors", "scale"]
UNIT = ["class_split", "seed"]
MEASURES = ("T1", "H", "AUSUC", "seen_theil", "unseen_theil", "seen_p99", "unseen_p99", "unseen_worst_attribute")
PERCENT = ("theil", "p99", "worst_attribute")  # changes of these are given in percent of the baseline
POWER = 0.8


def map_differences(rows: pd.DataFrame, *, measures: Sequence[str] = MEASURES) -> pd.DataFrame:
    """Compare each arm of the map with its baseline at the same lambda, paired over class splits or seeds.

    Args:
        rows: rows of the map. The benchmark's own split (number 0) is replicated by seeds, random splits are replicated
            by split; the two are never mixed.
        measures: columns to compare. Accuracies in points, other measures in percent of the baseline's value.

    Returns:
        A row for each setting, lambda, contrast and measure, as :func:`paired_table` makes it.

    Example:
        >>> rows = pd.DataFrame({"class_split": [1, 1, 2, 2, 3, 3], "seed": 0, "lam": [0.0, 60.0] * 3})
        >>> rows["method"], rows["T1"] = ["cross_entropy", "mse"] * 3, [60.0, 61.0, 50.0, 51.5, 70.0, 71.1]
        >>> rows = rows.assign(dataset="X", network="basic", fine_tune=False, vectors="normalised", scale=20.0)
        >>> map_differences(rows, measures=["T1"])[["difference", "replicates", "verdict"]].round(2).values.tolist()
        [[1.2, '3 class splits', 'larger']]
    """
    found = []
    for by, part in rows.groupby(rows["class_split"] > 0):
        for setting, group in part.groupby(SETTING, sort=False):
            for lam in sorted(set(group["lam"]) - {0.0}):
                at_lambda = group[group["lam"] == lam]
                pairs = [("mse", "cross_entropy"), ("remse", "mse"), ("remse_permuted", "mse")]
                for method, baseline in pairs:
                    against = group if baseline == "cross_entropy" else at_lambda
                    own, other = at_lambda[at_lambda["method"] == method], against[against["method"] == baseline]
                    for measure in measures if len(own) and len(other) else ():
                        ours, theirs = own.set_index(UNIT)[measure], other.set_index(UNIT)[measure]
                        label = dict(zip(SETTING, setting, strict=True)) | {"lam": lam}
                        found.append(label | _paired(ours, theirs, method, baseline, measure, by_split=bool(by)))
    return paired_table(found)


def tuned_scale(rows: pd.DataFrame, *, criterion: str = "validation_H") -> pd.DataFrame:
    """Keep, for each class split, seed and kind of vectors, the scale that is best on the validation split.

    Every kind of vectors gets the same grid of scales, and no test accuracy is used.

    Example:
        >>> rows = pd.DataFrame({"dataset": "X", "network": "basic", "class_split": 1, "seed": 0, "vectors": "centred"},
        ...     index=[0, 1]).assign(scale=[10.0, 20.0], validation_H=[61.0, 60.0])
        >>> tuned_scale(rows)["scale"].tolist()
        [10.0]
    """
    best = rows.groupby(["dataset", "network", *UNIT, "vectors"], sort=False)[criterion].idxmax()
    return rows.loc[best].reset_index(drop=True)


def vector_differences(rows: pd.DataFrame, *, measures: Sequence[str] = ("T1", "H", "AUSUC")) -> pd.DataFrame:
    """Compare each kind of class vectors with plain ones, paired, each at the scale that its validation split chose."""
    found, rows = [], tuned_scale(rows)
    for by, part in rows.groupby(rows["class_split"] > 0):
        for (dataset, network), group in part.groupby(["dataset", "network"], sort=False):
            for kind in [name for name in group["vectors"].unique() if name != "normalised"]:
                for measure in measures:
                    ours = group[group["vectors"] == kind].set_index(UNIT)[measure]
                    theirs = group[group["vectors"] == "normalised"].set_index(UNIT)[measure]
                    label = {"dataset": dataset, "network": network}
                    found.append(label | _paired(ours, theirs, kind, "normalised", measure, by_split=bool(by)))
    return paired_table(found)


def _paired(
    ours: pd.Series, theirs: pd.Series, method: str, baseline: str, measure: str, *, by_split: bool
) -> dict[str, object]:
    """Mean paired difference, its interval and the p value of Student's t test."""
    difference = (ours - theirs).dropna()
    if any(part in measure for part in PERCENT):
        difference = 100 * difference / theirs.loc[difference.index].mean()
    low, high = t_interval(difference)
    pairs, deviation = len(difference), difference.std()
    p = stats.ttest_1samp(difference, 0).pvalue if pairs > 1 and deviation > 0 else np.nan
    return {
        "method": method,
        "baseline": baseline,
        "measure": measure,
        "difference": difference.mean(),
        "low": low,
        "high": high,
        "replicates": f"{pairs} {'class splits' if by_split else 'seeds'}",
        "detectable": _detectable(deviation, pairs),
        "p": p,
    }


def _detectable(deviation: float, pairs: int) -> float:
    """The difference that such a comparison finds with a probability of 80 % at the 5 % level."""
    if pairs < 2:
        return float("nan")
    quantiles = stats.t.ppf(0.975, pairs - 1) + stats.t.ppf(POWER, pairs - 1)
    return float(quantiles * deviation / np.sqrt(pairs))


def paired_table(found: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Add Holm's correction over all comparisons of the table, and a verdict by it.

    Returns:
        The comparisons with ``p`` and ``holm`` (the corrected p value), and ``verdict``: ``"larger"`` or ``"smaller"``
        where ``holm`` is below 0.05, ``"no difference shown"`` otherwise, ``"not testable"`` for fewer than two pairs.
        ``detectable`` is the difference that the comparison finds with a probability of 80 %.
    """
    table = pd.DataFrame(found)
    testable = table["p"].notna()
    table["holm"] = holm(table["p"].to_numpy())
    table["verdict"] = "no difference shown"
    table.loc[~testable, "verdict"] = "not testable"
    shown = testable & (table["holm"] < 0.05)
    table.loc[shown, "verdict"] = np.where(table.loc[shown, "difference"] > 0, "larger", "smaller")
    return table


def audit_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Bias and spread of each estimate of H against the split-half reference of the same epoch.

    Args:
        rows: rows of :func:`zslcore.study.protocol_audit.audit` of one data set.

    Returns:
        A row for each estimate: mean ``H`` and ``gamma``, ``bias`` (mean difference from the reference, in points),
        its standard deviation ``spread``, the root mean square difference ``error``, and the number of ``trainings``.
        The reference of an estimate at the chosen epoch, and of ``paper``, is that of the chosen epoch.
    """
    unit = ["class_split", "seed", "method"]
    table = rows.pivot_table(index=unit, columns="estimate", values="H")
    found = []
    for estimate in dict.fromkeys(rows["estimate"]):
        epoch = "last epoch" if estimate.startswith("last") else "chosen epoch"
        difference = table[estimate] - table[f"{epoch}, half the images"]
        gamma = rows.loc[rows["estimate"] == estimate, "gamma"].mean()
        error = float(np.sqrt((difference**2).mean()))
        found.append((estimate, table[estimate].mean(), gamma, difference.mean(), difference.std(), error, len(table)))
    columns = ["estimate", "H", "gamma", "bias", "spread", "error", "trainings"]
    return pd.DataFrame(found, columns=columns).set_index("estimate")


def audit_parts(rows: pd.DataFrame) -> pd.Series:
    """Split paper - clean into optimism, the transfer of gamma and the epoch; means over the trainings, in points.

    ``epoch``: the best epoch on the test images against the chosen one, both with the test gamma. ``optimism``: gamma
    from all test images against gamma from the other half. ``transfer``: gamma from half the test images against gamma
    from the validation split. The three add up to ``paper - clean``.
    """
    mean = rows.groupby("estimate")["H"].mean()
    chosen = {name: mean[f"chosen epoch, {name}"] for name in ("test gamma", "half the images", "validation gamma")}
    parts = {
        "epoch": mean["paper"] - chosen["test gamma"],
        "optimism": chosen["test gamma"] - chosen["half the images"],
        "transfer": chosen["half the images"] - chosen["validation gamma"],
        "paper - clean": mean["paper"] - chosen["validation gamma"],
    }
    return pd.Series(parts, name="H")


def contrast_name(method: str, baseline: str) -> str:
    """Text of a comparison, such as ``+ ReMSE − + MSE``.

    Example:
        >>> contrast_name("remse", "mse")
        'ReMSE − MSE'
    """
    return f"{display_name(method).removeprefix('+ ')} − {display_name(baseline).removeprefix('+ ')}"

"""The section of ``docs/map.md`` on the audit of the protocols, from ``results/DATASET/audit.csv``."""

import numpy as np
import pandas as pd

from zslcore.study.experiments.protocol_audit import CLEAN, VALIDATION_SPLIT
from zslcore.study.results.tables import markdown_table


def audit_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Bias and spread of each estimate of H against the split-half reference of the same epoch.

    Args:
        rows: rows of :func:`zslcore.study.experiments.protocol_audit.audit` of one data set.

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


def audit_parts(rows: pd.DataFrame, protocol: str = CLEAN) -> pd.Series:
    """Split paper - protocol into optimism, the transfer of gamma and the epoch; means over the trainings, in points.

    ``epoch``: the best epoch on the test images against that of the protocol, both with the test gamma. ``optimism``:
    gamma from all test images against gamma from the other half. ``transfer``: gamma from half the test images against
    gamma of the protocol. The three add up to ``total``.
    """
    mean, epoch = rows.groupby("estimate")["H"].mean(), protocol.split(",")[0]
    parts = {
        "epoch": mean["paper"] - mean[f"{epoch}, test gamma"],
        "optimism": mean[f"{epoch}, test gamma"] - mean[f"{epoch}, half the images"],
        "transfer": mean[f"{epoch}, half the images"] - mean[protocol],
        "total": mean["paper"] - mean[protocol],
    }
    return pd.Series(parts, name="H")


def audit_text(rows: pd.DataFrame) -> str:
    """How much a choice on the test images raises H, and a table of all estimates."""
    clean, earlier = audit_parts(rows), audit_parts(rows, VALIDATION_SPLIT)
    text = (
        f"The protocol `clean` is *{CLEAN}*. Choosing epoch and γ on the test images raises H by {clean['total']:.1f} "
        f"points over it. Of these, {clean['optimism']:.1f} come from optimism: γ is chosen and H is measured on the "
        f"same images. Another {clean['transfer']:.1f} come from γ, which does not transfer fully from the folds, and "
        f"{clean['epoch']:.1f} from the choice of the epoch. Over *{VALIDATION_SPLIT}*, which was `clean` in version "
        f"0.1, it raises H by {earlier['total']:.1f} points ({earlier['optimism']:.1f}, {earlier['transfer']:.1f} and "
        f"{earlier['epoch']:.1f}). As a reference for each epoch, γ is chosen on one half of the test images and H is "
        "measured on the other half. The *bias* of an estimate is its mean difference from the reference of its epoch."
    ).replace("-", "−")
    lines = []
    for name, row in audit_table(rows).iterrows():
        gamma = "–" if np.isnan(row["gamma"]) else f"{row['gamma']:.2f}"
        values = [f"{row[column]:z.1f}".replace("-", "−") for column in ("H", "bias", "spread", "error")]
        lines.append([name, *values, gamma, f"{row['trainings']:.0f}"])
    header = ["estimate", "H", "bias", "spread", "root mean square error", "mean γ", "trainings"]
    return f"{text}\n\n{markdown_table(header, lines)}"

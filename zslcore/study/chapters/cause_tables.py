"""Figures, tables and sentences of 02_imbalance on the causes of unequal errors."""

import itertools
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from zslcore.analysis import fit_null
from zslcore.plots.causes import errors_beside_nulls
from zslcore.study.chapters.imbalance import SPLITS, StudyErrors, classes_of, image_counts, slope_claims
from zslcore.study.checkout import root

MEASURED = "cross_entropy"


def nulls_figure(study: StudyErrors, *, split: str = "seen classes") -> Figure:
    """Errors of the cross entropy against the label value, beside each null model.

    The null model of image labels needs class vectors that can be shares of images.
    """
    labels, errors = study.labels[split], study.errors[MEASURED][split]
    tested, shares = image_counts(study.benchmark, split), study.benchmark.shares
    kinds = ("constant", "missing_mean", "shrinkage")
    nulls = {kind: study.errors[kind][split] for kind in kinds}
    if shares is not None:
        shares = shares[classes_of(study.benchmark, split)]
        nulls["image_labels"] = fit_null(shares, errors, "image_labels", images=tested).errors
    return errors_beside_nulls(labels, errors, nulls, method=MEASURED)


def slope_verdicts(states: Mapping[str, StudyErrors]) -> pd.DataFrame:
    """Claim 1 compared with constant noise: is the slope of the error over the label steeper than that of noise?

    Args:
        states: errors by state, such as ``as predicted`` and ``mean put back``.

    Returns:
        A row for each split, unit (within a class or an attribute) and state: the ``claim``, the ``measured`` slope and
        that of ``constant noise`` with their 95 % intervals, and the ``verdict``.
    """
    slopes = {state: slope_claims(study).set_index(["split", "within", "name"]) for state, study in states.items()}
    rows = []
    for split, within, state in itertools.product(SPLITS, ("attribute", "class"), slopes):
        measured, noise = (slopes[state].loc[(split, within, name)] for name in (MEASURED, "constant"))
        numbers = [_interval(measured), _interval(noise)]
        rows.append((split, within, state, noise["claim"], *numbers, noise["verdict"]))
    return pd.DataFrame(rows, columns=["split", "within", "state", "claim", "measured", "constant noise", "verdict"])


def mean_sentence(causes: pd.DataFrame) -> str:
    """A sentence on the seen classes: how much of the error is the missing mean.

    Args:
        causes: the frame of :func:`zslcore.study.chapters.causes.causes`.
    """
    seen = causes[causes["split"] == "seen classes"].set_index("state")
    before, after = seen.loc["as predicted"], seen.loc["mean put back"]
    explains = before["R2 missing mean"] > max(0.1, before["R2 constant"] + 0.1)
    verdict = "The missing mean explains" if explains else "The missing mean does not explain"
    return (
        f"On seen classes the predictions have a mean cosine of {before['cosine']:.2f} with the mean class vector. "
        f"{100 * before['bias']:.0f} % of the squared error is bias, {100 * before['bias along the mean']:.0f} % lies "
        f"along the mean. The null model with a missing mean explains {100 * before['R2 missing mean']:.0f} % of the "
        f"variance of the error cells, constant noise {100 * before['R2 constant']:.0f} %. With the mean put back, the "
        f"mean error falls from {1000 * before['mean error']:.1f} to {1000 * after['mean error']:.1f} (times 1000). "
        f"**{verdict} which cells have large errors on this data set.**"
    ).replace(" -", " −")


def labels_sentence(table: pd.DataFrame) -> str:
    """Sentences on what the models know about single images.

    Args:
        table: the frame of :func:`zslcore.study.experiments.image_labels.information_table`.
    """
    if table.empty:
        return "Not measured: it needs labels of single images, and class vectors that are shares of images."
    parts = []
    for split in SPLITS:
        row = table[(table["split"] == split) & (table["method"] == MEASURED)].iloc[0]
        known = "more than chance" if row["correlation"] > row["high"] else "not more than chance"
        parts.append(
            f"{row['correlation']:.2f} on {split}, {known} (shuffled images: {row['shuffled']:z.2f}, "
            f"{row['low']:z.2f} to {row['high']:z.2f})"
        )
    text = "Cross entropy and the image's own label deviate from the class vector with a correlation of "
    return (text + ", and of ".join(parts) + ".").replace(" -", " −")


def stored_oracle() -> pd.DataFrame:
    """The committed table of a detector that knows each image (``results/image_labels.csv``), as shares."""
    table = pd.read_csv(root() / "results" / "image_labels.csv")
    names = {"detector, within classes": "within classes", "detector, within attributes": "within attributes"}
    columns = ["dataset", "images", "classes", "attributes", *names, "with m(1-m)"]
    return table.loc[table["unit"] == "shares", columns].rename(columns=names).reset_index(drop=True).round(2)


def _interval(row: pd.Series) -> str:
    return f"{row['estimate']:z.2f} ({row['low']:z.2f} to {row['high']:z.2f})".replace("-", "−")

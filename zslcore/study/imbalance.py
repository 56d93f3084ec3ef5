"""The tables of 02_imbalance: errors of trained models beside null models, and the claims of the paper about them."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int

from zslcore.analysis import (
    agreement_claim,
    closest_class_share,
    effective_lambda,
    evenness_claim,
    inequality,
    label_claim,
    matched_lambda,
    matched_nulls,
    misclassifications,
    partial_claim,
    reduction_claim,
    sample_claim,
    slope_claim,
    verdict,
)
from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError
from zslcore.methods import SAME_TARGETS, display_name
from zslcore.remse import remse_weights
from zslcore.training import Run, fit, fit_all

SPLITS = {"seen classes": "test_seen", "unseen classes": "test_unseen"}
JUDGED = ("cross_entropy", "remse")  # the first is compared with the null models
STAGES = {"start": {"epochs": 1, "episodes": 10}, "after 1 epoch": {"epochs": 1}}
COLUMNS = ["claim", "estimate", "low", "high", "verdict"]

Matrix = Float[np.ndarray, "C A"]


@dataclass(frozen=True, eq=False)
class StudyErrors:
    """Error matrices of the study's methods and of null models on the test images of a benchmark.

    Attributes:
        benchmark: the data.
        runs: one run for each method key.
        labels: class vectors by split (:data:`SPLITS`), (C, A).
        images: positions of the test images by split.
        errors: mean squared errors by key (methods, then null models) and split, (C, A).
    """

    benchmark: Benchmark
    runs: dict[str, Run]
    labels: dict[str, Matrix]
    images: dict[str, Int[np.ndarray, " n"]]
    errors: dict[str, dict[str, Matrix]]

    @property
    def nulls(self) -> list[str]:
        """Keys of the null models."""
        return [key for key in self.errors if key not in self.runs]

    def matrices(self, split: str, keys: Iterable[str]) -> dict[str, Matrix]:
        """Error matrices of a split by key."""
        return {key: self.errors[key][split] for key in keys}


def load_errors(dataset: str, *, seed: int = 0) -> StudyErrors:
    """Compute the errors of the methods with the same targets, and of the null models; missing runs are trained first.

    The null models are fitted to the errors of the cross entropy (:func:`zslcore.analysis.matched_nulls`).
    """
    benchmark = load_benchmark(dataset)
    if not len(benchmark.split("test_seen")):
        raise InputError(f"the errors of seen classes need test images, but {dataset} has no test_seen_loc")
    configs = [RunConfig.study(dataset, method=method, seed=seed) for method in SAME_TARGETS]
    runs = dict(zip(SAME_TARGETS, map(Run.load, fit_all(configs)), strict=True))
    labels = {split: benchmark.attributes[classes_of(benchmark, split)] for split in SPLITS}
    images = {split: benchmark.split(part) for split, part in SPLITS.items()}
    errors = {key: dict(zip(SPLITS, run.errors(benchmark), strict=True)) for key, run in runs.items()}
    return with_nulls(StudyErrors(benchmark, runs, labels, images, errors), seed=seed)


def with_nulls(study: StudyErrors, *, seed: int) -> StudyErrors:
    """The study with an error matrix of each null model, fitted to the errors of the cross entropy."""
    errors, shared = dict(study.errors), study.labels["seen classes"].mean(0)
    for split, labels in study.labels.items():
        tested, measured = image_counts(study.benchmark, split), errors["cross_entropy"][split]
        fitted = matched_nulls(labels, measured, images=tested, seed=seed, shared=shared)
        for kind, matrix in fitted.items():
            errors[kind] = errors.get(kind, {}) | {split: matrix}
    return dataclasses.replace(study, errors=errors)


def classes_of(benchmark: Benchmark, split: str) -> Int[np.ndarray, " C"]:
    """The classes of a split (:data:`SPLITS`)."""
    return benchmark.seen_classes if SPLITS[split] == "test_seen" else benchmark.unseen_classes


def image_counts(benchmark: Benchmark, split: str) -> Int[np.ndarray, " C"]:
    """Number of test images of each class of a split."""
    labels = benchmark.labels[benchmark.split(SPLITS[split])]
    return np.bincount(labels, minlength=len(benchmark.class_names))[classes_of(benchmark, split)]


def overview(study: StudyErrors) -> pd.DataFrame:
    """Accuracies under the clean protocol in percent, scale, lambda and effective lambda of each method."""
    rows = {}
    for key, run in study.runs.items():
        clean, config = run.metrics["protocols"]["clean"], run.config
        row = {f"{name} (%)": round(100 * clean[name], 1) for name in ("T1", "U", "S", "H")}
        row["scale"] = config.scale
        row["lam"] = config.lam if config.loss != "none" else 0.0
        row["effective_lambda"] = round(run.metrics["effective_lambda"], 1)
        rows[key] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def lambda_sentence(study: StudyErrors) -> str:
    """How much ReMSE's weights raise lambda if they come from all test images of the seen classes."""
    config, errors = study.runs["remse"].config, study.errors["remse"]["seen classes"]
    weights = remse_weights(torch.from_numpy(errors), p=config.p, p2=config.p2).numpy()
    counts = image_counts(study.benchmark, "seen classes")
    effective = effective_lambda(config.lam, weights, errors, counts)
    matched = matched_lambda(config.lam, weights, errors, counts)
    return (
        f"Computed from all seen test images, the weights make lambda {config.lam:g} act as {effective:.1f}. "
        f"Lambda {matched:.1f} would act as {config.lam:g}."
    )


def correlation_claims(study: StudyErrors) -> pd.DataFrame:
    """Claim 1 by correlations: the columns of a claim, and group, split, within, method and name."""
    frames = []
    for split in SPLITS:
        for axis in ("class", "attribute"):
            for method in ("pearson", "spearman"):
                matrices = study.matrices(split, (*JUDGED, *study.nulls))
                frame = label_claim(study.labels[split], matrices, axis=axis, method=method)
                where = {"group": f"{split}, within each {axis}", "split": split, "within": axis, "method": method}
                frames.append(frame.rename_axis("name").reset_index().assign(**where))
    return pd.concat(frames, ignore_index=True)


def rank_sentence(correlations: pd.DataFrame) -> str:
    """Spearman's correlations within a class, of the cross entropy and of the constant null model.

    Args:
        correlations: the frame of :func:`correlation_claims`.
    """
    chosen = (correlations["method"] == "spearman") & (correlations["within"] == "class")
    ranks = correlations[chosen].set_index(["split", "name"])
    parts = []
    for split in SPLITS:
        measured, null = (_interval(ranks.loc[(split, name)]) for name in (JUDGED[0], "constant"))
        parts.append(f"{measured} on {split}, where the constant null model has {null}")
    return f"By ranks (Spearman), the correlation within a class is {'; it is '.join(parts)}."


def slope_claims(study: StudyErrors) -> pd.DataFrame:
    """Claim 1 by slopes: the columns of a claim, and split, within and name."""
    frames = []
    for split in SPLITS:
        for axis in ("class", "attribute"):
            frame = slope_claim(study.labels[split], study.matrices(split, (*JUDGED, *study.nulls)), axis=axis)
            frames.append(frame.rename_axis("name").reset_index().assign(split=split, within=axis))
    return pd.concat(frames, ignore_index=True)


def label_table(correlations: pd.DataFrame, slopes: pd.DataFrame, *, within: str) -> pd.DataFrame:
    """Verdicts of claim 1: Pearson's correlation against permuted labels, and the slope against each null model.

    Args:
        correlations: the frame of :func:`correlation_claims`.
        slopes: the frame of :func:`slope_claims`.
        within: ``"class"`` or ``"attribute"``.
    """
    pearson = correlations[(correlations["method"] == "pearson") & (correlations["within"] == within)]
    slopes = slopes[slopes["within"] == within]
    rows = []
    for split in SPLITS:
        permuted = pearson[(pearson["split"] == split) & (pearson["name"] == "permuted")]
        steeper = slopes[(slopes["split"] == split) & ~slopes["name"].isin(JUDGED)]
        for frame, judged in ((pearson, permuted), (slopes, steeper)):
            measured = _interval(frame[(frame["split"] == split) & (frame["name"] == JUDGED[0])].iloc[0])
            for _, row in judged.iterrows():
                rows.append((split, row["claim"], measured, _interval(row), row["verdict"]))
    return pd.DataFrame(rows, columns=["split", "claim", "measured", "null model", "verdict"])


def cause_claims(study: StudyErrors) -> pd.DataFrame:
    """Claim 1 with other causes held fixed, and the effect of the number of training images."""
    frames = []
    for split in SPLITS:
        keys = ("cross_entropy", *study.nulls)
        frames.append(partial_claim(study.labels[split], study.matrices(split, keys)).assign(split=split))
    benchmark = study.benchmark
    counts = np.bincount(benchmark.labels[benchmark.split("trainval")])[benchmark.seen_classes]
    frames.append(sample_claim(study.errors["cross_entropy"]["seen classes"], counts).assign(split="seen classes"))
    return pd.concat(frames)[["split", *COLUMNS]]


def early_errors(study: StudyErrors) -> dict[str, dict[str, dict[str, Matrix]]]:
    """Errors of short trainings (:data:`STAGES`) and of the chosen epoch: by method, stage and split."""
    errors = {}
    with TemporaryDirectory() as folder:
        for key in JUDGED:
            errors[key] = {}
            for stage, changes in STAGES.items():
                config = study.runs[key].config.replace(**changes)
                run = Run.load(fit(config, Path(folder) / key / stage, progress=False))
                errors[key][stage] = dict(zip(SPLITS, run.errors(study.benchmark), strict=True))
            errors[key]["chosen epoch"] = study.errors[key]
    return errors


def reduction_claims(study: StudyErrors, early: dict[str, dict[str, dict[str, Matrix]]]) -> pd.DataFrame:
    """Whether errors fall more than in proportion where the label is large, for each stage, method and split."""
    rows = []
    for stage in ("after 1 epoch", "chosen epoch"):
        for key in JUDGED:
            for split, labels in study.labels.items():
                before, after = early[key]["start"][split], early[key][stage][split]
                frame = reduction_claim(labels, before, after)
                change = f"{100 * (after.mean() / before.mean() - 1):.0f} %"
                fall, start = (_interval(frame.loc[name]) for name in ("reduction", "in proportion"))
                judged = frame.loc["in proportion"]
                rows.append((stage, key, split, judged["claim"], change, fall, start, judged["verdict"]))
    columns = ["stage", "method", "split", "claim", "mean error", "slope of the fall", "slope at the start", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def agreement_claims(study: StudyErrors) -> pd.DataFrame:
    """Claim 2 on the seen classes, with Gini indices and the spread of the attributes' distributions."""
    matrices = study.matrices("seen classes", (*JUDGED, *study.nulls))
    frame = agreement_claim(matrices)
    for key, matrix in matrices.items():
        gini, spread = inequality(matrix)["gini"], matrix.std(0) / matrix.mean(0)
        frame.loc[key, ["Gini, attributes", "Gini, classes"]] = gini["attributes"], gini["classes"]
        low, high = np.quantile(spread, [0.1, 0.9])
        frame.loc[key, "relative spread"] = f"{low:.2f} to {high:.2f}"
    return frame


def inequality_table(study: StudyErrors) -> pd.DataFrame:
    """Mean and standard deviation (times 1000) and inequality of the errors, by split and method."""
    rows = {}
    for split in SPLITS:
        for key, matrix in study.matrices(split, study.runs).items():
            frame = inequality(matrix)
            row = frame.loc["cells"].copy()
            row[["mean", "standard deviation"]] *= 1000
            rows[split, display_name(key)] = [*row, frame.loc["classes", "theil"], frame.loc["attributes", "theil"]]
    names = ["mean", "standard deviation", "variation", "Theil", "Gini", "Theil, classes", "Theil, attributes"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).set_index(
        pd.MultiIndex.from_tuples(rows, names=["split", "method"])
    )


def evenness_claims(study: StudyErrors, seeds: int) -> pd.DataFrame:
    """Claim 3: change of each statistic under ReMSE in percent, paired over seeds, against both MSE baselines."""
    matrices = {}
    for key in ("mse", "mse_matched", "remse"):
        configs = [study.runs[key].config.replace(seed=seed) for seed in range(seeds)]
        matrices[key] = [Run.load(folder).errors(study.benchmark) for folder in fit_all(configs)]
    frames = []
    for part, split in enumerate(SPLITS):
        for baseline in ("mse", "mse_matched"):
            ours, theirs = ([pair[part] for pair in matrices[key]] for key in ("remse", baseline))
            frame = evenness_claim(ours, theirs, names=("remse", baseline)).rename_axis("name").reset_index()
            group = f"{split}, against {display_name(baseline)}"
            frames.append(frame.assign(group=group, split=split, against=baseline))
    return pd.concat(frames, ignore_index=True)


def closest_claims(study: StudyErrors) -> pd.DataFrame:
    """Share of misclassified images that go to the class closest to their own, and two claims about it."""
    benchmark, rows = study.benchmark, []
    for split in SPLITS:
        for key in JUDGED:
            prediction = study.runs[key].predict(benchmark, study.images[split])
            wrong = misclassifications(prediction, benchmark.labels[study.images[split]], benchmark.attributes)
            share = closest_class_share(wrong)
            low, high, chance = share["low"], share["high"], share["chance"]
            text = f"{share['share']:.2f} ({low:.2f} to {high:.2f})"
            told = verdict(low - chance, high - chance)
            rows.append(
                (split, key, f"Errors go to the closest class more often than by chance ({chance:.2f}).", text, told)
            )
            rows.append((split, key, "Most errors go to the closest class.", text, verdict(low - 0.5, high - 0.5)))
    return pd.DataFrame(rows, columns=["split", "method", "claim", "share", "verdict"])


def summary(
    correlations: pd.DataFrame,
    slopes: pd.DataFrame,
    causes: pd.DataFrame,
    agreement: pd.DataFrame,
    evenness: pd.DataFrame,
) -> pd.DataFrame:
    """The main sentence of each claim, with what was measured, the null model it is compared with, and the verdict.

    Claims 1 and 2 are those of the cross entropy; claim 3 is that of ReMSE, whose changes are in percent.
    """
    table = label_table(correlations, slopes, within="class").set_index("split")
    rows = []
    for split in SPLITS:
        for _, row in table.loc[split].iloc[:2].iterrows():  # permuted labels, then the constant null model
            rows.append((1, split, row["claim"], row["measured"], row["null model"], row["verdict"]))
    images = causes.loc["training images"]
    rows.append((1, "seen classes", images["claim"], _interval(images), "", images["verdict"]))
    measured, null = agreement.loc["cross_entropy"], agreement.loc["constant"]
    rows.append((2, "seen classes", measured["claim"], _interval(measured), "", measured["verdict"]))
    rows.append((2, "seen classes", null["claim"], _interval(measured), _interval(null), null["verdict"]))
    matched = evenness[evenness["against"] == "mse_matched"].set_index(["split", "name"])
    for split in SPLITS:
        for name in ("mean", "theil"):
            row = matched.loc[(split, name)]
            rows.append((3, split, row["claim"], _interval(row, digits=1), "", row["verdict"]))
    columns = ["claim of the paper", "split", "claim", "measured", "null model", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def _interval(row: pd.Series, *, digits: int = 2) -> str:
    """Estimate and interval; only the estimate if there is no interval, nothing if there is no estimate."""
    if pd.isna(row["estimate"]):
        return ""
    if pd.isna(row["low"]):
        return f"{row['estimate']:.{digits}f}"
    return f"{row['estimate']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"

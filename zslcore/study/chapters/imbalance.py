"""The tables of 02_imbalance: errors of trained models and of null models, and the claims of the paper about them."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int

from zslcore.analysis import (
    agreement_claim,
    effective_lambda,
    evenness_claim,
    inequality,
    label_claim,
    matched_lambda,
    matched_nulls,
    slope_claim,
)
from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError
from zslcore.methods import SAME_TARGETS, display_name
from zslcore.remse import remse_weights
from zslcore.training import Run, fit_all

SPLITS = {"seen classes": "test_seen", "unseen classes": "test_unseen"}
JUDGED = ("cross_entropy", "remse")  # the first is compared with the null models

Matrix = Float[np.ndarray, "C A"]


@dataclass(frozen=True, eq=False)
class StudyErrors:
    """Error matrices of the study's methods and of null models on the test images of a benchmark.

    Attributes:
        benchmark: the data.
        runs: one run for each method key.
        labels: class vectors by split (:data:`SPLITS`), (C, A).
        errors: mean squared errors by key (methods, then null models) and split, (C, A).
    """

    benchmark: Benchmark
    runs: dict[str, Run]
    labels: dict[str, Matrix]
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
    errors = {key: dict(zip(SPLITS, run.errors(benchmark), strict=True)) for key, run in runs.items()}
    return with_nulls(StudyErrors(benchmark, runs, labels, errors), seed=seed)


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


def _interval(row: pd.Series, *, digits: int = 2) -> str:
    """Estimate and interval; only the estimate if there is no interval, nothing if there is no estimate."""
    if pd.isna(row["estimate"]):
        return ""
    if pd.isna(row["low"]):
        return f"{row['estimate']:.{digits}f}"
    return f"{row['estimate']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"

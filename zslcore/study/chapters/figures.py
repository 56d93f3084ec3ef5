"""Data and sentences of 07_figures, except for the errors, which :mod:`~zslcore.study.chapters.imbalance` computes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import spearmanr

from zslcore.analysis import evenness_claim, label_claim
from zslcore.data.benchmark import Benchmark
from zslcore.methods import METHODS, display_name
from zslcore.study.chapters.imbalance import JUDGED, SPLITS, StudyErrors
from zslcore.study.results.tables import find_runs, method_key
from zslcore.training import Run

Matrix = Float[np.ndarray, "C A"]


def label_correlations(study: StudyErrors) -> pd.DataFrame:
    """The frame of :func:`zslcore.analysis.label_claim` for each split, as :func:`zslcore.plots.intervals` draws it.

    Example:
        >>> label_correlations(load_errors("SYNTH"))["group"].iloc[0]  # doctest: +SKIP
        'seen classes, within each class'
    """
    frames = {}
    for split, values in study.labels.items():
        matrices = study.matrices(split, (*JUDGED, *study.nulls))
        frames[f"{split}, within each class"] = label_claim(values, matrices)
    return pd.concat(frames, names=["group", "name"]).reset_index()


def find_study_runs(root: Path | str) -> list[Path]:
    """Find the finished runs of the study's methods below ``root``, of all seeds.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("remse-seed0", "remse-seed1", "mae-seed0"):
        ...     (root / name).mkdir()
        ...     (root / name / "metrics.json").touch()
        >>> [folder.name for folder in find_study_runs(root)]
        ['remse-seed0', 'remse-seed1']
    """
    pattern = re.compile(rf"({'|'.join(METHODS)})-seed\d+")
    return [folder for folder in find_runs(root) if pattern.fullmatch(folder.name)]


def evenness_of_runs(
    folders: Iterable[Path], benchmark: Benchmark, *, method: str = "remse", baseline: str = "mse_matched"
) -> pd.DataFrame:
    """The frame of :func:`zslcore.analysis.evenness_claim` for each split, paired over the seeds of both methods.

    Args:
        folders: run folders; runs of other methods are left out.
        benchmark: the benchmark of the runs.
        method: key of the method.
        baseline: key of the method to compare with.

    Returns:
        The columns ``group`` (the split), ``name`` (the statistic), ``seeds`` (their number) and those of the claim.

    Example:
        >>> evenness_of_runs(find_study_runs("runs/SYNTH"), benchmark)  # doctest: +SKIP
    """
    runs = {(method_key(run.config), run.config.seed): run for run in map(Run.load, folders)}
    seeds = [seed for key, seed in runs if key == method and (baseline, seed) in runs]
    ours, theirs = ([runs[key, seed].errors(benchmark) for seed in seeds] for key in (method, baseline))
    frames = {}
    for index, split in enumerate(SPLITS):
        pair = [[matrices[index] for matrices in errors] for errors in (ours, theirs)]
        frames[split] = evenness_claim(*pair, names=(method, baseline))
    return pd.concat(frames, names=["group", "name"]).reset_index().assign(seeds=len(seeds))


def describe_attributes(errors: Mapping[str, Matrix]) -> str:
    """Sentences on the median errors of attributes under two methods.

    Example:
        >>> before, after = np.array([[1.0, 4.0], [1.0, 4.0]]), np.array([[2.0, 3.0], [2.0, 3.0]])
        >>> describe_attributes({"mse": before, "remse": after})
        'Under + MSE, the median error of the hardest attribute is 4.0 times that of the easiest one. Under + ReMSE, \
it is 1.5 times. The median error is lower under + ReMSE for 1 of 2 attributes.'
    """
    (first, second), (before, after) = errors, [np.nanmedian(matrix, axis=0) for matrix in errors.values()]
    return (
        f"Under {display_name(first)}, the median error of the hardest attribute is "
        f"{before.max() / before.min():.1f} times that of the easiest one. Under {display_name(second)}, it is "
        f"{after.max() / after.min():.1f} times. The median error is lower under {display_name(second)} for "
        f"{(after < before).sum()} of {len(after)} attributes."
    )


def describe_matrices(errors: Mapping[str, Matrix]) -> str:
    """Sentences on how far the error matrices of other methods resemble that of the first.

    Example:
        >>> matrix = np.array([[1.0, 4.0], [2.0, 8.0]])
        >>> describe_matrices({"cross_entropy": matrix, "remse": matrix / 2})
        'The rank correlation over all cells with the errors under cross entropy is 1.00 for + ReMSE. The mean error \
is 50 % lower for + ReMSE than under cross entropy.'
    """
    (first, before), *others = errors.items()
    found = np.isfinite(before)
    same, fall = [], []
    for key, matrix in others:
        same.append(f"{spearmanr(before[found], matrix[found]).statistic:.2f} for {display_name(key)}")
        fall.append(f"{_change(np.nanmean(before), np.nanmean(matrix))} for {display_name(key)}")
    return (
        f"The rank correlation over all cells with the errors under {display_name(first)} is {_listed(same)}. The mean "
        f"error is {_listed(fall)} than under {display_name(first)}."
    )


def describe_falls(before: Matrix, after: Mapping[str, Matrix]) -> str:
    """Sentence on the share of cells whose error rose.

    Example:
        >>> before = np.ones((2, 2))
        >>> describe_falls(before, {"mse": np.array([[2, 0.5], [0.5, 0.5]]), "remse": before / 2})
        'The error rose in 25 % of the cells under + MSE and in 0 % under + ReMSE.'
    """
    found = np.isfinite(before)
    rose = [
        f"in {100 * (matrix[found] > before[found]).mean():.0f} %{' of the cells' * (index == 0)} under "
        f"{display_name(key)}"
        for index, (key, matrix) in enumerate(after.items())
    ]
    return f"The error rose {_listed(rose)}."


def _change(before: float, after: float) -> str:
    percent = 100 * (after / before - 1)
    return f"{abs(percent):.0f} % {'lower' if percent < 0 else 'higher'}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

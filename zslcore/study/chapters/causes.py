"""Why errors are unequal: the component that classes share, the labels of single images, and noise.

The labels of single images have their own tables in :mod:`zslcore.study.experiments.image_labels`.
"""

import dataclasses

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslcore.analysis import (
    bias_variance,
    explained_share,
    fit_null,
    label_correlation,
    relative_slope,
    restore_mean,
    restoring_scale,
    sample_correlation,
    shared_bias,
    shared_direction,
)
from zslcore.data.benchmark import Benchmark
from zslcore.study.chapters.imbalance import SPLITS, StudyErrors, classes_of, image_counts, with_nulls
from zslcore.training import Run

STATES = ("as predicted", "mean put back")
Rows = Float[np.ndarray, "n A"]


def predictions(run: Run, benchmark: Benchmark) -> dict[str, dict[str, Rows]]:
    """Predictions of a run for the test images by split, as predicted and with the shared component added.

    The scale of the latter (:func:`zslcore.analysis.restoring_scale`) is fitted on the training images.
    """
    shared, trained = benchmark.attributes[benchmark.seen_classes].mean(0, dtype=float), benchmark.split("trainval")
    fitted = run.predict(benchmark, trained)
    scale = restoring_scale(fitted, benchmark.attributes, benchmark.labels[trained], shared)
    found = {}
    for split, part in SPLITS.items():
        prediction = run.predict(benchmark, benchmark.split(part))
        found[split] = dict(zip(STATES, (prediction, restore_mean(prediction, shared, scale))))
    return found


def restored(study: StudyErrors, *, seed: int = 0) -> StudyErrors:
    """The study's errors with the shared component put back, and the null models fitted to them.

    All functions of claims 1 and 2 take the result in place of the study.
    """
    benchmark, errors = study.benchmark, {}
    for key, run in study.runs.items():
        after = {split: states["mean put back"] for split, states in predictions(run, benchmark).items()}
        errors[key] = {split: _errors(benchmark, split, prediction) for split, prediction in after.items()}
    return with_nulls(dataclasses.replace(study, errors=errors), seed=seed)


def causes(run: Run, benchmark: Benchmark) -> pd.DataFrame:
    """Causes of unequal errors of a run, on seen and unseen classes, before and after the mean is put back.

    Returns:
        A row for each split and state (``as predicted``, ``mean put back``):

        - ``cosine``: mean cosine of the predictions with the mean of the seen classes' vectors;
        - ``bias``, ``bias along the mean``, ``variance``: shares of the squared error; the second is a part of the
          first, and first and third sum to 1;
        - ``R2 ...``: share of the variance of the errors over cells that a null model explains (negative for image
          labels whose variance alone exceeds the mean error, NaN where class vectors are no shares of images), and the
          fitted ``k`` of the missing mean;
        - ``correlation``, ``slope``: of error and label within a class, and the slope of constant noise;
        - ``training images`` with ``low`` and ``high``: rank correlation of error and number of training images.
    """
    rows, shared = [], benchmark.attributes[benchmark.seen_classes].mean(0, dtype=float)
    for split, states in predictions(run, benchmark).items():
        classes, tested = classes_of(benchmark, split), image_counts(benchmark, split)
        vectors, shares = benchmark.attributes[classes], benchmark.shares
        trained = np.bincount(benchmark.labels[benchmark.split("trainval")], minlength=len(benchmark.class_names))
        for state, prediction in states.items():
            errors = _errors(benchmark, split, prediction)
            constant = fit_null(vectors, errors, "constant", images=tested).errors
            missing = fit_null(vectors, errors, "missing_mean", images=tested, shared=shared)
            row = {"split": split, "state": state, "mean error": np.nanmean(errors)}
            row |= _bias(benchmark, split, prediction) | {"R2 constant": explained_share(errors, constant)}
            row |= {"R2 missing mean": explained_share(errors, missing.errors), "k": missing.pull}
            row["R2 image labels"] = np.nan
            if shares is not None:
                images = fit_null(shares[classes], errors, "image_labels", images=tested).errors
                row["R2 image labels"] = explained_share(errors, images)
            row |= {"correlation": label_correlation(vectors, errors), "slope": relative_slope(vectors, errors)}
            row |= {"slope constant": relative_slope(vectors, constant)}
            effect = sample_correlation(errors, trained[classes]) if split == "seen classes" else (np.nan,) * 3
            rows.append(row | dict(zip(("training images", "low", "high"), effect)))
    return pd.DataFrame(rows)


def _errors(benchmark: Benchmark, split: str, prediction: Rows) -> Float[np.ndarray, "C A"]:
    labels = benchmark.labels[benchmark.split(SPLITS[split])]
    return sum(bias_variance(prediction, benchmark.attributes, labels))[classes_of(benchmark, split)]


def _bias(benchmark: Benchmark, split: str, prediction: Rows) -> dict[str, float]:
    """Mean cosine with the shared direction, and shares of the squared error."""
    labels = benchmark.labels[benchmark.split(SPLITS[split])]
    direction = shared_direction(benchmark.attributes[benchmark.seen_classes])
    bias, variance = (np.nansum(part) for part in bias_variance(prediction, benchmark.attributes, labels))
    along = np.nansum(shared_bias(prediction, benchmark.attributes, labels, direction))
    cosine = (prediction @ direction / np.linalg.norm(prediction, axis=1)).mean()
    shares = np.array([bias, along, variance]) / (bias + variance)
    return {"cosine": cosine} | dict(zip(("bias", "bias along the mean", "variance"), shares))

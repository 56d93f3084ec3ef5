"""Audit of the protocols: how much of a reported harmonic mean comes from choosing the epoch and gamma on test images.

The reference is an estimate without optimism: gamma is chosen on one half of the test images, and the harmonic mean is
measured on the other half. It needs labels of unseen classes, so it can only judge protocols and is not one itself.
"""

import numpy as np
import pandas as pd
import torch

from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.class_splits import split_classes
from zslcore.data.tasks import fold_tasks, test_task, validation_task
from zslcore.metrics import seen_unseen_curve
from zslcore.study.results.tables import method_key
from zslcore.training.device import resolve_device
from zslcore.training.evaluation import scores
from zslcore.training.inputs.sources import Inputs, load_inputs
from zslcore.training.loop import Trained, train
from zslcore.training.protocols import fold_config
from zslcore.training.run import environment, restore_model

HALVES = 20  # random halves of the test images
FOLDS = (3, 5)
CLEAN = "last epoch, gamma of 3 folds, matched steps"
VALIDATION_SPLIT = "chosen epoch, validation gamma"


def audit(config: RunConfig) -> pd.DataFrame:
    """Train a config for every protocol, and measure the harmonic mean that each protocol reports.

    Returns:
        A row for each ``estimate``, with H in percent, ``gamma``, ``epoch`` (counted from 0) and ``device``:

        - ``paper``: epoch and gamma chosen on the test images.
        - ``chosen epoch, ...``: the epoch that the validation split chose; gamma from all test images (``test gamma``),
          from half of them (``half the images``, ``half the classes``), or from the validation split
          (``validation gamma``).
        - ``last epoch, ...``: the same at the last epoch, and gamma from folds of the seen classes at their last epoch;
          with ``matched steps`` the folds train for as many steps per class as the final training.

        The protocol ``clean`` of a run is :data:`CLEAN`. In version 0.1 it was :data:`VALIDATION_SPLIT`.
    """
    whole = load_benchmark(config.dataset)
    benchmark = split_classes(whole, config.class_split)
    inputs = load_inputs(config, whole, resolve_device(config.device))
    validation = train(config, benchmark, inputs, validation_task(benchmark), progress=False)
    chosen = int(np.argmax([row["H"] for row in validation.rows]))
    final = train(config, benchmark, inputs, test_task(benchmark), progress=False)
    shorter = train(config.replace(epochs=chosen + 1), benchmark, inputs, test_task(benchmark), progress=False)
    best = max(final.rows, key=lambda row: row["H"])
    rows = [("paper", best["H"], best["gamma"], best["epoch"])]
    gammas = {"validation gamma": validation.rows[chosen]["gamma"]}
    rows += _after_last("chosen epoch", config, benchmark, inputs, shorter, gammas)
    gammas = {"validation gamma": validation.rows[-1]["gamma"]}
    for folds in FOLDS:
        gammas[f"gamma of {folds} folds"] = _fold_gamma(config, benchmark, inputs, folds, matched=False)
        gammas[f"gamma of {folds} folds, matched steps"] = _fold_gamma(config, benchmark, inputs, folds, matched=True)
    rows += _after_last("last epoch", config, benchmark, inputs, final, gammas)
    frame = pd.DataFrame(rows, columns=["estimate", "H", "gamma", "epoch"])
    frame["H"] = (100 * frame["H"]).round(2)
    frame["gamma"] = frame["gamma"].round(4)
    frame["device"] = environment(inputs.device)["device"]
    settings = {"dataset": config.dataset, "class_split": config.class_split, "seed": config.seed}
    for place, (name, value) in enumerate((settings | {"method": method_key(config)}).items()):
        frame.insert(place, name, value)
    return frame


def _after_last(
    name: str, config: RunConfig, benchmark: Benchmark, inputs: Inputs, final: Trained, gammas: dict[str, float]
) -> list[tuple[str, float, float, int]]:
    """Rows of the last epoch of a training on trainval."""
    task, epoch = test_task(benchmark), final.rows[-1]["epoch"]
    model = restore_model(config, benchmark, final.state, inputs.device)
    of_test = scores(config, model, inputs, benchmark, task)
    curve = seen_unseen_curve(*of_test, num_seen=task.num_seen)
    rows = [(f"{name}, test gamma", *curve.best()[2:], epoch)]
    for by in ("images", "classes"):
        rows.append((f"{name}, half the {by}", split_half(*of_test, num_seen=task.num_seen, by=by), np.nan, epoch))
    for label, gamma in gammas.items():
        rows.append((f"{name}, {label}", curve.at(gamma)[2], gamma, epoch))
    return rows


def split_half(
    score_seen: torch.Tensor,
    labels_seen: torch.Tensor,
    score_unseen: torch.Tensor,
    labels_unseen: torch.Tensor,
    *,
    num_seen: int,
    by: str = "images",
    seed: int = 0,
) -> float:
    """Harmonic mean on one half of the test images, with gamma chosen on the other half; the mean over random halves.

    Args:
        score_seen, labels_seen, score_unseen, labels_unseen, num_seen: as for :func:`seen_unseen_curve`.
        by: ``"images"`` halves the images, ``"classes"`` halves the classes.
        seed: seed of the halves.

    Example:
        >>> seen, unseen = torch.tensor([[2.0, 1.0]]).repeat(4, 1), torch.tensor([[1.0, 2.0]]).repeat(4, 1)
        >>> split_half(seen, torch.zeros(4).long(), unseen, torch.ones(4).long(), num_seen=1)
        1.0
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(HALVES):
        first = [_half(labels, by, rng) for labels in (labels_seen, labels_unseen)]
        curves = []
        for seen, unseen in (first, [~half for half in first]):
            parts = (score_seen[seen], labels_seen[seen], score_unseen[unseen], labels_unseen[unseen])
            curves.append(seen_unseen_curve(*parts, num_seen=num_seen))
        for chosen, read in (curves, curves[::-1]):
            found.append(read.at(chosen.best()[3])[2])
    return float(np.mean(found))


def _half(labels: torch.Tensor, by: str, rng: np.random.Generator) -> torch.Tensor:
    """A random half of the images, or all images of a random half of the classes, as a mask."""
    if by == "images":
        mask = np.zeros(len(labels), dtype=bool)
        mask[rng.permutation(len(labels))[: len(labels) // 2]] = True
        return torch.from_numpy(mask)
    classes = rng.permutation(np.unique(labels))
    return torch.from_numpy(np.isin(labels, classes[: len(classes) // 2]))


def _fold_gamma(config: RunConfig, benchmark: Benchmark, inputs: Inputs, folds: int, *, matched: bool) -> float:
    """Mean of the best gamma of each fold after the last epoch."""
    found = []
    for task in fold_tasks(benchmark, folds):
        settings = fold_config(config, benchmark, task) if matched else config
        found.append(train(settings, benchmark, inputs, task, progress=False).rows[-1]["gamma"])
    return float(np.mean(found))

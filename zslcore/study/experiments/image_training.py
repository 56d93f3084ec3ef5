"""Trainings on the labels of single images, which are imbalanced, compared with trainings on class vectors.

Attributes without image labels are left out of every measure except ``T1``, because a regression on image labels does
not train them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int

from zslcore.analysis import average_precision, theil_index
from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import test_task
from zslcore.losses import cosine_scores
from zslcore.metrics import per_class_accuracy
from zslcore.remse import class_error
from zslcore.study.experiments.rebalancing import map_configs, varied_settings
from zslcore.training.device import resolve_device
from zslcore.training.evaluation import evaluate, predict
from zslcore.training.inputs.sources import load_inputs
from zslcore.training.loop import train
from zslcore.training.run import environment, restore_model

LAMS = (60.0, np.inf)
SPLITS = {"seen": "test_seen", "unseen": "test_unseen"}


def image_configs(dataset: str, *, seeds: Sequence[int]) -> list[RunConfig]:
    """Cross entropy alone, and each arm of the map on class vectors and on image labels, on the benchmark's own split.

    Args:
        dataset: name of a data set with labels of single images.
        seeds: seeds of each config.
    """
    configs = []
    for seed in seeds:
        of_seed = map_configs(dataset, splits=[0], seeds=[seed], lams=LAMS)
        configs += of_seed + [config.replace(targets="images") for config in of_seed if config.loss != "none"]
    return configs


def image_row(config: RunConfig) -> pd.DataFrame:
    """Train a config on the test task, and measure it on the labels of single images after the last epoch.

    Returns:
        One row: the settings that the map varies, and ``targets``; ``T1`` of all attributes, and ``labelled_T1`` of
        those with image labels; for the seen and the unseen test images the mean average precision of the attributes
        (``precision``), of the rarest third (``rare_precision``) and of the commonest third (``common_precision``), and
        the Theil index of the error cells against class vectors (``theil``) and against image labels
        (``image_theil``); ``rare_positives`` and ``common_positives``, the mean share of the training images that show
        an attribute of these thirds; ``seconds`` and ``device``. All but ``seconds`` and the indices are in percent.

    Raises:
        InputError: if the data set has no labels of single images, or if the training diverges.
    """
    benchmark = load_benchmark(config.dataset)
    task, known = test_task(benchmark), np.isfinite(benchmark.image_attributes).any(0)
    thirds, positives = _thirds(benchmark.image_attributes[task.train], known)
    inputs = load_inputs(config, benchmark, resolve_device(config.device))
    final = train(config, benchmark, inputs, task, progress=False)
    model = restore_model(config, benchmark, final.state, inputs.device)
    row = varied_settings(config) | {"targets": config.targets}
    row["T1"] = 100 * evaluate(config, model, inputs, benchmark, task).t1
    for split, name in SPLITS.items():
        images = benchmark.split(name)
        prediction = predict(model, inputs, images, precision=config.precision).double().cpu().numpy()[:, known]
        if split == "unseen":
            row["labelled_T1"] = 100 * _accuracy(prediction, benchmark, known)
        truth = benchmark.image_attributes[images][:, known]
        unit = prediction / np.linalg.norm(prediction, axis=1, keepdims=True)  # scores do not depend on the length
        precision = 100 * average_precision(unit, truth)
        row[f"{split}_precision"] = np.nanmean(precision)
        for third, chosen in thirds.items():
            row[f"{split}_{third}_precision"] = np.nanmean(precision[chosen])
        vectors = np.where(np.isnan(truth), np.nan, benchmark.attributes[benchmark.labels[images]][:, known])
        for measure, target in (("theil", vectors), ("image_theil", truth)):
            row[f"{split}_{measure}"] = _unevenness(prediction, target, benchmark.labels[images])
    row |= {f"{third}_positives": 100 * positives[chosen].mean() for third, chosen in thirds.items()}
    row["seconds"], row["device"] = final.seconds, environment(inputs.device)["device"]
    frame = pd.DataFrame([row])
    decimals = {name: 5 if "theil" in name else 3 for name in frame.columns if "_" in name} | {"T1": 2, "seconds": 1}
    return frame.round(decimals)


def _thirds(
    image_labels: Float[np.ndarray, "n A"], known: Bool[np.ndarray, " A"]
) -> tuple[dict[str, Int[np.ndarray, " k"]], Float[np.ndarray, " K"]]:
    """The rarest and the commonest third of the attributes with labels, and the share of positives of all of them."""
    positives = np.nanmean(image_labels[:, known], axis=0, dtype=np.float64)
    rarest, _, commonest = np.array_split(np.argsort(positives, kind="stable"), 3)
    return {"rare": rarest, "common": commonest}, positives


def _accuracy(prediction: Float[np.ndarray, "n K"], benchmark: Benchmark, known: Bool[np.ndarray, " A"]) -> float:
    """T1 of predictions for the unseen test images, by the attributes with image labels."""
    vectors = torch.from_numpy(benchmark.attributes[benchmark.unseen_classes][:, known]).double()
    chosen = cosine_scores(torch.from_numpy(prediction), vectors, scale=1.0).argmax(1).numpy()
    predicted, labels = benchmark.unseen_classes[chosen], benchmark.labels[benchmark.split("test_unseen")]
    return per_class_accuracy(predicted, labels)


def _unevenness(
    prediction: Float[np.ndarray, "n K"], target: Float[np.ndarray, "n K"], labels: Int[np.ndarray, " n"]
) -> float:
    """Theil index of the errors by class and attribute; prediction and target are scaled to unit length."""
    classes, rows = np.unique(labels, return_inverse=True)
    arguments = [torch.from_numpy(array) for array in (prediction, target.astype(np.float64), rows)]
    errors = class_error(*arguments, len(classes)).numpy()
    return theil_index(errors[errors > 0])  # 0 where no image has a label

"""Errors of a model on the test images, by class and attribute."""

import math

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import nn

from zslcore.analysis import coefficient_of_variation, row_correlation, theil_index
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.remse import class_error
from zslcore.training.device import autocast
from zslcore.training.evaluation import predict
from zslcore.training.inputs.sources import Inputs


def prediction_errors(
    model: nn.Module, config: RunConfig, benchmark: Benchmark, inputs: Inputs
) -> tuple[Float[np.ndarray, "S A"], Float[np.ndarray, "U A"]]:
    """Mean normalised squared error per class and attribute over the test images: seen and unseen classes apart.

    Of unit vectors: the errors of a class add up to 2 (1 - cosine) over the attributes, from 0 to 4.
    A class without test images has a row of NaN.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> from zslcore.training.inputs.sources import Maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> opposite = Maps(-benchmark.attributes[benchmark.labels][:, :, None], torch.device("cpu"), torch.float32)
    >>> seen, unseen = prediction_errors(nn.Flatten(), RunConfig(dataset="SYNTH"), benchmark, opposite)
    >>> seen.shape, unseen.sum(1).round(4)
    ((3, 57), array([4.]))
    """
    matrices = []
    for split, classes in (("test_seen", benchmark.seen_classes), ("test_unseen", benchmark.unseen_classes)):
        images = benchmark.split(split)
        with autocast(config, inputs.device):
            prediction = predict(model, inputs, images).cpu().double()
        labels = torch.from_numpy(benchmark.labels[images])
        target = torch.from_numpy(benchmark.attributes)[labels].double()
        matrix = class_error(prediction, target, labels, len(benchmark.class_names)).numpy()[classes]
        matrix[~np.isin(classes, benchmark.labels[images])] = np.nan
        matrices.append(matrix)
    return matrices[0], matrices[1]


def error_statistics(
    seen: Float[np.ndarray, "S A"], unseen: Float[np.ndarray, "U A"], benchmark: Benchmark
) -> dict[str, dict[str, float | None]]:
    """How large and how uneven the errors are, and how they go with the label value, for seen and unseen classes.

    The matrices hold errors >= 0, a row for each of the benchmark's seen and unseen classes, as
    :func:`zslcore.training.errors_by_class.prediction_errors` gives them. ``label_correlation`` is the mean over the
    classes of :func:`zslcore.analysis.row_correlation`, in [-1, 1], without those where it is NaN. Classes without test
    images (NaN) are left out; a statistic that no class has is None. Raises InputError for shapes that do not fit the
    benchmark.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=3, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> seen, unseen = (benchmark.attributes[rows] for rows in (benchmark.seen_classes, benchmark.unseen_classes))
    >>> statistics = error_statistics(seen, 1 - unseen, benchmark)
    >>> [round(part["label_correlation"], 6) for part in statistics.values()]  # as the label value, and against it
    [1.0, -1.0]
    """
    statistics = {}
    parts = (("test_seen", seen, benchmark.seen_classes), ("test_unseen", unseen, benchmark.unseen_classes))
    for name, errors, classes in parts:
        present = ~np.isnan(errors).all(1)
        errors, correlation = errors[present], row_correlation(benchmark.attributes[classes], errors)[present]
        numbers = {
            "mean": errors.mean() if len(errors) else math.nan,
            "coefficient_of_variation": coefficient_of_variation(errors),
            "theil": theil_index(errors),
            "label_correlation": pd.Series(correlation).mean(),  # without those that are NaN
        }
        statistics[name] = {key: float(value) if math.isfinite(value) else None for key, value in numbers.items()}
    return statistics

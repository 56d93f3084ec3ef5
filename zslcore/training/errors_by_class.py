"""Errors of a model on the test images by class and attribute, and their statistics."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from zslcore.analysis import coefficient_of_variation, label_correlation, theil_index
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.remse import class_error
from zslcore.training.evaluation import predict
from zslcore.training.inputs.sources import Inputs


def prediction_errors(
    config: RunConfig, model: nn.Module, inputs: Inputs, benchmark: Benchmark
) -> tuple[Float[np.ndarray, "S A"], Float[np.ndarray, "U A"]]:
    """Mean normalised squared error by class and attribute, over the test images.

    Prediction and target are unit vectors, so the errors of a class sum over the attributes to 2 (1 - cosine).
    Targets are the class vectors of the config. The matrices are of the seen and of the unseen classes; a class
    without test images has a row of NaN.
    """
    matrices, vectors = [], torch.from_numpy(benchmark.vectors(config.attribute_vectors)).double()
    for split, classes in (("test_seen", benchmark.seen_classes), ("test_unseen", benchmark.unseen_classes)):
        images = benchmark.split(split)
        if not len(images):  # a benchmark without test_seen
            matrices.append(np.full((len(classes), benchmark.attributes.shape[1]), np.nan))
            continue
        prediction = predict(model, inputs, images, precision=config.precision).cpu().double()
        labels = torch.from_numpy(benchmark.labels[images])
        target = vectors[labels]
        matrix = class_error(prediction, target, labels, len(benchmark.class_names)).numpy()[classes]
        matrix[~np.isin(classes, benchmark.labels[images])] = np.nan
        matrices.append(matrix)
    return tuple(matrices)


def error_statistics(
    seen: Float[np.ndarray, "S A"], unseen: Float[np.ndarray, "U A"], benchmark: Benchmark
) -> dict[str, dict[str, float | None]]:
    """Size and unevenness of the errors, and their correlation with the label value.

    ``test_seen`` and ``test_unseen`` have ``mean``, ``coefficient_of_variation``, ``theil`` and ``label_correlation``
    (within classes, see :func:`zslcore.analysis.label_correlation`). Classes without test images are left out. A
    statistic that is not defined is None.

    Example:
        >>> seen, unseen = (benchmark.attributes[rows] for rows in (benchmark.seen_classes, benchmark.unseen_classes))
        >>> statistics = error_statistics(seen, 1 - unseen, benchmark)  # errors rise with the label value, and fall
        >>> [round(part["label_correlation"], 6) for part in statistics.values()]
        [1.0, -1.0]
    """
    return {
        "test_seen": _statistics(seen, benchmark.attributes[benchmark.seen_classes]),
        "test_unseen": _statistics(unseen, benchmark.attributes[benchmark.unseen_classes]),
    }


def _statistics(errors: Float[np.ndarray, "C A"], attributes: Float[np.ndarray, "C A"]) -> dict[str, float | None]:
    correlation = label_correlation(attributes, errors)
    errors = errors[~np.isnan(errors).all(1)]
    numbers = {
        "mean": errors.mean() if len(errors) else math.nan,
        "coefficient_of_variation": coefficient_of_variation(errors),
        "theil": theil_index(errors),
        "label_correlation": correlation,
    }
    return {name: float(value) if math.isfinite(value) else None for name, value in numbers.items()}

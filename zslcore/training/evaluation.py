"""What a model predicts for images of a benchmark, its accuracies, and its errors by class and attribute."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn

from zslcore._io.determinism import single_thread
from zslcore._io.distributed import share_of_batch
from zslcore.analysis import coefficient_of_variation, row_correlation, theil_index
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import ZeroShotTask
from zslcore.losses import cosine_scores
from zslcore.metrics import SeenUnseenCurve, per_class_accuracy, seen_unseen_curve
from zslcore.remse import class_error
from zslcore.training.device import autocast
from zslcore.training.inputs.sources import Inputs


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Accuracies of a model on a task, in [0, 1]; ``t1`` is among the unseen classes only, ``curve`` over all."""

    t1: float
    curve: SeenUnseenCurve

    def best(self) -> dict[str, float]:
        """T1, AUSUC, and U, S, H at the gamma with the best harmonic mean (on the test split, an oracle)."""
        return self._row(*self.curve.best())

    def at(self, gamma: float) -> dict[str, float]:
        """T1, AUSUC, and U, S, H at a gamma."""
        return self._row(*self.curve.at(gamma))

    def _row(self, seen: float, unseen: float, harmonic: float, gamma: float) -> dict[str, float]:
        return {"T1": self.t1, "U": unseen, "S": seen, "H": harmonic, "gamma": gamma, "AUSUC": self.curve.ausuc}


def paper_protocol(rows: list[dict[str, float]]) -> dict[str, float]:
    """Oracle accuracies: T1, (U, S, H) and AUSUC each at its best epoch; among equals the first counts.

    ``rows`` has :meth:`Evaluation.best` on the test split after each epoch.

    Example:
        >>> first = {"T1": 0.7, "U": 0.2, "S": 0.6, "H": 0.3, "gamma": 1.0, "AUSUC": 0.3}
        >>> paper_protocol([first, first | {"T1": 0.6, "H": 0.4, "AUSUC": 0.2}])  # doctest: +ELLIPSIS
        {'T1': 0.7, 'U': 0.2, 'S': 0.6, 'H': 0.4, 'gamma': 1.0, 'AUSUC': 0.3, 'epoch_T1': 0, 'epoch': 1, ...}
    """
    best = {name: int(np.argmax([row[name] for row in rows])) for name in ("T1", "H", "AUSUC")}
    at_best_h = {name: rows[best["H"]][name] for name in ("U", "S", "H", "gamma")}
    accuracies = {"T1": rows[best["T1"]]["T1"], **at_best_h, "AUSUC": rows[best["AUSUC"]]["AUSUC"]}
    return accuracies | {"epoch_T1": best["T1"], "epoch": best["H"], "epoch_AUSUC": best["AUSUC"]}


@torch.inference_mode()
@single_thread()
def predict(
    model: nn.Module, inputs: Inputs, images: Int[np.ndarray, " n"], *, precision: str = "float32"
) -> Float[Tensor, "n A"]:
    """Predicted attributes of images, with the model in evaluation mode.

    In a distributed training each process predicts a part, and all get the whole.

    Example:
        >>> from zslcore.training.inputs.sources import Maps
        >>> inputs = Maps(np.arange(6, dtype=np.float32).reshape(3, 2, 1), torch.device("cpu"), torch.float32)
        >>> predict(nn.Flatten(), inputs, np.array([2, 0]))
        tensor([[4., 5.],
                [0., 1.]])
    """
    model.eval()
    rank, processes = share_of_batch()
    with autocast(precision, inputs.device):
        parts = [model(batch) for batch in inputs.batches(np.array_split(images, processes)[rank])]
    if processes == 1:
        return torch.cat(parts)
    gathered: list = [None] * processes
    dist.all_gather_object(gathered, [part.cpu() for part in parts])
    return torch.cat([part for of_process in gathered for part in of_process]).to(inputs.device)


@single_thread()
def evaluate(
    config: RunConfig, model: nn.Module, inputs: Inputs, benchmark: Benchmark, task: ZeroShotTask
) -> Evaluation:
    """T1 and the seen-unseen curve of a model on the test images of a task; gamma is in units of scale x cosine.

    A score that is not finite raises InputError.

    Example:
        >>> from zslcore.data.tasks import test_task
        >>> from zslcore.training.inputs.sources import Maps
        >>> truth = Maps(benchmark.attributes[benchmark.labels][:, :, None], torch.device("cpu"), torch.float32)
        >>> evaluate(RunConfig(dataset="SYNTH"), nn.Flatten(), truth, benchmark, test_task(benchmark)).t1
        1.0
    """
    vectors = benchmark.vectors(config.attribute_vectors)[task.classes]
    attributes = torch.from_numpy(vectors).to(inputs.device, inputs.dtype)
    scores, labels = [], []
    for images in (task.test_seen, task.test_unseen):
        prediction = predict(model, inputs, images, precision=config.precision)
        with autocast(config.precision, inputs.device):
            scores.append(cosine_scores(prediction, attributes, scale=config.scale).cpu())
        labels.append(torch.from_numpy(task.relabel(benchmark.labels[images])))
    among_unseen = scores[1][:, task.num_seen :].argmax(1) + task.num_seen
    curve = seen_unseen_curve(scores[0], labels[0], scores[1], labels[1], num_seen=task.num_seen)
    return Evaluation(per_class_accuracy(among_unseen, labels[1]), curve)


def prediction_errors(
    model: nn.Module, inputs: Inputs, benchmark: Benchmark, *, precision: str = "float32"
) -> tuple[Float[np.ndarray, "S A"], Float[np.ndarray, "U A"]]:
    """Mean normalised squared error by class and attribute, over the test images.

    Prediction and target are unit vectors, so the errors of a class sum over the attributes to 2 (1 - cosine).
    The matrices are of the seen and of the unseen classes. A class without test images has a row of NaN.
    """
    matrices = []
    for split, classes in (("test_seen", benchmark.seen_classes), ("test_unseen", benchmark.unseen_classes)):
        images = benchmark.split(split)
        prediction = predict(model, inputs, images, precision=precision).cpu().double()
        labels = torch.from_numpy(benchmark.labels[images])
        target = torch.from_numpy(benchmark.attributes)[labels].double()
        matrix = class_error(prediction, target, labels, len(benchmark.class_names)).numpy()[classes]
        matrix[~np.isin(classes, benchmark.labels[images])] = np.nan
        matrices.append(matrix)
    return tuple(matrices)


def error_statistics(
    seen: Float[np.ndarray, "S A"], unseen: Float[np.ndarray, "U A"], benchmark: Benchmark
) -> dict[str, dict[str, float | None]]:
    """Size and unevenness of the errors, and their correlation with the label value.

    ``test_seen`` and ``test_unseen`` have ``mean``, ``coefficient_of_variation``, ``theil``, and ``label_correlation``:
    the mean of :func:`zslcore.analysis.row_correlation` over the classes where it is defined. Classes without test
    images are left out. None stands for a statistic that no class has.

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
    present = ~np.isnan(errors).all(1)
    correlation = row_correlation(attributes, errors)[present]
    errors = errors[present]
    numbers = {
        "mean": errors.mean() if len(errors) else math.nan,
        "coefficient_of_variation": coefficient_of_variation(errors),
        "theil": theil_index(errors),
        "label_correlation": pd.Series(correlation).mean(),  # skips NaN
    }
    return {name: float(value) if math.isfinite(value) else None for name, value in numbers.items()}

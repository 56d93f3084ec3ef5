"""Predictions of a model for images of a benchmark, and its accuracies on a task."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn

from zslcore._io.determinism import single_thread
from zslcore._io.distributed import share_of_batch
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import ZeroShotTask
from zslcore.errors import InputError
from zslcore.losses import cosine_scores
from zslcore.metrics import SeenUnseenCurve, per_class_accuracy, seen_unseen_curve
from zslcore.models import AttributeModel
from zslcore.training.device import autocast
from zslcore.training.inputs.sources import Inputs


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Accuracies of a model on a task, in [0, 1].

    ``t1`` is the accuracy on unseen classes if only these are candidates, and ``curve`` the seen-unseen curve over all
    classes. Without test images of seen classes, only ``t1`` is defined, and the curve is NaN.
    """

    t1: float
    curve: SeenUnseenCurve

    def best(self) -> dict[str, float]:
        """T1, AUSUC, and U, S, H at the gamma with the best harmonic mean; on the test split, this uses test labels."""
        return self._row(*self.curve.best())

    def at(self, gamma: float) -> dict[str, float]:
        """T1, AUSUC, and U, S, H at a gamma."""
        return self._row(*self.curve.at(gamma))

    def _row(self, seen: float, unseen: float, harmonic: float, gamma: float) -> dict[str, float]:
        return {"T1": self.t1, "U": unseen, "S": seen, "H": harmonic, "gamma": gamma, "AUSUC": self.curve.ausuc}


def _undefined_curve() -> SeenUnseenCurve:
    nan = np.full(1, np.nan)
    return SeenUnseenCurve(nan, nan, nan, nan, ausuc=float("nan"), threshold=np.empty(0))


@torch.inference_mode()
@single_thread()
def predict(
    model: nn.Module, inputs: Inputs, images: Int[np.ndarray, " n"], *, precision: str = "float32"
) -> Float[Tensor, "n A"]:
    """Predicted attributes of images, with the model in evaluation mode.

    In a distributed training each process predicts a part of the images, and all processes get all predictions.

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


@torch.inference_mode()
@single_thread()
def attend(model: AttributeModel, inputs: Inputs, images: Int[np.ndarray, " n"]) -> Float[Tensor, "n A N"]:
    """Attention of each attribute over the locations of images, on the CPU."""
    return torch.cat([model.attention(batch).cpu() for batch in inputs.batches(images)])


@single_thread()
def scores(
    config: RunConfig, model: nn.Module, inputs: Inputs, benchmark: Benchmark, task: ZeroShotTask
) -> tuple[Float[Tensor, "s C"], Int[Tensor, " s"], Float[Tensor, "u C"], Int[Tensor, " u"]]:
    """Scores and labels of the seen and of the unseen test images of a task, with the classes in the task's order."""
    vectors = benchmark.vectors(config.attribute_vectors, seen=task.seen_classes)[task.classes]
    attributes = torch.from_numpy(vectors).to(inputs.device, inputs.dtype)
    result = []
    for images in (task.test_seen, task.test_unseen):
        score = attributes.new_zeros((0, len(attributes))).cpu()  # a benchmark without test_seen
        if len(images):
            prediction = predict(model, inputs, images, precision=config.precision)
            with autocast(config.precision, inputs.device):
                score = cosine_scores(prediction, attributes, scale=config.scale).cpu()
        result.append(score)
        result.append(torch.from_numpy(task.relabel(benchmark.labels[images])))
    return tuple(result)


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
    score_seen, labels_seen, score_unseen, labels_unseen = scores(config, model, inputs, benchmark, task)
    t1 = per_class_accuracy(score_unseen[:, task.num_seen :].argmax(1) + task.num_seen, labels_unseen)
    if len(score_seen):
        curve = seen_unseen_curve(score_seen, labels_seen, score_unseen, labels_unseen, num_seen=task.num_seen)
    elif score_unseen.isfinite().all():
        curve = _undefined_curve()
    else:
        raise InputError("score_unseen must be finite, got NaN or infinity")
    return Evaluation(t1, curve)

"""What a model predicts for the images of a benchmark, and how accurate that is on a task."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn

from zslcore._io.determinism import single_thread
from zslcore._io.distributed import share_of_batch
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import ZeroShotTask
from zslcore.losses import cosine_scores
from zslcore.metrics import SeenUnseenCurve, per_class_accuracy, seen_unseen_curve
from zslcore.training.inputs.sources import Inputs


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Accuracies of a model on a task: ``t1`` among the unseen classes only, ``curve`` over all classes; in [0, 1].

    >>> score = np.array([[2.0, 0.0]]), np.array([[1.0, 0.0]])  # of a seen and of an unseen class
    >>> curve = seen_unseen_curve(score[0], np.array([0]), score[1], np.array([1]), num_seen=1)
    >>> Evaluation(1.0, curve).best()
    {'T1': 1.0, 'U': 1.0, 'S': 1.0, 'H': 1.0, 'gamma': 1.5, 'AUSUC': 1.0}
    """

    t1: float
    curve: SeenUnseenCurve

    def best(self) -> dict[str, float]:
        """T1, AUSUC, and U, S, H at the gamma of the best harmonic mean (an oracle, on the test split)."""
        seen, unseen, harmonic, gamma = self.curve.best()
        accuracies = {"T1": self.t1, "U": unseen, "S": seen, "H": harmonic, "gamma": gamma}
        return accuracies | {"AUSUC": self.curve.ausuc}


@torch.inference_mode()
@single_thread()
def predict(model: nn.Module, inputs: Inputs, images: Int[np.ndarray, " n"]) -> Float[Tensor, "n A"]:
    """Predicted attributes of the images at these positions, in evaluation mode.

    In a distributed training each process predicts a part, and all get the whole.

    >>> from zslcore.training.inputs.sources import Maps
    >>> inputs = Maps(np.arange(6, dtype=np.float32).reshape(3, 2, 1), torch.device("cpu"), torch.float32)
    >>> predict(nn.Flatten(), inputs, np.array([2, 0]))
    tensor([[4., 5.],
            [0., 1.]])
    """
    model.eval()
    rank, processes = share_of_batch()
    parts = [model(batch) for batch in inputs.batches(np.array_split(images, processes)[rank])]
    if processes == 1:
        return torch.cat(parts)
    gathered: list = [None] * processes
    dist.all_gather_object(gathered, [part.cpu() for part in parts])
    return torch.cat([part for of_process in gathered for part in of_process]).to(inputs.device)


@single_thread()
def evaluate(
    model: nn.Module,
    inputs: Inputs,
    vectors: Float[np.ndarray, "C A"],
    benchmark: Benchmark,
    task: ZeroShotTask,
    *,
    scale: float,
) -> Evaluation:
    """T1 and the seen-unseen curve of a model on a task; scores and gamma are in units of scale x cosine.

    ``vectors`` are the attribute vectors of all classes of the benchmark. Raises InputError for scores that are not
    finite.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> from zslcore.data.tasks import test_task
    >>> from zslcore.training.inputs.sources import Maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> truth = Maps(benchmark.attributes[benchmark.labels][:, :, None], torch.device("cpu"), torch.float32)
    >>> result = evaluate(nn.Flatten(), truth, benchmark.attributes, benchmark, test_task(benchmark), scale=20.0)
    >>> result.t1, result.curve.at(0.0)  # who predicts the class vectors is right everywhere
    (1.0, (1.0, 1.0, 1.0, 0.0))
    """
    attributes = torch.from_numpy(vectors[task.classes]).to(inputs.device, inputs.dtype)
    scores, labels = [], []
    for images in (task.test_seen, task.test_unseen):
        scores.append(cosine_scores(predict(model, inputs, images), attributes, scale=scale).cpu())
        labels.append(torch.from_numpy(task.relabel(benchmark.labels[images])))
    among_unseen = scores[1][:, task.num_seen :].argmax(1) + task.num_seen
    curve = seen_unseen_curve(scores[0], labels[0], scores[1], labels[1], num_seen=task.num_seen)
    return Evaluation(per_class_accuracy(among_unseen, labels[1]), curve)

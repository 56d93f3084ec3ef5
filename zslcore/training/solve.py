"""Methods that are solved in closed form: the solution becomes the weight of BasicNet's linear layer."""

import time

import torch

from zslcore._io.determinism import reproducible
from zslcore.closed_form import SOLVERS
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import ZeroShotTask
from zslcore.training.device import weight_dtype
from zslcore.training.evaluation import evaluate
from zslcore.training.inputs.sources import Inputs
from zslcore.training.loop import Trained
from zslcore.training.objective import Objective, build_model, seen_vectors


def solve(config: RunConfig, benchmark: Benchmark, inputs: Inputs, task: ZeroShotTask) -> Trained:
    """Solve the method ``config.loss`` on the training images of a task, and evaluate it on the task's test images.

    Features are pooled, and standardised as for the other methods. The solution is computed in float64.

    Returns:
        One epoch. Its losses are cross entropy and MSE, as for the other methods; the method minimises neither.
    """
    start, dtype = time.perf_counter(), weight_dtype(config.precision)
    labels = task.relabel(benchmark.labels[task.train])
    vectors = seen_vectors(config, benchmark, task).astype("float64")
    with reproducible(config.seed), torch.no_grad():
        model = build_model(config, benchmark, num_channels=inputs.num_channels).to(inputs.device, dtype).eval()
        maps = torch.cat([*inputs.batches(task.train)])  # pooled, so they fit into memory
        if config.standardize:
            model.standardize.fit([maps])
        features = model.standardize(maps).mean(2).double().cpu().numpy()
        weight = SOLVERS[config.loss](features, labels, vectors, **config.loss_options)
        (layer,) = model.network.head
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.zero_()
        losses = Objective(config, model, benchmark, task).to(inputs.device, dtype)(
            maps, torch.from_numpy(labels).to(inputs.device)
        )
        row = {"epoch": 0} | {name: loss.item() for name, loss in losses._asdict().items()} | {"lr": 0.0}
        row |= evaluate(config, model, inputs, benchmark, task).best()
    state = {name: value.cpu().clone() for name, value in model.state_dict().items()}
    return Trained(rows=[row], state=state, seconds=time.perf_counter() - start)

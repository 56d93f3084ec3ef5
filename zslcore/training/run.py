"""A finished run: its folder, its numbers, its model, and what that predicts."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from torch import Tensor, nn

import zslcore
from zslcore._io.determinism import reproducible, single_thread
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import test_task
from zslcore.errors import InputError
from zslcore.training.device import autocast, resolve_device
from zslcore.training.errors_by_class import prediction_errors
from zslcore.training.evaluation import Evaluation, evaluate, predict
from zslcore.training.inputs.sources import Inputs, changed_contents, load_inputs, weight_dtype
from zslcore.training.objective import FineTuned, build_model

METRICS = ("dataset", "protocols", "validation", "errors", "effective_lambda", "cost", "environment")  # in metrics.json
WEIGHTS = ("model", "last")  # the files in checkpoint/: of the epoch that the validation split chose, of the last one


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, read from its folder: settings, metrics and history; the model on demand.

    :mod:`zslcore.training.fit` says what the folder holds. ``history`` has a row for each epoch of both trainings.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "config.json").write_text(json.dumps(RunConfig(dataset="SYNTH", lam=0.5).to_dict()))
    >>> pd.DataFrame({"epoch": [0, 1], "loss": [3.0, 1.5]}).to_csv(folder / "history.csv", index=False)
    >>> Run.load(folder)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    zslcore.errors.InputError: ... is not a run folder: it has no metrics.json
    >>> metrics = dict.fromkeys(METRICS) | {"dataset": {"fingerprint": "0f"}, "cost": {"seconds": 60.0}}
    >>> _ = (folder / "metrics.json").write_text(json.dumps(metrics))  # written last: now it is one
    >>> run = Run.load(folder)
    >>> run.config.lam, run.metrics["cost"]["seconds"], run.history["loss"].tolist()
    (0.5, 60.0, [3.0, 1.5])
    """

    folder: Path
    config: RunConfig
    metrics: dict[str, Any]
    history: pd.DataFrame

    @classmethod
    def load(cls, folder: Path) -> "Run":
        """Read a run folder; InputError if it is not a complete one, and for a damaged file in it."""
        folder = Path(folder)
        if not (folder / "metrics.json").is_file():
            raise InputError(f"{folder} is not a run folder: it has no metrics.json")
        config = RunConfig.read(folder / "config.json")
        with _undamaged(folder, "metrics.json") as path:
            metrics = json.loads(path.read_text())
            _ = metrics["dataset"]["fingerprint"], *(metrics[name] for name in METRICS)
        with _undamaged(folder, "history.csv") as path:
            history = pd.read_csv(path)
        return cls(folder, config, metrics, history)

    def errors(
        self, benchmark: Benchmark, *, weights: str = "model"
    ) -> tuple[Float[np.ndarray, "S A"], Float[np.ndarray, "U A"]]:
        """Error matrices on the seen and unseen test images (see :func:`prediction_errors`); weights: :meth:`model`."""
        model = self.model(benchmark, weights=weights)
        return prediction_errors(model, self.config, benchmark, self.inputs(benchmark))

    def model(self, benchmark: Benchmark, *, weights: str = "model") -> nn.Module:
        """The trained model in evaluation mode: of the ``clean`` protocol, or with ``weights="last"`` the last one.

        Raises InputError for another ``weights``, for a damaged file of them, and for another version of the benchmark
        than it was trained on.
        """
        if benchmark.fingerprint != self.metrics["dataset"]["fingerprint"]:
            raise InputError(f"{self.folder} was trained on another version of {benchmark.name} than the one on disk")
        if weights not in WEIGHTS:
            raise InputError(f"weights must be one of {', '.join(WEIGHTS)}, got {weights!r}")
        with _undamaged(self.folder, f"checkpoint/{weights}.safetensors") as path:
            state = load_file(path)
        return restore_model(self.config, benchmark, state)

    def evaluate(self, benchmark: Benchmark) -> Evaluation:
        """T1 and the seen-unseen curve of the checkpoint on the test split."""
        model = self.model(benchmark)
        return evaluate_on_test(self.config, model, self.inputs(benchmark), benchmark)

    def predict(self, benchmark: Benchmark, images: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n A"]:
        """Attributes that the checkpoint predicts for the images at these positions of the benchmark."""
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        with autocast(self.config, inputs.device):
            return predict(model, inputs, images).float().cpu().numpy()

    def attention(self, benchmark: Benchmark, images: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n A N"]:
        """Attention of each attribute over the locations of the images; InputError for a network without one."""
        if self.config.network == "basic":
            raise InputError("attention needs a run with network 'attention' or 'gem', got 'basic'")
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        with single_thread(), torch.inference_mode():
            return torch.cat([_attention(model, batch).cpu() for batch in inputs.batches(images)]).numpy()

    def inputs(self, benchmark: Benchmark) -> Inputs:
        """What the run's model is fed with; InputError for features of other weights than those it was trained on."""
        changed = changed_contents(self.config, self.metrics.get("contents", {}))
        if "content of weights" in changed and not self.config.fine_tune:  # else the run holds its own
            raise InputError(
                f"{self.folder} was trained with another content of weights than {self.config.weights} has"
            )
        return load_inputs(self.config, benchmark, resolve_device(self.config.device))


@contextmanager
def _undamaged(folder: Path, name: str) -> Iterator[Path]:
    """The path of a file of a run; whatever reading it raises becomes an InputError that names it."""
    try:
        yield folder / name
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # each library has its own types for a damaged file
        raise InputError(f"{folder / name} is damaged: remove {folder}, and the run can be trained anew") from error


def _attention(model: nn.Module, batch: Tensor) -> Float[Tensor, "b A N"]:
    if isinstance(model, FineTuned):
        model, batch = model.head, model.backbone(batch)
    standardize, network = model
    return network.attention(standardize(batch))


def evaluate_on_test(config: RunConfig, model: nn.Module, inputs: Inputs, benchmark: Benchmark) -> Evaluation:
    """T1 and the seen-unseen curve of a model on the test split: a look at the test set.

    :func:`zslcore.training.evaluation.evaluate`, which has an example, with the vectors, scale and precision of a
    config.
    """
    vectors = benchmark.vectors(config.attribute_vectors)
    with autocast(config, inputs.device):
        return evaluate(model, inputs, vectors, benchmark, test_task(benchmark), scale=config.scale)


def restore_model(config: RunConfig, benchmark: Benchmark, state: dict) -> nn.Module:
    """The model of a config with the weights of ``state``, in evaluation mode on the config's device.

    The caller's random state stays. RuntimeError, of torch, for the state of another model.
    """
    with reproducible(config.seed):  # the initial weights, soon replaced, are not drawn from the caller's random state
        model = build_model(config, benchmark, weights="random")
    model = model.to(resolve_device(config.device), weight_dtype(config))
    model.load_state_dict(state)
    return model.eval()


def environment(config: RunConfig) -> dict[str, Any]:
    """Where a run was made: versions, processor, device. No host name and no path.

    >>> list(environment(RunConfig(dataset="SYNTH", device="cpu")))
    ['zslcore', 'python', 'torch', 'numpy', 'machine', 'cpus', 'device']
    """
    device = resolve_device(config.device)
    return {
        "zslcore": zslcore.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
    }


def _processor() -> str:
    """The processor's name where Linux tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()

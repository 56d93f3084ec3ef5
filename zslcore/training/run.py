"""A finished run: its folder, its numbers, its model, and what the model predicts."""

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from safetensors.torch import load
from torch import Tensor

from zslcore._io.determinism import reproducible
from zslcore._io.hashes import check_hash
from zslcore._version import __version__
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.class_splits import split_classes
from zslcore.data.tasks import test_task
from zslcore.errors import InputError, one_line
from zslcore.models import AttributeModel
from zslcore.training.damage import damage_named
from zslcore.training.device import resolve_device, weight_dtype
from zslcore.training.errors_by_class import prediction_errors
from zslcore.training.evaluation import Evaluation, attend, evaluate, predict
from zslcore.training.inputs.contents import changed_contents, file_contents
from zslcore.training.inputs.sources import Inputs, load_inputs
from zslcore.training.objective import build_model
from zslcore.training.run_metrics import check_metrics

WEIGHTS = "checkpoint/model.safetensors"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, read with :meth:`load` from a folder that :func:`zslcore.training.fit` wrote.

    ``metrics`` is the content of ``metrics.json``. ``history`` has a row for each epoch of each training. The methods
    compute on the device of the config, or on the CPU if this machine does not have it.
    """

    folder: Path
    config: RunConfig
    metrics: dict[str, Any]
    history: pd.DataFrame

    @classmethod
    def load(cls, folder: Path) -> "Run":
        """Read a run folder; InputError if it is not a complete one or a file is damaged."""
        folder = Path(folder)
        if not (folder / "metrics.json").is_file():
            raise InputError(f"{folder} is not a run folder: it has no metrics.json")
        with damage_named(folder / "config.json", _remedy(folder)):
            check_hash(folder, "config.json")
        config = RunConfig.read(folder / "config.json")
        with damage_named(folder / "metrics.json", _remedy(folder)) as path:
            check_hash(folder, "metrics.json")
            metrics = json.loads(path.read_text(encoding="utf-8"))
        check_metrics(path, metrics, _remedy(folder))
        with damage_named(folder / "history.csv", _remedy(folder)) as path:
            check_hash(folder, "history.csv")
            history = pd.read_csv(path)
        return cls(folder, config, metrics, history)

    def model(self, benchmark: Benchmark) -> AttributeModel:
        """The trained model after its last epoch, in evaluation mode.

        ``benchmark`` must be the version of the data that the run was trained on; another one raises InputError.
        """
        benchmark = split_classes(benchmark, self.config.class_split)
        if benchmark.fingerprint != self.metrics["dataset"]["fingerprint"]:
            raise InputError(f"{self.folder} was trained on another version of {benchmark.name} than the one on disk")
        with damage_named(self.folder / WEIGHTS, _remedy(self.folder)) as path:
            check_hash(self.folder, WEIGHTS)
            state = load(path.read_bytes())
        try:
            return restore_model(self.config, benchmark, state, self._device)
        except (KeyError, RuntimeError) as error:  # of torch, for tensors of other names or shapes
            raise InputError(f"{path} must hold the weights of this run's model, got: {one_line(error)}") from error

    def inputs(self, benchmark: Benchmark) -> Inputs:
        """The inputs of the run's model; InputError if the files that they come from changed since the training."""
        changed = changed_contents(file_contents(self.config, benchmark), self.metrics["contents"])
        held_by = {"images": benchmark.name, "features": benchmark.name, "weights": self.config.weights}
        for name, place in held_by.items():
            own = name == "weights" and self.config.fine_tune  # the run holds them
            if f"content of {name}" in changed and not own:
                raise InputError(f"{self.folder} was trained with another content of {name} than {place} has")
        return load_inputs(self.config, benchmark, self._device)

    def evaluate(self, benchmark: Benchmark) -> Evaluation:
        """T1 and the seen-unseen curve of the model on the test split."""
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        benchmark = split_classes(benchmark, self.config.class_split)
        return evaluate(self.config, model, inputs, benchmark, test_task(benchmark))

    def errors(self, benchmark: Benchmark) -> tuple[Float[np.ndarray, "S A"], Float[np.ndarray, "U A"]]:
        """Errors by class and attribute on the seen and unseen test images, see :func:`prediction_errors`."""
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        return prediction_errors(self.config, model, inputs, split_classes(benchmark, self.config.class_split))

    def predict(self, benchmark: Benchmark, images: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n A"]:
        """Attributes that the model predicts for the images at these positions of the benchmark."""
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        return predict(model, inputs, images, precision=self.config.precision).float().cpu().numpy()

    def attention(self, benchmark: Benchmark, images: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n A N"]:
        """Attention of each attribute over the locations of the images; InputError for a network without attention."""
        if self.config.network == "basic":
            raise InputError("attention needs a run with network 'attention' or 'gem', got 'basic'")
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        return attend(model, inputs, images).numpy()

    @property
    def _device(self) -> torch.device:
        return resolve_device(self.config.device, fallback=True)


def _remedy(folder: Path) -> str:
    return f"remove {folder}, and the run can be trained again"


def restore_model(
    config: RunConfig, benchmark: Benchmark, state: dict[str, Tensor], device: torch.device
) -> AttributeModel:
    """The model of a config with the weights of ``state``, in evaluation mode; the global random state is unchanged."""
    with reproducible(config.seed):  # the initial weights, replaced below, draw from the global random state
        num_channels = len(state["standardize.mean"])
        model = build_model(config, benchmark, weights="random", num_channels=num_channels)
    model = model.to(device, weight_dtype(config.precision))
    model.load_state_dict(state)
    return model.eval()


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, processor and device of a run, without host name or paths."""
    return {
        "zslcore": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
    }


def _processor() -> str:
    """The name of the processor on Linux, its architecture elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()

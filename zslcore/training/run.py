"""A finished run: its folder, its metrics, its model, and the predictions of the model."""

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
from numpy.typing import ArrayLike
from safetensors.torch import load
from torch import Tensor

from zslcore._io.determinism import reproducible, usual_torch
from zslcore._io.hashes import check_hash
from zslcore._io.locations import user_path
from zslcore._version import __version__
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark, check_benchmark
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
REMEDY = "restore it, or train the run again in another folder"


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
    def load(cls, folder: Path | str) -> "Run":
        """Read a run folder; InputError if it is not a complete one or a file is damaged."""
        folder = user_path(folder, what="the run folder").absolute()  # so that a later chdir does not matter
        if not (folder / "metrics.json").is_file():
            raise InputError(f"{folder} is not a run folder: it has no metrics.json")
        with _unchanged(folder, "config.json") as path:
            config = RunConfig.read(path)
        with _unchanged(folder, "metrics.json") as path:
            metrics = json.loads(path.read_text(encoding="utf-8"))
        check_metrics(path, metrics, REMEDY)
        with _unchanged(folder, "history.csv") as path:
            history = pd.read_csv(path)
        return cls(folder, config, metrics, history)

    @usual_torch()
    def model(self, benchmark: Benchmark) -> AttributeModel:
        """The trained model after its last epoch, in evaluation mode.

        ``benchmark`` must be the version of the data that the run was trained on; another one raises InputError.
        """
        check_benchmark(benchmark)
        benchmark = split_classes(benchmark, self.config.class_split)
        if benchmark.fingerprint != self.metrics["dataset"]["fingerprint"]:
            raise InputError(f"{self.folder} was trained on another version of {benchmark.name} than the one on disk")
        with _unchanged(self.folder, WEIGHTS) as path:
            state = load(path.read_bytes())
        try:
            return restore_model(self.config, benchmark, state, self._device)
        except (KeyError, RuntimeError) as error:  # of torch, for tensors of other names or shapes
            raise InputError(f"{path} must hold the weights of this run's model, got: {one_line(error)}") from error

    @usual_torch()
    def inputs(self, benchmark: Benchmark) -> Inputs:
        """The inputs of the run's model; InputError if their files have changed since the training."""
        check_benchmark(benchmark)
        changed = changed_contents(file_contents(self.config, benchmark), self.metrics["contents"])
        held_by = {"images": benchmark.name, "features": benchmark.name, "weights": self.config.weights}
        for name, place in held_by.items():
            own = name == "weights" and self.config.fine_tune  # the run holds them
            if f"content of {name}" in changed and not own:
                raise InputError(f"{self.folder} was trained with another content of {name} than {place} has")
        return load_inputs(self.config, benchmark, self._device)

    @usual_torch()
    def evaluate(self, benchmark: Benchmark) -> Evaluation:
        """T1 and the seen-unseen curve of the model on the test split."""
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        benchmark = split_classes(benchmark, self.config.class_split)
        return evaluate(self.config, model, inputs, benchmark, test_task(benchmark))

    @usual_torch()
    def errors(self, benchmark: Benchmark) -> tuple[Float[np.ndarray, "S A"], Float[np.ndarray, "U A"]]:
        """Errors by class and attribute on the seen and unseen test images, see :func:`prediction_errors`."""
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        return prediction_errors(self.config, model, inputs, split_classes(benchmark, self.config.class_split))

    @usual_torch()
    def predict(self, benchmark: Benchmark, images: ArrayLike) -> Float[np.ndarray, "n A"]:
        """Attributes that the model predicts for the images at these positions of the benchmark, or in this mask."""
        check_benchmark(benchmark)
        places = _positions(images, len(benchmark.labels))
        if not len(places):
            return np.zeros((0, benchmark.attributes.shape[1]), dtype=np.float32)
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        return predict(model, inputs, places, precision=self.config.precision).float().cpu().numpy()

    @usual_torch()
    def attention(self, benchmark: Benchmark, images: ArrayLike) -> Float[np.ndarray, "n A N"]:
        """Attention of each attribute over the locations of the images; InputError for a network without attention."""
        if self.config.network == "basic":
            raise InputError("attention needs a run with network 'attention' or 'gem', got 'basic'")
        check_benchmark(benchmark)
        places = _positions(images, len(benchmark.labels))
        if not len(places):
            raise InputError("images must name at least one image, got none")
        model, inputs = self.model(benchmark), self.inputs(benchmark)
        return attend(model, inputs, places).numpy()

    @property
    def _device(self) -> torch.device:
        return resolve_device(self.config.device, fallback=True)


@contextmanager
def _unchanged(folder: Path, name: str) -> Iterator[Path]:
    """Read a file of a run within the block; InputError if it is not what the run wrote."""
    with damage_named(folder / name, REMEDY, what="has changed since it was written") as path:
        check_hash(folder, name)
        yield path


def _positions(images: ArrayLike, number: int) -> Int[np.ndarray, " n"]:
    """Positions of images as int64, from positions in [0, number) or from a mask."""
    places = np.asarray(images)
    if places.dtype == bool and places.shape == (number,):
        return np.flatnonzero(places)
    if places.ndim != 1 or not (np.issubdtype(places.dtype, np.integer) or places.size == 0):
        kind = f"{places.dtype} of shape {places.shape}"
        raise InputError(f"images must be one row of positions, or a mask of {number} images, got {kind}")
    if ((places < 0) | (places >= number)).any():
        raise InputError(f"images must be positions in [0, {number}), got {places.min()} to {places.max()}")
    return places.astype(np.int64)


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

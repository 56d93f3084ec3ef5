"""``fit``: from a :class:`RunConfig` to a run folder, under both protocols.

A run trains twice with the same settings: on the training classes, where the validation split chooses the epoch
and gamma; and on trainval, evaluated on the test split after every epoch. Then

- ``clean`` reads T1, U, S, H and AUSUC on the test split once, at the chosen epoch and gamma;
- ``paper`` reads T1, (U, S, H) and AUSUC each at its own best epoch, and gamma at its best, all on the test split,
  as the released code does: an oracle, to be compared with published tables only.

A run folder holds ``config.json``, ``metrics.json``, ``history.csv`` and ``checkpoint/model.safetensors`` (the weights
that ``clean`` chose). ``metrics.json`` is written last: a folder without it is not a run.
"""

import json
import os
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import nn

import zslcore
from zslcore.analysis import coefficient_of_variation, row_correlation, theil_index
from zslcore.config import RunConfig, run_name
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.features import FrozenFeatures, frozen_features
from zslcore.data.locations import runs_root
from zslcore.data.tasks import test_task, validation_task
from zslcore.determinism import reproducible
from zslcore.errors import InputError
from zslcore.remse import class_error
from zslcore.trainer import (
    Evaluation,
    Maps,
    Trained,
    build_model,
    evaluate,
    predict,
    refuse_fine_tuning,
    resolve_device,
    train,
)

VALIDATION_SEED = 0  # one validation split for all runs, so that seeds differ in training alone


def fit(config: RunConfig, folder: Path | None = None) -> Path:
    """Run a config and return its run folder; a folder that already holds this run is returned as it is.

    ``folder`` defaults to :func:`default_folder`. Raises InputError when it holds a run of other settings, and for
    data, weights or settings that cannot be used.
    """
    refuse_fine_tuning(config)
    folder = Path(folder or default_folder(config))
    benchmark = load_benchmark(config.dataset)
    if (folder / "metrics.json").exists():
        _check_same_run(folder, config, benchmark)
        return folder
    features = load_features(config, benchmark)
    validation = train(config, benchmark, features.maps, validation_task(benchmark, seed=VALIDATION_SEED))
    final = train(config, benchmark, features.maps, test_task(benchmark))
    epoch = choose_epoch(validation)
    model = _restore(config, features.num_channels, benchmark, final.states[epoch])
    metrics = {
        "dataset": {"name": benchmark.name, "fingerprint": benchmark.fingerprint},
        "protocols": {
            "clean": clean_protocol(validation.evaluations[epoch], final.evaluations[epoch], epoch),
            "paper": paper_protocol(final),
        },
        "validation": {name: validation.rows[epoch][name] for name in ("T1", "U", "S", "H", "gamma", "AUSUC")},
        "errors": error_statistics(*prediction_errors(model, config, benchmark, features), benchmark),
        "effective_lambda": _effective_lambda(config, final, epoch),
        "cost": {"seconds": validation.seconds + final.seconds},
        "environment": environment(config),
    }
    _write_run(folder, config, metrics, validation, final, final.states[epoch])
    return folder


def default_folder(config: RunConfig) -> Path:
    """``runs_root()/DATASET/NAME``, see :func:`zslcore.config.run_name`.

    >>> default_folder(RunConfig.study("SYNTH", method="mse")).name
    'mse-seed0'
    """
    return runs_root() / config.dataset / run_name(config)


def load_features(config: RunConfig, benchmark: Benchmark) -> FrozenFeatures:
    """The frozen features that a config trains on: pooled ones for BasicNet, which pools first anyway."""
    return frozen_features(
        benchmark,
        backbone=config.backbone,
        weights=config.weights,
        size=config.image_size,
        resize_ratio=config.resize_ratio,
        pooling="mean" if config.network == "basic" else "map",
    )


def choose_epoch(validation: Trained) -> int:
    """The epoch with the best harmonic mean on the validation split, the first of equals."""
    return int(np.argmax([row["H"] for row in validation.rows]))


def clean_protocol(validation: Evaluation, test: Evaluation, epoch: int) -> dict[str, float]:
    """Test accuracies at the epoch and gamma that the validation split chose."""
    seen, unseen, harmonic, gamma = test.curve.at(validation.curve.best()[3])
    accuracies = {"T1": test.t1, "U": unseen, "S": seen, "H": harmonic, "AUSUC": test.curve.ausuc}
    return accuracies | {"gamma": gamma, "epoch": epoch}


def paper_protocol(final: Trained) -> dict[str, float]:
    """Oracle accuracies: T1, (U, S, H) and AUSUC each at its own best epoch, gamma at its best, on the test split."""
    rows = final.rows
    best = {name: int(np.argmax([row[name] for row in rows])) for name in ("T1", "H", "AUSUC")}
    at_best_h = {name: rows[best["H"]][name] for name in ("U", "S", "H", "gamma")}
    accuracies = {"T1": rows[best["T1"]]["T1"], **at_best_h, "AUSUC": rows[best["AUSUC"]]["AUSUC"]}
    return accuracies | {"epoch_T1": best["T1"], "epoch": best["H"], "epoch_AUSUC": best["AUSUC"]}


def prediction_errors(
    model: nn.Module, config: RunConfig, benchmark: Benchmark, features: FrozenFeatures
) -> tuple[Float[np.ndarray, "S A"], Float[np.ndarray, "U A"]]:
    """Mean normalised squared error per class and attribute over the test images: seen and unseen classes apart."""
    maps, matrices = _maps(config, features), []
    for split, classes in (("test_seen", benchmark.seen_classes), ("test_unseen", benchmark.unseen_classes)):
        images = benchmark.split(split)
        prediction = predict(model, maps, images).cpu().double()
        labels = torch.from_numpy(benchmark.labels[images])
        target = torch.from_numpy(benchmark.attributes)[labels].double()
        matrices.append(class_error(prediction, target, labels, len(benchmark.class_names))[classes].numpy())
    return matrices[0], matrices[1]


def error_statistics(
    seen: Float[np.ndarray, "S A"], unseen: Float[np.ndarray, "U A"], benchmark: Benchmark
) -> dict[str, dict[str, float]]:
    """How large and how uneven the errors are, and how they go with the label value, for seen and unseen classes."""
    statistics = {}
    parts = (("test_seen", seen, benchmark.seen_classes), ("test_unseen", unseen, benchmark.unseen_classes))
    for name, errors, classes in parts:
        statistics[name] = {
            "mean": float(errors.mean()),
            "coefficient_of_variation": coefficient_of_variation(errors),
            "theil": theil_index(errors),
            "label_correlation": float(np.nanmean(row_correlation(benchmark.attributes[classes], errors))),
        }
    return statistics


def environment(config: RunConfig) -> dict[str, Any]:
    """Where a run was made: versions, processor, device. No host name and no path."""
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


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, read from its folder: settings, metrics and history; the model on demand."""

    folder: Path
    config: RunConfig
    metrics: dict[str, Any]
    history: pd.DataFrame

    @classmethod
    def load(cls, folder: Path) -> "Run":
        """Read a run folder; InputError if it is not a complete one."""
        folder = Path(folder)
        if not (folder / "metrics.json").is_file():
            raise InputError(f"{folder} is not a run folder: it has no metrics.json")
        return cls(
            folder,
            RunConfig.read(folder / "config.json"),
            json.loads((folder / "metrics.json").read_text()),
            pd.read_csv(folder / "history.csv"),
        )

    def errors(self, benchmark: Benchmark) -> tuple[Float[np.ndarray, "S A"], Float[np.ndarray, "U A"]]:
        """Error matrices of the checkpoint on the seen and unseen test images (see :func:`prediction_errors`)."""
        model = self.model(benchmark)
        return prediction_errors(model, self.config, benchmark, load_features(self.config, benchmark))

    def model(self, benchmark: Benchmark) -> nn.Module:
        """The trained model of the ``clean`` protocol, in evaluation mode."""
        if benchmark.fingerprint != self.metrics["dataset"]["fingerprint"]:
            raise InputError(f"{self.folder} was trained on another version of {benchmark.name} than the one on disk")
        state = load_file(self.folder / "checkpoint" / "model.safetensors")
        return _restore(self.config, state["0.mean"].shape[0], benchmark, state)

    def evaluate(self, benchmark: Benchmark) -> Evaluation:
        """T1 and the seen-unseen curve of the checkpoint on the test split."""
        model = self.model(benchmark)
        return evaluate(model, self._maps(benchmark), benchmark, test_task(benchmark), scale=self.config.scale)

    def predict(self, benchmark: Benchmark, images: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n A"]:
        """Attributes that the checkpoint predicts for the images at these positions of the benchmark."""
        model = self.model(benchmark)
        return predict(model, self._maps(benchmark), images).cpu().numpy()

    def _maps(self, benchmark: Benchmark) -> Maps:
        return _maps(self.config, load_features(self.config, benchmark))


def _maps(config: RunConfig, features: FrozenFeatures) -> Maps:
    return Maps(features.maps, resolve_device(config.device), getattr(torch, config.precision))


def _restore(config: RunConfig, num_channels: int, benchmark: Benchmark, state: dict) -> nn.Module:
    with reproducible(config.seed):  # the initial weights, soon replaced, are not drawn from the caller's random state
        model = build_model(config, num_channels, benchmark)
    model = model.to(resolve_device(config.device), getattr(torch, config.precision))
    model.load_state_dict(state)
    return model.eval()


def _effective_lambda(config: RunConfig, final: Trained, epoch: int) -> float:
    """lam times the mean factor by which the weights raised the regression loss, up to the chosen epoch."""
    if config.loss == "none":
        return 0.0
    return config.lam * float(np.mean([row["amplification"] for row in final.rows[: epoch + 1]]))


def _check_same_run(folder: Path, config: RunConfig, benchmark: Benchmark) -> None:
    run = Run.load(folder)
    stored = run.config.to_dict()
    changed = [name for name, value in config.to_dict().items() if stored[name] != value]
    if run.metrics["dataset"]["fingerprint"] != benchmark.fingerprint:
        changed.append(f"another version of {benchmark.name}")
    if changed:
        raise InputError(
            f"{folder} holds a run of other settings ({', '.join(changed)}); give another folder or remove this one"
        )


def _write_run(
    folder: Path, config: RunConfig, metrics: dict, validation: Trained, final: Trained, state: dict
) -> None:
    """Write the files beside the folder, then move them in, ``metrics.json`` last: with it a run is complete.

    The folder may exist already, since a notebook that runs in it is written there too.
    """
    tasks = (("validation", validation), ("test", final))
    history = pd.concat([pd.DataFrame(trained.rows).assign(task=task) for task, trained in tasks])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".partial-{folder.name}-", dir=folder.parent) as temporary:
        partial = Path(temporary)
        (partial / "config.json").write_text(json.dumps(config.to_dict(), indent=2) + "\n")
        history.to_csv(partial / "history.csv", index=False)
        save_file(state, partial / "model.safetensors")
        (partial / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
        (folder / "checkpoint").mkdir(exist_ok=True)
        for name in ("config.json", "history.csv", "model.safetensors", "metrics.json"):
            target = folder / "checkpoint" / name if name == "model.safetensors" else folder / name
            os.replace(partial / name, target)

"""``fit``: from a :class:`RunConfig` to a run folder, under both protocols.

A run trains twice with the same settings: on the training classes, where the validation split chooses the epoch and
gamma; and on trainval, evaluated on the test split after every epoch. The protocol ``clean`` reads all accuracies on
the test split once, at the chosen epoch and gamma. ``paper`` reads each at its best epoch and gamma on the test split,
as the released code does: an oracle, only for comparison with published tables.

A run folder holds ``config.json``, ``metrics.json``, ``history.csv`` and in ``checkpoint/`` the weights that ``clean``
chose (``model.safetensors``) and the last ones (``last.safetensors``). ``metrics.json`` is written last.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accelerate import Accelerator
from filelock import Timeout
from safetensors.torch import save

from zslcore._io.locations import runs_root
from zslcore._io.progress import progress_bar
from zslcore._io.writing import flush_files, locked, new_file
from zslcore.config import RunConfig, run_name
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import test_task, validation_task
from zslcore.errors import InputError
from zslcore.training.checkpoints import Checkpoints, settings_of_run, training_key
from zslcore.training.device import make_accelerator
from zslcore.training.errors_by_class import error_statistics, prediction_errors
from zslcore.training.evaluation import evaluate
from zslcore.training.inputs.sources import Inputs, changed_contents, check_backbone, file_contents, load_inputs
from zslcore.training.loop import Trained, train
from zslcore.training.protocols import clean_protocol, paper_protocol
from zslcore.training.run import WEIGHTS, Run, environment, restore_model

VALIDATED = ("T1", "U", "S", "H", "gamma", "AUSUC")
VALIDATION_SEED = 0  # one validation split for all runs, so that seeds differ in training alone
TASKS = ("validation", "test")


def fit(config: RunConfig, folder: Path | None = None, *, num_workers: int = 0, progress: bool = True) -> Path:
    """Train and evaluate a config; a finished run is returned at once, an interrupted one resumes.

    Under ``torchrun`` or ``accelerate launch`` all processes call it, and the first one writes.

    Args:
        config: the settings.
        folder: the run folder, by default :func:`default_folder`. It is returned; read it with :meth:`Run.load`.
        num_workers: processes that decode pictures ahead, if the backbone is trained.
        progress: show a bar over the epochs.

    Raises:
        InputError: if the folder holds a run of other settings, finished or not; if another process is training there;
            or if data, weights or settings cannot be used.
    """
    folder = Path(folder or default_folder(config))
    accelerator = make_accelerator(config)
    # the other processes of this training wait; a finished run is only read, also in a read-only folder
    writes = accelerator.is_main_process and not (folder / "metrics.json").exists()
    with _locked(folder) if writes else contextlib.nullcontext():
        _fit(config, folder, accelerator, num_workers, progress)
    return folder


def fit_all(configs: Iterable[RunConfig]) -> list[Path]:
    """Run configs one after the other in their default folders, under one progress bar; returns the folders."""
    configs = list(configs)
    return [fit(config, progress=False) for config in progress_bar(configs, desc="runs", unit="run")]


def default_folder(config: RunConfig) -> Path:
    """``runs_root()/DATASET/NAME``, see :func:`zslcore.config.run_name`."""
    return runs_root() / config.dataset / run_name(config)


def _fit(config: RunConfig, folder: Path, accelerator: Accelerator, num_workers: int, progress: bool) -> None:
    contents = file_contents(config)  # before the files are read, so that a later change is noticed next time
    with accelerator.main_process_first():  # it generates SYNTH and computes features, the others read them
        benchmark = load_benchmark(config.dataset)
        finished = (folder / "metrics.json").exists()
        if finished:
            _check_same_run(folder, config, benchmark)
        else:
            for task in TASKS:
                key = training_key(config, benchmark, task=task, processes=accelerator.num_processes)
                Checkpoints(folder / "checkpoint" / task, key).check()
            check_backbone(config)  # before pictures are decoded, which may take hours
            inputs = load_inputs(config, benchmark, accelerator.device, num_workers=num_workers)
    accelerator.wait_for_everyone()
    if finished:
        return

    states = folder / "checkpoint"
    task = validation_task(benchmark, seed=VALIDATION_SEED)
    validation = train(config, benchmark, inputs, task, checkpoints=states / "validation", progress=progress)
    task, keep = test_task(benchmark), validation.kept
    final = train(config, benchmark, inputs, task, keep=keep, checkpoints=states / "test", progress=progress)
    metrics = _metrics(config, benchmark, inputs, validation, final)
    if accelerator.is_main_process:
        metrics["environment"] = environment(accelerator.device) | {"processes": accelerator.num_processes}
        if contents:
            metrics["contents"] = contents
        _write_run(folder, config, metrics, validation, final)
    accelerator.wait_for_everyone()


def _metrics(
    config: RunConfig, benchmark: Benchmark, inputs: Inputs, validation: Trained, final: Trained
) -> dict[str, Any]:
    """The numbers of a run; called by all processes, since each predicts a part of the test images."""
    model = restore_model(config, benchmark, final.state, inputs.device)
    evaluation = evaluate(config, model, inputs, benchmark, test_task(benchmark))
    seen, unseen = prediction_errors(model, inputs, benchmark, precision=config.precision)
    chosen = validation.rows[validation.kept]
    amplification = float(np.mean([row["amplification"] for row in final.rows[: final.kept + 1]]))
    effective = 0.0 if config.loss == "none" else config.lam * amplification
    return {
        "dataset": {"name": benchmark.name, "fingerprint": benchmark.fingerprint},
        "protocols": {
            "clean": clean_protocol(chosen, validation.kept, evaluation),
            "paper": paper_protocol(final.rows),
        },
        "validation": {name: chosen[name] for name in VALIDATED},
        "errors": error_statistics(seen, unseen, benchmark),
        "effective_lambda": None if np.isnan(amplification) else effective,
        "cost": {"seconds": validation.seconds + final.seconds},
    }


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a folder; empty folders are removed again."""
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with locked(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"another process is training in {folder}: wait for it, or give another folder") from None
    finally:
        for path in (*sorted(folder.rglob("*/"), reverse=True), folder, *absent):
            with contextlib.suppress(OSError):  # it holds something
                path.rmdir()


def _check_same_run(folder: Path, config: RunConfig, benchmark: Benchmark) -> None:
    run = Run.load(folder)
    stored = settings_of_run(run.config)
    changed = [name for name, value in settings_of_run(config).items() if stored[name] != value]
    if run.metrics["dataset"]["fingerprint"] != benchmark.fingerprint:
        changed.append(f"another version of {benchmark.name}")
    changed += changed_contents(config, run.metrics.get("contents", {}))
    if changed:
        raise InputError(
            f"{folder} holds a run of other settings ({', '.join(changed)}); give another folder or remove this one"
        )


def _write_run(folder: Path, config: RunConfig, metrics: dict[str, Any], validation: Trained, final: Trained) -> None:
    """Write the files of a run, ``metrics.json`` last, since it marks a complete run."""
    histories = pd.DataFrame(validation.rows).assign(task="validation"), pd.DataFrame(final.rows).assign(task="test")
    with new_file(folder / "config.json") as partial:
        partial.write_text(json.dumps(config.to_dict(), indent=2) + "\n", encoding="utf-8")
    with new_file(folder / "history.csv") as partial:
        pd.concat(histories).to_csv(partial, index=False)
    for name, state in zip(WEIGHTS, (final.state, final.last), strict=True):
        with new_file(folder / "checkpoint" / f"{name}.safetensors") as partial:
            partial.write_bytes(save(state))  # an error of save_file would not be an OSError
    with new_file(folder / "metrics.json") as partial:
        partial.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        flush_files(folder)
    for task in TASKS:  # no longer needed: an unfinished run resumes from them
        Checkpoints(folder / "checkpoint" / task, {}).remove()

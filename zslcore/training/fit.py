"""``fit``: from a :class:`RunConfig` to a run folder, under both protocols.

A run trains twice with the same settings: on the training classes, where the validation split chooses the epoch
and gamma; and on trainval, evaluated on the test split after every epoch. Then

- ``clean`` reads T1, U, S, H and AUSUC on the test split once, at the chosen epoch and gamma;
- ``paper`` reads T1, (U, S, H) and AUSUC each at its own best epoch, and gamma at its best, all on the test split,
  as the released code does: an oracle, to be compared with published tables only.

A run folder holds ``config.json``, ``metrics.json``, ``history.csv`` and in ``checkpoint/`` the weights that ``clean``
chose (``model.safetensors``) and the last ones (``last.safetensors``). ``metrics.json`` is written last: a folder
without it is an unfinished run, which ``fit`` takes up after its last finished epoch.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from accelerate import Accelerator
from filelock import Timeout
from safetensors.torch import save_file

from zslcore._io.locations import runs_root
from zslcore._io.progress import progress_bar
from zslcore._io.writing import flush_files, locked
from zslcore.config import RunConfig, run_name
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import test_task, validation_task
from zslcore.errors import InputError
from zslcore.training.checkpoints import Checkpoints
from zslcore.training.device import make_accelerator
from zslcore.training.errors_by_class import error_statistics, prediction_errors
from zslcore.training.inputs.sources import changed_contents, check_backbone, file_contents, load_inputs
from zslcore.training.loop import Trained, train
from zslcore.training.protocols import clean_protocol, paper_protocol
from zslcore.training.run import WEIGHTS, Run, environment, evaluate_on_test, restore_model

VALIDATED = ("T1", "U", "S", "H", "gamma", "AUSUC")
VALIDATION_SEED = 0  # one validation split for all runs, so that seeds differ in training alone


def fit(config: RunConfig, folder: Path | None = None, *, num_workers: int = 0, progress: bool = True) -> Path:
    """Run a config and return its run folder; a folder that already holds this run is returned as it is.

    ``folder`` defaults to :func:`default_folder`; a run that was cut off there goes on after its last finished epoch,
    to the same numbers. ``num_workers`` processes decode pictures ahead when the backbone is trained too;
    ``progress`` shows a bar over the epochs. Under
    ``torchrun`` or ``accelerate launch`` all processes call it, and the first one writes. Raises InputError when the
    folder holds a run of other settings, finished or not, or another process is training there, and for data, weights
    or settings that cannot be used.
    """
    folder = Path(folder or default_folder(config))
    accelerator = make_accelerator(config)
    # other processes of this training read and wait; a finished run is only read, also from a read-only folder
    writes = accelerator.is_main_process and not (folder / "metrics.json").exists()
    with _alone_in(folder) if writes else contextlib.nullcontext():
        _fit(config, folder, accelerator, num_workers, progress)
    return folder


def _fit(config: RunConfig, folder: Path, accelerator: Accelerator, num_workers: int, progress: bool) -> None:
    contents = file_contents(config)  # before they are read, so that a file changed meanwhile is noticed next time
    with accelerator.main_process_first():  # the first one draws SYNTH and computes features, the others read them
        benchmark = load_benchmark(config.dataset)
        finished = (folder / "metrics.json").exists()
        if finished:
            _check_same_run(folder, config, benchmark)
        else:
            _check_unfinished(folder, config, benchmark, accelerator.num_processes)
            check_backbone(config)
            inputs = load_inputs(config, benchmark, accelerator.device, num_workers=num_workers)
    accelerator.wait_for_everyone()
    if finished:
        return
    states = folder / "checkpoint"
    tasks = validation_task(benchmark, seed=VALIDATION_SEED), test_task(benchmark)
    world = {"config": config, "benchmark": benchmark, "inputs": inputs, "progress": progress}
    validation = train(**world, task=tasks[0], checkpoints=states / "validation")
    final = train(**world, task=tasks[1], keep=validation.kept, checkpoints=states / "test")
    model = restore_model(config, benchmark, final.state)
    evaluation, errors = (
        evaluate_on_test(config, model, inputs, benchmark),
        prediction_errors(model, config, benchmark, inputs),
    )
    if accelerator.is_main_process:
        metrics = {
            "dataset": {"name": benchmark.name, "fingerprint": benchmark.fingerprint},
            **({"contents": contents} if contents else {}),
            "protocols": {
                "clean": clean_protocol(validation.rows[validation.kept], evaluation, validation.kept),
                "paper": paper_protocol(final.rows),
            },
            "validation": {name: validation.rows[validation.kept][name] for name in VALIDATED},
            "errors": error_statistics(*errors, benchmark),
            "effective_lambda": _effective_lambda(config, final),
            "cost": {"seconds": validation.seconds + final.seconds},
            "environment": environment(config) | {"processes": accelerator.num_processes},
        }
        _write_run(folder, config, metrics, validation, final)
    accelerator.wait_for_everyone()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a folder; a folder that was made for that, and stays empty, goes again.

    Two that do would move each other's half-written states into place.
    """
    made = not folder.exists()
    try:
        with locked(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"another process is training in {folder}: wait for it, or give another folder") from None
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def fit_all(configs: Iterable[RunConfig]) -> list[Path]:
    """Run many configs one after the other, in their default folders and under one bar: their run folders."""
    configs = list(configs)
    return [fit(config, progress=False) for config in progress_bar(configs, desc="runs", unit="run")]


def default_folder(config: RunConfig) -> Path:
    """``runs_root()/DATASET/NAME``, see :func:`zslcore.config.run_name`.

    >>> default_folder(RunConfig.study("SYNTH", method="mse")).name
    'mse-seed0'
    """
    return runs_root() / config.dataset / run_name(config)


def _effective_lambda(config: RunConfig, final: Trained) -> float | None:
    """lam times the mean factor by which the weights raised the MSE, up to the kept epoch; None for another error."""
    if config.loss == "none":
        return 0.0
    raised = float(np.mean([row["amplification"] for row in final.rows[: final.kept + 1]]))
    return None if np.isnan(raised) else config.lam * raised


def _check_same_run(folder: Path, config: RunConfig, benchmark: Benchmark) -> None:
    run = Run.load(folder)
    stored = run.config.to_dict()
    changed = [name for name, value in config.to_dict().items() if stored[name] != value]
    if run.metrics["dataset"]["fingerprint"] != benchmark.fingerprint:
        changed.append(f"another version of {benchmark.name}")
    changed += changed_contents(config, run.metrics.get("contents", {}))
    if changed:
        raise InputError(
            f"{folder} holds a run of other settings ({', '.join(changed)}); give another folder or remove this one"
        )


def _check_unfinished(folder: Path, config: RunConfig, benchmark: Benchmark, processes: int) -> None:
    key = {"config": config.to_dict(), "fingerprint": benchmark.fingerprint, "processes": processes}
    key |= {"contents": file_contents(config)}
    for task in ("validation", "test"):
        Checkpoints(folder / "checkpoint" / task, key).check()


def _write_run(folder: Path, config: RunConfig, metrics: dict, validation: Trained, final: Trained) -> None:
    """Write the files beside the folder, then move them in, ``metrics.json`` last: with it a run is complete.

    The folder may exist already: the states of its trainings are there, and a notebook that runs in it.
    """
    tasks = (("validation", validation), ("test", final))
    history = pd.concat([pd.DataFrame(trained.rows).assign(task=task) for task, trained in tasks])
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".partial-{folder.name}-", dir=folder.parent) as temporary:
        partial = Path(temporary)
        (partial / "config.json").write_text(json.dumps(config.to_dict(), indent=2) + "\n")
        history.to_csv(partial / "history.csv", index=False)
        save_file(final.state, partial / "model.safetensors")
        save_file(final.last, partial / "last.safetensors")
        (partial / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
        flush_files(partial)
        for path in (
            folder / "config.json",
            folder / "history.csv",
            *(checkpoint / f"{name}.safetensors" for name in WEIGHTS),
        ):
            os.replace(partial / path.name, path)
        os.replace(partial / "metrics.json", folder / "metrics.json")
    for task, _ in tasks:  # what an unfinished run resumes from
        Checkpoints(checkpoint / task, {}).remove()

"""``fit``: from a :class:`RunConfig` to a run folder, under both protocols.

A run trains four times with the same settings: on three folds of the seen classes, and on trainval. In each fold, a
third of the seen classes acts as unseen. The training on trainval is evaluated on the test split after every epoch. The
protocol ``clean`` takes all accuracies on the test split after the last epoch, at the mean of the folds' best gammas.
The protocol ``paper`` takes each accuracy at its best epoch and gamma on the test split, as the released code does; it
is only for comparison with published tables. ESZSL and SAE are solved four times instead, which counts as one epoch.

A run folder contains ``config.json``, ``metrics.json``, ``history.csv`` and the last weights,
``checkpoint/model.safetensors``. ``hashes.json`` has the SHA-256 of these files. ``metrics.json`` is written last.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accelerate import Accelerator
from filelock import Timeout
from safetensors.torch import save

from zslcore._io.determinism import usual_torch
from zslcore._io.hashes import HASHES, file_hash
from zslcore._io.locations import check_folder, runs_root, user_path
from zslcore._io.numbers import is_whole
from zslcore._io.progress import progress_bar
from zslcore._io.writing import flush_files, locked, new_file
from zslcore.closed_form import SOLVERS
from zslcore.config import RunConfig, check_config
from zslcore.criteria import CRITERIA
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.class_splits import split_classes
from zslcore.data.tasks import ZeroShotTask, fold_tasks, test_task
from zslcore.errors import InputError
from zslcore.training.checkpoints import Checkpoints, training_key
from zslcore.training.conditions import check_settings
from zslcore.training.device import callers_accelerate, make_accelerator
from zslcore.training.errors_by_class import error_statistics, prediction_errors
from zslcore.training.evaluation import evaluate
from zslcore.training.identity import identifying_settings, run_name
from zslcore.training.inputs.contents import changed_contents, file_contents
from zslcore.training.inputs.sources import Inputs, check_backbone, load_inputs
from zslcore.training.loop import Trained, train
from zslcore.training.protocols import clean_protocol, fold_config, paper_protocol, validation_means
from zslcore.training.run import WEIGHTS, Run, environment, restore_model
from zslcore.training.solve import solve


@usual_torch()
@callers_accelerate()
def fit(config: RunConfig, folder: Path | str | None = None, *, num_workers: int = 0, progress: bool = True) -> Path:
    """Train and evaluate a config; a finished run is returned at once, an interrupted one resumes.

    Under ``torchrun`` or ``accelerate launch``, all processes must call it. The first process writes the files.

    Args:
        config: the settings.
        folder: the run folder, by default :func:`default_folder`. It is returned; read it with :meth:`Run.load`.
        num_workers: processes that decode pictures in advance, if the backbone is trained.
        progress: show a bar over the epochs.

    Raises:
        InputError: if the folder holds a run of other settings, finished or not, or other files with the names of a
            run's; if another process is training there; or if data, weights or settings cannot be used.
    """
    check_config(config)
    if not is_whole(num_workers) or num_workers < 0:
        raise InputError(f"num_workers must be an integer of at least 0, got {num_workers!r:.100}")
    folder = user_path(folder or default_folder(config), what="the run folder")
    check_folder("the run folder", folder)
    _check_own(folder, config)
    accelerator = make_accelerator(config)
    # only the first process locks; a finished run is only read, so its folder may be read-only
    writes = accelerator.is_main_process and not (folder / "metrics.json").exists()
    with _locked(folder) if writes else contextlib.nullcontext():
        _fit(config, folder, accelerator, num_workers, progress)
    return folder


def fit_all(configs: Iterable[RunConfig]) -> list[Path]:
    """Run configs one after the other in their default folders, under one progress bar; returns the folders."""
    if isinstance(configs, (RunConfig, Mapping)):
        raise InputError(f"configs must be a list of RunConfig, got {type(configs).__name__}")
    configs = list(configs)
    for config in configs:
        check_config(config)
    return [fit(config, progress=False) for config in progress_bar(configs, desc="runs", unit="run")]


def default_folder(config: RunConfig) -> Path:
    """``runs_root()/DATASET/NAME``, see :func:`zslcore.training.identity.run_name`."""
    check_config(config)
    return runs_root() / config.dataset / run_name(config)


def _check_own(folder: Path, config: RunConfig) -> None:
    """Raise InputError if a run would overwrite files that no run wrote."""
    own = folder / "config.json"
    finished = (folder / "metrics.json").exists() and (own.exists() or (folder / HASHES).exists())
    if finished or any(folder.glob("checkpoint/*/epoch-*/progress.json")):
        return
    if own.is_file() and own.read_bytes() == _config_text(config).encode():  # killed before metrics.json was written
        return
    for name in ("config.json", "metrics.json", "history.csv", HASHES, WEIGHTS):
        if (folder / name).exists():
            raise InputError(f"{folder} holds {name}, but no run: give another folder")


def _config_text(config: RunConfig) -> str:
    return json.dumps(config.to_dict(), indent=2) + "\n"


def _fit(config: RunConfig, folder: Path, accelerator: Accelerator, num_workers: int, progress: bool) -> None:
    with accelerator.main_process_first():  # it generates SYNTH and computes features, the others read them
        whole = load_benchmark(config.dataset)
        benchmark = split_classes(whole, config.class_split)
        contents = file_contents(config, whole)  # before they are used, so that a later change is noticed next time
        finished = (folder / "metrics.json").exists()
        if finished:
            _check_same_run(folder, config, benchmark, contents)
        else:
            trainings = _trainings(config, benchmark)
            for task, settings in trainings:
                key = training_key(settings, benchmark, contents, task=task.name, processes=accelerator.num_processes)
                Checkpoints(_states(folder, task), key).check()
            check_settings(config, benchmark)  # before pictures are decoded, which may take hours
            check_backbone(config)
            inputs = load_inputs(config, whole, accelerator.device, num_workers=num_workers)
    accelerator.wait_for_everyone()
    if finished:
        if accelerator.is_main_process:
            _remove_states(folder)  # left if a process was killed after it had written metrics.json
        return

    trained = {}
    for task, settings in trainings:
        if config.loss in SOLVERS:
            trained[task.name] = solve(settings, benchmark, inputs, task)
        else:
            trained[task.name] = train(
                settings,
                benchmark,
                inputs,
                task,
                checkpoints=_states(folder, task),
                contents=contents,
                progress=progress,
            )
    metrics = _metrics(config, benchmark, inputs, trained)
    if accelerator.is_main_process:
        metrics["environment"] = environment(accelerator.device) | {"processes": accelerator.num_processes}
        metrics["contents"] = contents
        _write_run(folder, config, metrics, trained)
    accelerator.wait_for_everyone()


def _trainings(config: RunConfig, benchmark: Benchmark) -> list[tuple[ZeroShotTask, RunConfig]]:
    """The tasks of a run, with their settings: the folds, then the test."""
    folds = [(task, fold_config(config, benchmark, task)) for task in fold_tasks(benchmark)]
    return [*folds, (test_task(benchmark), config)]


def _states(folder: Path, task: ZeroShotTask) -> Path:
    """Folder of the states of a training, from which an unfinished run resumes."""
    return folder / "checkpoint" / task.name


def _metrics(config: RunConfig, benchmark: Benchmark, inputs: Inputs, trained: dict[str, Trained]) -> dict[str, Any]:
    """The numbers of a run; called by all processes, since each predicts a part of the test images."""
    *folds, final = trained.values()
    model = restore_model(config, benchmark, final.state, inputs.device)
    evaluation = evaluate(config, model, inputs, benchmark, test_task(benchmark))
    seen, unseen = prediction_errors(config, model, inputs, benchmark)
    validation = validation_means([fold.rows[-1] for fold in folds])
    amplification = float(np.mean([row["amplification"] for row in final.rows]))
    effective = config.lam * amplification if config.loss in CRITERIA else 0.0
    return {
        "dataset": {"name": benchmark.name, "fingerprint": benchmark.fingerprint},
        "protocols": {
            "clean": _defined(clean_protocol(validation["gamma"], final.rows[-1]["epoch"], evaluation)),
            "paper": _defined(paper_protocol(final.rows)),
        },
        "validation": validation,
        "errors": error_statistics(seen, unseen, benchmark),
        "effective_lambda": None if np.isnan(amplification) else effective,
        "cost": {"seconds": sum(one.seconds for one in trained.values())},
    }


def _defined(accuracies: dict[str, float]) -> dict[str, float | None]:
    """The accuracies, with None for NaN, because JSON has no NaN: U, S and H without test images of seen classes."""
    return {name: None if np.isnan(value) else value for name, value in accuracies.items()}


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a folder; empty folders that were made meanwhile are removed again."""
    checkpoint = folder / "checkpoint"
    absent = [path for path in (checkpoint, folder, *folder.parents) if not path.exists()]
    present = set(checkpoint.glob("*/"))
    try:
        with locked(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"another process is training in {folder}: wait for it, or give another folder") from None
    finally:
        for path in (*(set(checkpoint.glob("*/")) - present), *absent):
            with contextlib.suppress(OSError):  # it holds something
                path.rmdir()


def _check_same_run(folder: Path, config: RunConfig, benchmark: Benchmark, contents: dict[str, str]) -> None:
    run = Run.load(folder)
    stored = identifying_settings(run.config)
    changed = [name for name, value in identifying_settings(config).items() if stored[name] != value]
    if run.metrics["dataset"]["fingerprint"] != benchmark.fingerprint:
        changed.append(f"another version of {benchmark.name}")
    changed += changed_contents(contents, run.metrics["contents"])
    if changed:
        raise InputError(
            f"{folder} holds a run of other settings ({', '.join(changed)}); give another folder or remove this one"
        )


def _write_run(folder: Path, config: RunConfig, metrics: dict[str, Any], trained: dict[str, Trained]) -> None:
    """Write the files of a run, ``metrics.json`` last, since it marks a complete run."""
    histories = [pd.DataFrame(one.rows).assign(task=task) for task, one in trained.items()]
    with new_file(folder / "config.json") as partial:
        partial.write_text(_config_text(config), encoding="utf-8")
    with new_file(folder / "history.csv") as partial:
        pd.concat(histories).to_csv(partial, index=False)
    with new_file(folder / WEIGHTS) as partial:
        partial.write_bytes(save(trained["test"].state))  # an error of save_file would not be an OSError
    text = json.dumps(metrics, indent=2) + "\n"
    hashes = {name: file_hash(folder / name) for name in ("config.json", "history.csv", WEIGHTS)}
    hashes["metrics.json"] = hashlib.sha256(text.encode()).hexdigest()
    with new_file(folder / HASHES) as partial:
        partial.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
    with new_file(folder / "metrics.json") as partial:
        partial.write_bytes(text.encode())
        flush_files(folder)
    _remove_states(folder)


def _remove_states(folder: Path) -> None:
    """Remove the states of all trainings, which only an unfinished run needs."""
    checkpoint = folder / "checkpoint"
    for states in (*checkpoint.glob("fold_*/"), checkpoint / "test"):
        Checkpoints(states, {}).remove()

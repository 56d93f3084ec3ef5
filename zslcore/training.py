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
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from accelerate import Accelerator
from jaxtyping import Float
from safetensors.torch import save_file

from zslcore.analysis import coefficient_of_variation, row_correlation, theil_index
from zslcore.config import RunConfig, run_name
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.locations import runs_root
from zslcore.data.tasks import test_task, validation_task
from zslcore.engine import Checkpoints, flush_files, make_accelerator
from zslcore.errors import InputError
from zslcore.evaluation import Evaluation
from zslcore.inputs import changed_contents, check_backbone, file_contents, load_inputs
from zslcore.locks import locked
from zslcore.progress import progress_bar
from zslcore.runs import WEIGHTS, Run, environment, evaluate_on_test, prediction_errors, restore_model
from zslcore.trainer import Trained, train

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
        with locked(folder / ".lock") as alone:
            if alone is False:
                raise InputError(f"another process is training in {folder}: wait for it, or give another folder")
            yield
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


def clean_protocol(validation: dict[str, float], test: Evaluation, epoch: int) -> dict[str, float]:
    """Test accuracies at the epoch and gamma that the validation split chose; ``validation`` is its row there.

    Shares in [0, 1]; ``epoch`` counts from 0.

    >>> from zslcore.metrics import seen_unseen_curve
    >>> score = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5], [2.0, 0.0, 1.0]])  # two seen classes, then an unseen one
    >>> curve = seen_unseen_curve(score[:2], np.array([0, 1]), score[2:], np.array([2]), num_seen=2)
    >>> clean_protocol({"gamma": 0.7}, Evaluation(t1=1.0, curve=curve), epoch=4)  # 1.5 would be the best gamma
    {'T1': 1.0, 'U': 0.0, 'S': 0.5, 'H': 0.0, 'AUSUC': 0.5, 'gamma': 0.7, 'epoch': 4}
    """
    seen, unseen, harmonic, gamma = test.curve.at(validation["gamma"])
    accuracies = {"T1": test.t1, "U": unseen, "S": seen, "H": harmonic, "AUSUC": test.curve.ausuc}
    return accuracies | {"gamma": gamma, "epoch": epoch}


def paper_protocol(rows: list[dict[str, float]]) -> dict[str, float]:
    """Oracle accuracies: T1, (U, S, H) and AUSUC each at its own best epoch, gamma at its best, on the test split.

    ``rows``: :meth:`zslcore.evaluation.Evaluation.best` on the test split after each epoch. Shares in [0, 1]; epochs
    count from 0, the first of equals is taken.

    >>> first = {"T1": 0.7, "U": 0.2, "S": 0.6, "H": 0.3, "gamma": 1.0, "AUSUC": 0.3}
    >>> second = {"T1": 0.5, "U": 0.4, "S": 0.4, "H": 0.4, "gamma": 2.0, "AUSUC": 0.2}
    >>> paper_protocol([first, second])  # better than either epoch is
    {'T1': 0.7, 'U': 0.4, 'S': 0.4, 'H': 0.4, 'gamma': 2.0, 'AUSUC': 0.3, 'epoch_T1': 0, 'epoch': 1, 'epoch_AUSUC': 0}
    """
    best = {name: int(np.argmax([row[name] for row in rows])) for name in ("T1", "H", "AUSUC")}
    at_best_h = {name: rows[best["H"]][name] for name in ("U", "S", "H", "gamma")}
    accuracies = {"T1": rows[best["T1"]]["T1"], **at_best_h, "AUSUC": rows[best["AUSUC"]]["AUSUC"]}
    return accuracies | {"epoch_T1": best["T1"], "epoch": best["H"], "epoch_AUSUC": best["AUSUC"]}


def error_statistics(
    seen: Float[np.ndarray, "S A"], unseen: Float[np.ndarray, "U A"], benchmark: Benchmark
) -> dict[str, dict[str, float | None]]:
    """How large and how uneven the errors are, and how they go with the label value, for seen and unseen classes.

    The matrices hold errors >= 0, a row for each of the benchmark's seen and unseen classes, as
    :func:`zslcore.runs.prediction_errors` gives them. ``label_correlation`` is the mean over the classes of
    :func:`zslcore.analysis.row_correlation`, in [-1, 1], without those where it is NaN. Classes without test
    images (NaN) are left out; a statistic that no class has is None. Raises InputError for shapes that do not fit the
    benchmark.

    >>> import tempfile
    >>> from zslcore.data.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=3, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> seen, unseen = (benchmark.attributes[rows] for rows in (benchmark.seen_classes, benchmark.unseen_classes))
    >>> statistics = error_statistics(seen, 1 - unseen, benchmark)
    >>> [round(part["label_correlation"], 6) for part in statistics.values()]  # as the label value, and against it
    [1.0, -1.0]
    """
    statistics = {}
    parts = (("test_seen", seen, benchmark.seen_classes), ("test_unseen", unseen, benchmark.unseen_classes))
    for name, errors, classes in parts:
        present = ~np.isnan(errors).all(1)
        errors, correlation = errors[present], row_correlation(benchmark.attributes[classes], errors)[present]
        numbers = {
            "mean": errors.mean() if len(errors) else math.nan,
            "coefficient_of_variation": coefficient_of_variation(errors),
            "theil": theil_index(errors),
            "label_correlation": pd.Series(correlation).mean(),  # without those that are NaN
        }
        statistics[name] = {key: float(value) if math.isfinite(value) else None for key, value in numbers.items()}
    return statistics


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

"""``fit`` cut off at every step: what is left is no run, and the next ``fit`` ends where an undisturbed one would."""

import dataclasses
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SMALL

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.training import Run, checkpoints, fit, loop
from zslcore.training.inputs.contents import file_contents
from zslcore.training.loop import Trainer
from zslcore.training.objective import Objective

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

pytestmark = pytest.mark.usefixtures("small_world")

# momentum, a falling step size and errors remembered over epochs: all of it has to come back
CONFIG = RunConfig(
    dataset="SYNTH", **SMALL, epochs=3, episodes=4, ways=4, lr_step=1, lr_decay=0.5, memory="running", lam=5
)
EPOCHS = [2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4]  # steps: folds train on 6, 7 and 7 of 10 classes, the test on all
STEPS = sum(EPOCHS)
FILES = {"config.json", "history.csv", "metrics.json", "hashes.json", "checkpoint/model.safetensors"}


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(small_synth, small_cache, tmp_path_factory):
    """The run that was never interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_benchmark", lambda name: small_synth)
        patch.setenv("ZSLCORE_CACHE", str(small_cache))
        return fit(CONFIG, tmp_path_factory.mktemp("whole") / "run")


def assert_same(folder, whole):
    """All but the time that it took."""
    assert files(folder) == FILES
    for name in FILES - {"metrics.json", "hashes.json"}:
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    assert {**Run.load(folder).metrics, "cost": 0} == {**Run.load(whole).metrics, "cost": 0}


def cut(monkeypatch, owner, name, call):
    """Let the call with this number, counted from 0, of a function raise KeyboardInterrupt; returns all calls."""
    calls, original = [], getattr(owner, name)

    def interrupted(*arguments, **keywords):
        calls.append(arguments)
        if len(calls) == call + 1:
            raise KeyboardInterrupt
        return original(*arguments, **keywords)

    monkeypatch.setattr(owner, name, interrupted)
    return calls


@pytest.mark.usefixtures("unchecked")  # the tests below check the shapes on the same way
@pytest.mark.parametrize("step", [0, 1, 2, 5, 6, 7, 14, 15, 22, 24, 25, 30, STEPS - 1])
def test_at_a_step(monkeypatch, tmp_path, whole, step):
    with monkeypatch.context() as patch:
        cut(patch, Trainer, "_step", step)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    assert "metrics.json" not in files(tmp_path / "run")
    with monkeypatch.context() as patch:
        steps = cut(patch, Trainer, "_step", -1)
        assert_same(fit(CONFIG, tmp_path / "run"), whole)
    ends = np.cumsum(EPOCHS)
    assert len(steps) == STEPS - max([0, *ends[ends <= step]])  # finished epochs are not trained again


@pytest.mark.usefixtures("unchecked")  # the tests below check the shapes on the same way
def test_again_and_again(monkeypatch, tmp_path, whole):
    """A machine that allows five steps at a time gets there."""
    for _ in range(9):  # two epochs each of the first two times, then one
        with monkeypatch.context() as patch:
            cut(patch, Trainer, "_step", 5)
            with pytest.raises(KeyboardInterrupt):
                fit(CONFIG, tmp_path / "run")
    assert_same(fit(CONFIG, tmp_path / "run"), whole)


@pytest.mark.parametrize("name", ["rmtree", "replace"])
@pytest.mark.parametrize("call", range(4))
def test_while_a_state_is_put_in_place(monkeypatch, tmp_path, whole, name, call):
    with monkeypatch.context() as patch:
        cut(patch, {"rmtree": shutil, "replace": os}[name], name, call)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    assert_same(fit(CONFIG, tmp_path / "run"), whole)


@pytest.mark.parametrize(("call", "epochs_left"), [(0, 10), (6, 1)], ids=["fold", "test"])
def test_while_a_state_is_removed(monkeypatch, tmp_path, whole, call, epochs_left):
    """Killed after the first of its files is gone, which may be any: beside it the next state is whole."""
    calls, original = [], shutil.rmtree

    def cut_within(folder, **settings):
        calls.append(folder)
        if len(calls) == call + 1:
            (folder / "progress.json").unlink()
            raise KeyboardInterrupt
        original(folder, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", cut_within)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    states = list((tmp_path / "run").glob("checkpoint/*/epoch-*"))
    assert states
    assert all((state / "progress.json").exists() for state in states)
    with monkeypatch.context() as patch:
        saved = cut(patch, checkpoints.Checkpoints, "save", -1)
        assert_same(fit(CONFIG, tmp_path / "run"), whole)
    assert len(saved) == epochs_left  # nothing is trained again


@pytest.mark.parametrize("call", [0, 3])
def test_while_a_state_is_written(monkeypatch, tmp_path, whole, call):
    with monkeypatch.context() as patch:
        cut(patch, Path, "write_bytes", call)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    assert_same(fit(CONFIG, tmp_path / "run"), whole)


@pytest.mark.parametrize("moved", range(5))
def test_while_the_files_of_the_run_are_moved_in(monkeypatch, tmp_path, whole, moved):
    """Whichever of the files is the first not to arrive: no metrics, and nothing that stands in the way."""
    with monkeypatch.context() as patch:
        cut(patch, os, "replace", len(EPOCHS) + moved)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    assert len(files(tmp_path / "run") & FILES) == moved
    with pytest.raises(InputError, match=r"is not a run folder: it has no metrics\.json"):
        Run.load(tmp_path / "run")
    assert_same(fit(CONFIG, tmp_path / "run"), whole)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("call", [0, 1])
def test_after_the_last_file_of_the_run(monkeypatch, tmp_path, whole, call):
    """Killed while its states were removed: the next ``fit`` only reads the finished run, and removes the rest."""
    calls, original = [], training.Checkpoints.remove
    (tmp_path / "run").mkdir()

    def killed(self):
        calls.append(self.folder)
        if len(calls) > call:
            raise KeyboardInterrupt
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(training.Checkpoints, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    assert (tmp_path / "run" / "metrics.json").exists()
    assert list((tmp_path / "run").glob("checkpoint/*/epoch-*"))
    assert_same(fit(CONFIG, tmp_path / "run"), whole)


def test_while_the_weights_of_the_run_are_written(monkeypatch, tmp_path, whole):
    def disk_full(state):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training, "save", disk_full)
        with pytest.raises(OSError, match="No space left"):
            fit(CONFIG, tmp_path / "run")
    assert not files(tmp_path / "run") & {"metrics.json", "checkpoint/model.safetensors"}
    assert_same(fit(CONFIG, tmp_path / "run"), whole)


def test_a_folder_with_a_notebook_in_it_becomes_the_run(tmp_path):
    """papermill writes the notebook into the run folder while it runs."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "04_train.ipynb").write_text("{}")
    folder = fit(CONFIG, tmp_path / "run")
    assert files(folder) == FILES | {"04_train.ipynb"}
    assert (folder / "04_train.ipynb").read_text() == "{}"


@pytest.mark.parametrize("step", [5, 29], ids=["fold", "test"])
def test_the_state_of_other_settings_is_neither_taken_up_nor_lost(monkeypatch, tmp_path, whole, step):
    """Another seed in the same folder would otherwise remove what days of training left."""
    with monkeypatch.context() as patch:
        cut(patch, Trainer, "_step", step)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    before = files(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(training, "load_inputs", None)  # refused before features are computed
        message = r"run/checkpoint/fold_1 holds an unfinished training with other settings \(lam, seed\); give"
        with pytest.raises(InputError, match=message):
            fit(CONFIG.replace(seed=5, lam=4.0), tmp_path / "run")
    assert files(tmp_path / "run") == before
    assert_same(fit(CONFIG, tmp_path / "run"), whole)


def test_the_state_of_a_setting_that_is_no_more_is_refused(monkeypatch, tmp_path):
    """Resumed it could end with other numbers; ignored, the first new state would remove it."""
    with monkeypatch.context() as patch:
        patch.setattr(loop, "training_key", lambda *a, **k: checkpoints.training_key(*a, **k) | {"warmup": 3})
        cut(patch, Trainer, "_step", 5)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    before = files(tmp_path / "run")
    with pytest.raises(InputError, match=r"unfinished training with other settings \(warmup\)"):
        fit(CONFIG, tmp_path / "run")
    assert files(tmp_path / "run") == before


def test_the_state_of_other_data_or_of_more_processes_is_refused(monkeypatch, tmp_path, small_synth):
    with monkeypatch.context() as patch:
        cut(patch, Trainer, "_step", 5)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    changed = dataclasses.replace(small_synth, attributes=small_synth.attributes[::-1].copy())
    for benchmark, processes, name in ((changed, 1, "fingerprint"), (small_synth, 2, "processes")):
        files = file_contents(CONFIG, benchmark)
        config = CONFIG.replace(episodes=EPOCHS[0])
        key = checkpoints.training_key(config, benchmark, files, task="fold_1", processes=processes)
        with pytest.raises(InputError, match=rf"unfinished training with other settings \({name}\)"):
            checkpoints.Checkpoints(tmp_path / "run" / "checkpoint" / "fold_1", key).check()


def test_resuming_leaves_the_callers_random_states_alone(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        cut(patch, Trainer, "_step", 6)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    np.random.seed(1)  # noqa: NPY002 - the global generator is what must be left alone
    torch.manual_seed(1)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    fit(CONFIG, tmp_path / "run")
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002 (Python's own is drawn from by beartype here)
    assert torch.equal(torch.get_rng_state(), before[1])


VARIANTS = [
    {"loss": "mse", "momentum": 0.0, "precision": "bf16"},
    {"network": "attention", "key_dim": 8, "memory": "ema", "precision": "float64"},
    {"network": "gem", "loss": "remse_permuted"},
]


@pytest.mark.filterwarnings("ignore:this CPU has no AVX-512")
@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_other_settings_resume_exactly_too(monkeypatch, tmp_path, changes):
    config = CONFIG.replace(**({"memory": "batch"} | changes))
    with monkeypatch.context() as patch:
        cut(patch, Trainer, "_step", 17)
        with pytest.raises(KeyboardInterrupt):
            fit(config, tmp_path / "run")
    assert_same(fit(config, tmp_path / "run"), fit(config, tmp_path / "whole"))


def test_a_network_that_draws_numbers_resumes_exactly(monkeypatch, tmp_path):
    """No random state is stored: each epoch has its own seed."""
    forward, dropped = Objective.forward, []

    def with_dropout(self, inputs, *labels):
        dropped.append(torch.nn.functional.dropout(inputs, 0.5, self.training))
        return forward(self, dropped[-1], *labels)

    monkeypatch.setattr(Objective, "forward", with_dropout)
    with monkeypatch.context() as patch:
        cut(patch, Trainer, "_step", 17)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    fit(CONFIG, tmp_path / "run")
    del dropped[:]
    assert_same(tmp_path / "run", fit(CONFIG, tmp_path / "whole"))
    assert len({batch.eq(0).sum().item() for batch in dropped[-CONFIG.episodes :]}) > 1


@pytest.mark.parametrize(
    ("owner", "name", "call", "task"),
    [
        ("Trainer", "_step", 29, "test"),
        ("Path", "write_bytes", 5, "fold_1"),  # the second file of the second state
        ("os", "fsync", 6, "fold_1"),
        ("shutil", "rmtree", 1, "fold_1"),  # of the first state, while the second is in place
    ],
)
def test_killed_for_good(tmp_path, small_synth, small_cache, whole, owner, name, call, task):
    """The process itself is killed, by a signal that it cannot catch; what it left is removed in the end."""
    script = f"""
import os, shutil, signal
import importlib
from pathlib import Path
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.training.loop import Trainer
training = importlib.import_module("zslcore.training.fit")
training.load_benchmark = lambda name: Benchmark.load(Path({str(small_synth.root)!r}), "SYNTH")
original, calls = {owner}.{name}, []
def killed(*arguments, **keywords):
    calls.append(0)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **keywords)
{owner}.{name} = killed
training.fit(RunConfig.from_dict({CONFIG.to_dict()!r}), Path({str(tmp_path / "run")!r}))
"""
    result = subprocess.run([sys.executable, "-c", script], env=os.environ, capture_output=True, check=False)
    assert result.returncode == -9, result.stderr.decode()
    assert (tmp_path / "run" / "checkpoint" / task).is_dir()
    assert len(list((tmp_path / "run").glob("checkpoint/*/.*-epoch-*"))) == (
        0 if name == "_step" else 1 + (name != "rmtree")
    )
    assert_same(fit(CONFIG, tmp_path / "run"), whole)

"""Files of runs and of their states that a crash or a full disk cut: one sentence that says what to remove."""

import hashlib
import importlib
import json
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SMALL

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.training import Run, checkpoints, fit
from zslcore.training import run as run_module
from zslcore.training.loop import Trainer

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

pytestmark = pytest.mark.usefixtures("small_world")

CONFIG = RunConfig(dataset="SYNTH", **SMALL, epochs=3, episodes=2, ways=4)
FOLD_STEPS = 1  # an epoch of the first fold, on 6 of the 10 seen classes
STATE_FILES = ["progress.json", "state.safetensors", "hashes.json"]


def world(patch, small_synth, small_cache):
    patch.setattr(training, "load_benchmark", lambda name: small_synth)
    patch.setenv("ZSLCORE_CACHE", str(small_cache))


@pytest.fixture(scope="module")
def finished(small_synth, small_cache, tmp_path_factory):
    """The folder of a whole run, made once."""
    with pytest.MonkeyPatch.context() as patch:
        world(patch, small_synth, small_cache)
        return fit(CONFIG, tmp_path_factory.mktemp("finished") / "run", progress=False)


@pytest.fixture(scope="module")
def unfinished(small_synth, small_cache, tmp_path_factory):
    """The folder of a run that was cut off in the third epoch of its first fold, made once."""
    steps, step = [], Trainer._step

    def interrupted(*arguments):
        steps.append(arguments)
        if len(steps) == 2 * FOLD_STEPS + 1:
            raise KeyboardInterrupt
        return step(*arguments)

    folder = tmp_path_factory.mktemp("unfinished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        world(patch, small_synth, small_cache)
        patch.setattr(Trainer, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, folder, progress=False)
    return folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("metrics.json", content) for content in ('{"dataset": {"name": "SY', "{}", "[]", "", '{"dataset": 3}')),
        ("history.csv", ""),
        *(("checkpoint/model.safetensors", content) for content in ("half", "")),
    ],
)
def test_of_a_finished_run(finished, small_synth, tmp_path, name, content):
    folder = shutil.copytree(finished, tmp_path / "run")
    (folder / name).write_text(content)
    message = f"^{re.escape(str(folder / name))} has changed since it was written: restore it, or train the run again"
    with pytest.raises(InputError, match=message):
        Run.load(folder).model(small_synth)
    if not name.startswith("checkpoint"):
        with pytest.raises(InputError, match=message):
            fit(CONFIG, folder)


@pytest.mark.parametrize("kept", [None, 0.0, 0.5, 0.95])
@pytest.mark.parametrize("name", STATE_FILES)
def test_of_a_state(unfinished, finished, tmp_path, name, kept):
    folder = shutil.copytree(unfinished, tmp_path / "run")
    (state,) = folder.glob("checkpoint/fold_1/epoch-*")
    content = (state / name).read_bytes()
    (state / name).unlink()
    if kept is not None:
        (state / name).write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=rf"{state.name} is damaged: remove it, and the training starts without it$"):
        fit(CONFIG, folder, progress=False)
    shutil.rmtree(state)
    again = Run.load(fit(CONFIG, folder, progress=False))
    assert again.metrics | {"cost": 0} == Run.load(finished).metrics | {"cost": 0}


@pytest.mark.parametrize("name", STATE_FILES)
def test_other_bytes_in_a_state(unfinished, tmp_path, name):
    """Of the same length."""
    folder = shutil.copytree(unfinished, tmp_path / "run")
    (file,) = folder.glob(f"checkpoint/fold_1/epoch-*/{name}")
    file.write_bytes(b"x" * file.stat().st_size)
    with pytest.raises(InputError, match=r"epoch-0002 is damaged: remove it"):
        fit(CONFIG, folder, progress=False)


@pytest.mark.parametrize("name", STATE_FILES)
def test_every_changed_bit_of_a_state_is_noticed(unfinished, tmp_path, name):
    """One in progress.json changed a number of the history, or the next draws of the sampler."""
    folder = shutil.copytree(unfinished, tmp_path / "run")
    (file,) = folder.glob(f"checkpoint/fold_1/epoch-*/{name}")
    whole, key = file.read_bytes(), json.loads(file.with_name("progress.json").read_text())["key"]
    store = checkpoints.Checkpoints(file.parent.parent, key)
    assert store.load() is not None
    for bit in np.random.default_rng(0).choice(8 * len(whole), 100, replace=False):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        with pytest.raises(InputError, match=r"epoch-0002 is damaged: remove it"):
            store.load()


class Forged:
    """Pickled as a numpy array whose type claims that its numbers are addresses of objects.

    torch.load with ``weights_only`` and the classes that accelerate adds builds it, and a copy of it crashes Python.
    """

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def forged_array():
    address = Forged(np.dtype, ("O8", False, True))
    of_type = Forged(np.dtype, ("u4", False, True), (3, "|", None, ("a",), {"a": (address, 0)}, 4, 1, 1))
    return Forged(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, (4,), of_type, False, b"A" * 16))


@pytest.mark.parametrize("name", STATE_FILES)
def test_a_forged_state_is_damaged(unfinished, tmp_path, name):
    """Also if its hashes fit: resuming from it read memory at an address from the file."""
    folder = shutil.copytree(unfinished, tmp_path / "run")
    (state,) = folder.glob("checkpoint/fold_1/epoch-*")
    torch.save({"state": {}, "param_groups": [{"lr": forged_array()}]}, state / name)
    hashes = {file: hashlib.sha256((state / file).read_bytes()).hexdigest() for file in STATE_FILES[:-1]}
    if name != "hashes.json":
        (state / "hashes.json").write_text(json.dumps(hashes))
    with pytest.raises(InputError, match=r"epoch-0002 is damaged: remove it"):
        fit(CONFIG, folder, progress=False)


def test_no_file_of_a_state_is_unpickled(unfinished, finished, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a pickle is read")

    folder = shutil.copytree(unfinished, tmp_path / "run")
    for owner, name in ((torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(owner, name, refuse)
    again = fit(CONFIG, folder, progress=False)
    for name in ("history.csv", "checkpoint/model.safetensors"):
        assert (again / name).read_bytes() == (finished / name).read_bytes()


@pytest.mark.parametrize("error", [MemoryError(), PermissionError(13, "Permission denied"), OSError(116, "Stale")])
@pytest.mark.parametrize("read", ["read_text", "read_bytes", "read_csv"])
def test_what_is_no_damage_keeps_its_name(finished, small_synth, monkeypatch, error, read):
    """Nobody should remove a run because its memory or network file system failed once."""

    def failing(path, *_, **__):
        if path.name == "metrics.json" or (read != "read_text" and path.name != "config.json"):
            raise error
        return original(path)

    owner = run_module.pd if read == "read_csv" else Path
    original = getattr(owner, read)
    monkeypatch.setattr(owner, read, failing)
    with pytest.raises(type(error)) as caught:
        Run.load(finished).model(small_synth)
    assert caught.value is error


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA error"), OSError(116, "Stale file handle")])
def test_a_state_that_cannot_be_loaded_now_is_not_damaged(unfinished, tmp_path, monkeypatch, error):
    def failing(*_, **__):
        raise error

    folder = shutil.copytree(unfinished, tmp_path / "run")
    monkeypatch.setattr(checkpoints, "load", failing)
    with pytest.raises(type(error)) as caught:
        fit(CONFIG, folder, progress=False)
    assert caught.value is error

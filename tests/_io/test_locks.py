"""Two processes at one run folder or one cache: one works, the other is told, and nobody waits for the dead."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import Timeout

from zslcore import InputError
from zslcore._io.writing import locked
from zslcore.config import RunConfig
from zslcore.training import fit

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

SMALL = {"backbone": "resnet18", "weights": "random", "image_size": 64, "device": "cpu"}
CONFIG = RunConfig(dataset="SYNTH", **SMALL, epochs=2, episodes=2, ways=4)
FILES = {"config.json", "history.csv", "metrics.json", "hashes.json", "checkpoint/model.safetensors"}

HOLDER = """
import sys, time
import importlib
from pathlib import Path
from zslcore._io.writing import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""

KILLED_WITH_A_CHILD = """
import os, signal, sys, time
from pathlib import Path
from zslcore._io.writing import locked
with locked(Path(sys.argv[1])):
    child = os.fork()
    if child == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
"""

TRAINING = """
import sys, time
import importlib
from pathlib import Path
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.training.loop import Trainer
folder, root, config = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
training = importlib.import_module("zslcore.training.fit")
training.load_benchmark = lambda name: Benchmark.load(root, "SYNTH")
step, steps = Trainer._step, []
def waiting(self, *arguments):
    steps.append(0)
    if len(steps) == 4:
        print("training", flush=True)
        sys.stdin.read()
    return step(self, *arguments)
Trainer._step = waiting
training.fit(RunConfig.read(config), folder, progress=False)
"""


def start(script, *arguments):
    """A process that has printed its first line, and that line."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


class TestLocked:
    def test_another_process_is_kept_out_until_the_first_ends(self, tmp_path):
        path = tmp_path / ".lock"
        holder, _ = start(HOLDER, path)
        with pytest.raises(Timeout):
            locked(path, timeout=0).__enter__()
        holder.communicate()
        assert not path.exists()
        with locked(path, timeout=0):
            assert path.exists()

    def test_a_killed_one_does_not_block(self, tmp_path):
        path = tmp_path / ".lock"
        holder, _ = start(HOLDER, path)
        holder.kill()
        holder.communicate()
        assert path.exists()
        with locked(path, timeout=0):
            pass
        assert not path.exists()

    def test_the_children_of_a_killed_one_do_not_hold_it(self, tmp_path):
        """A worker that loads pictures outlives its parent by seconds."""
        holder, child = start(KILLED_WITH_A_CHILD, tmp_path / ".lock")
        assert holder.wait(timeout=30) == -signal.SIGKILL
        try:
            with locked(tmp_path / ".lock", timeout=0):
                pass
        finally:
            os.kill(int(child), signal.SIGKILL)
            holder.communicate()


@pytest.mark.usefixtures("small_world")
class TestRunFolder:
    def test_a_second_process_is_refused_and_the_first_undisturbed(self, small_synth, tmp_path):
        (tmp_path / "config.json").write_text(json.dumps(CONFIG.to_dict()))
        folder = tmp_path / "run"
        process, line = start(TRAINING, folder, small_synth.root, tmp_path / "config.json")
        assert line == "training"
        begun = time.monotonic()
        with pytest.raises(InputError, match=rf"^another process is training in {folder}: wait for it, or give"):
            fit(CONFIG, folder, progress=False)
        assert time.monotonic() - begun < 30
        process.communicate()
        assert process.returncode == 0
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == FILES
        assert fit(CONFIG, folder) == folder

    def test_a_finished_run_needs_no_lock(self, tmp_path):
        folder = fit(CONFIG, tmp_path / "run", progress=False)
        with locked(folder / ".lock"):
            assert fit(CONFIG, folder) == folder

    def test_other_processes_of_the_same_training_take_none(self, tmp_path, monkeypatch):
        monkeypatch.setattr("accelerate.Accelerator.is_main_process", False)
        monkeypatch.setattr(training, "_fit", lambda *_: None)
        with locked(tmp_path / "run" / ".lock"):
            assert fit(CONFIG, tmp_path / "run") == tmp_path / "run"

    def test_a_refused_run_leaves_no_folder(self, tmp_path):
        with pytest.raises(InputError, match="weights must be"):
            fit(CONFIG.replace(weights="nowhere.pth"), tmp_path / "run")
        assert not (tmp_path / "run").exists()

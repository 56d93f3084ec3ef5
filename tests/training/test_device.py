"""Where a training runs: several processes, bfloat16, torch.compile, clipping, sampling, live curves."""

import json
import os
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.training import loop
from zslcore.training.device import autocast, make_accelerator, weight_dtype
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import Trainer, train
from zslcore.training.run import Run
from zslcore.training.tensorboard import logbook

CPU = torch.device("cpu")
CONFIG = RunConfig(
    dataset="SYNTH", backbone="resnet18", device="cpu", epochs=2, episodes=10, ways=6, lam=5.0, key_dim=8, lr=0.003
)


@pytest.fixture
def run(benchmark, features):
    """Train a variation of ``CONFIG``."""

    def run(**changes):
        config = CONFIG.replace(**changes)
        return train(config, benchmark, Maps(features, CPU, weight_dtype(config.precision)), zero_shot_task(benchmark))

    return run


DISTRIBUTED = """
import json, sys
from pathlib import Path
import numpy as np
from safetensors.torch import save_file
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import test_task
from zslcore.training.device import make_accelerator
from zslcore._io.distributed import share_of_batch
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import train
import dataclasses, torch
folder = Path(sys.argv[1])
config = RunConfig.read(folder / "config.json")
benchmark = Benchmark.load(Path(sys.argv[2]), "SYNTH")
benchmark = dataclasses.replace(benchmark, attributes=np.load(folder / "attributes.npy"))
accelerator = make_accelerator(config)
maps = Maps(np.load(folder / "features.npy"), accelerator.device, torch.float64)
result = train(config, benchmark, maps, test_task(benchmark), checkpoints=folder / "states")
rank, processes = share_of_batch()
assert processes == 2
(folder / f"rows-{rank}.json").write_text(json.dumps(result.rows))
save_file(result.state, folder / f"last-{rank}.safetensors")
"""


def torchrun(script, folder, config, benchmark, *, killed=False):
    """Run a script in two processes, which finds its config in ``folder``; one of them may be killed."""
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*command, str(folder / "script.py"), str(folder), str(benchmark.root)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (result.returncode != 0) == killed, result.stderr[-3000:]
    return result.stderr


def distributed(folder, config, benchmark, features):
    """Rows and last weights of both processes of a training under torchrun."""
    np.save(folder / "features.npy", features)
    np.save(folder / "attributes.npy", benchmark.attributes)
    torchrun(DISTRIBUTED, folder, config, benchmark)
    rows = [json.loads((folder / f"rows-{rank}.json").read_text()) for rank in (0, 1)]
    return rows, [load_file(folder / f"last-{rank}.safetensors") for rank in (0, 1)]


@pytest.mark.parametrize(
    "change",
    [
        {"memory": "running", "p": 1.0},
        {"memory": "ema", "unit_mean": True, "reference": "median"},
        {"loss": "mse", "sampling": "random", "clip": 1.0},
        {"network": "gem", "decorrelation": 0.1, "gem_variant": "gem-zsl"},
        {"loss": "bmc"},
        {"loss": "bmc_per_attribute", "sampling": "random"},
        {"loss": "rmse", "clip": 1.0},
        {"loss": "group_dro", "loss_options": {"step": 2.0}},
    ],
    ids=str,
)
def test_two_processes_train_as_one(tmp_path, benchmark, features, run, change):
    """Class means, a Balanced MSE's labels and a root's mean are those of the whole batch: same loss, same gradient."""
    change |= {"precision": "float64"}
    rows, states = distributed(tmp_path, CONFIG.replace(**change), benchmark, features)
    one = run(**change)
    assert rows[0] == rows[1]
    for row, expected in zip(rows[0], one.rows, strict=True):
        assert row == pytest.approx(expected, rel=1e-9, nan_ok=True)
    for state in states:
        for name, value in one.state.items():
            torch.testing.assert_close(state[name], value, rtol=1e-9, atol=1e-12)
    # and resumed from the state that two processes left, nothing is trained again
    shutil.rmtree(tmp_path / "states" / "none", ignore_errors=True)
    assert distributed(tmp_path, CONFIG.replace(**change), benchmark, features)[0] == rows


KILLED = """
import os, signal
from zslcore._io.distributed import share_of_batch
from zslcore.training.loop import Trainer
step, count = Trainer._step, 0
def killed(self, *arguments):
    global count
    count += 1
    if count == 14 and share_of_batch()[0] == RANK:  # in the second epoch
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *arguments)
Trainer._step = killed
"""


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_others_and_the_next_start_resumes_exactly(tmp_path, benchmark, features, rank):
    folders, config = (
        [tmp_path / "whole", tmp_path / "cut"],
        CONFIG.replace(memory="running", p=1.0, precision="float64"),
    )
    for folder in folders:
        folder.mkdir()
    whole = distributed(folders[0], config, benchmark, features)
    for name in ("features.npy", "attributes.npy"):
        shutil.copy(folders[0] / name, folders[1])
    script = KILLED.replace("RANK", str(rank)) + DISTRIBUTED
    assert "Signal 9 (SIGKILL)" in torchrun(script, folders[1], config, benchmark, killed=True)
    assert [path.name for path in (folders[1] / "states").iterdir()] == ["epoch-0001"]
    rows, states = distributed(folders[1], config, benchmark, features)
    assert rows == whole[0]
    for state, expected in zip(states, whole[1], strict=True):
        assert all(torch.equal(value, expected[name]) for name, value in state.items())


FINE_TUNED = """
import sys
import importlib
from pathlib import Path
from safetensors.torch import save_file
from zslcore.training import fit
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore._io.distributed import share_of_batch
from zslcore.training.loop import Trainer
folder = Path(sys.argv[1])
config = RunConfig.read(folder / "config.json")
training = importlib.import_module("zslcore.training.fit")
training.load_benchmark = lambda name: Benchmark.load(Path(sys.argv[2]), "SYNTH")
train, step, count = training.train, Trainer._step, 0
def noted(*arguments, **settings):
    result = train(*arguments, **settings)
    save_file(result.state, folder / f"state-{share_of_batch()[0]}.safetensors")
    return result
def interrupted(self, *arguments):
    global count
    count += 1
    if count == 6:  # in the second epoch of the final training
        raise KeyboardInterrupt
    return step(self, *arguments)
training.train = noted
training.fit(config, folder / "whole", progress=False)
Trainer._step = interrupted
try:
    training.fit(config, folder / "cut", progress=False)
except KeyboardInterrupt:
    training.fit(config, folder / "cut", progress=False)
assert count > 6 and share_of_batch()[1] == 2
"""


def test_two_processes_train_one_backbone(tmp_path, small_synth, monkeypatch):
    """The running statistics of its batch norms are the same in both, in the file, and in what was evaluated."""
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path / "cache"))
    changes = {"fine_tune": True, "standardize": False, "weights": "random", "image_size": 32, "resize_ratio": 8 / 7}
    config = CONFIG.replace(**changes, precision="float64", episodes=2, ways=4, lr=0.01)
    torchrun(FINE_TUNED, tmp_path, config, small_synth)
    states = [load_file(tmp_path / f"state-{rank}.safetensors") for rank in (0, 1)]
    stored = {folder: load_file(tmp_path / folder / "checkpoint" / "model.safetensors") for folder in ("whole", "cut")}
    for other in (states[1], *stored.values()):
        for name, value in states[0].items():
            assert torch.equal(value, other[name]), name
    whole, resumed = (Run.load(tmp_path / folder) for folder in ("whole", "cut"))
    assert {**whole.metrics, "cost": 0} == {**resumed.metrics, "cost": 0}
    clean, evaluation = whole.metrics["protocols"]["clean"], whole.evaluate(small_synth)
    found = dict(zip("SUH", evaluation.curve.at(clean["gamma"])[:3], strict=True))
    found |= {"T1": evaluation.t1, "AUSUC": evaluation.curve.ausuc}
    assert found == pytest.approx({name: clean[name] for name in found}, rel=1e-9)
    errors = whole.errors(small_synth)[1].mean()
    assert errors == pytest.approx(whole.metrics["errors"]["test_unseen"]["mean"], rel=1e-9)


def test_batches_that_cannot_be_shared_are_refused(monkeypatch):
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 5)
    with pytest.raises(InputError, match=r"^ways x shots must be a multiple of the 5 processes, got 12$"):
        make_accelerator(CONFIG)


@pytest.mark.filterwarnings("ignore:this CPU has no AVX-512")
class TestPrecision:
    def test_bf16_multiplies_in_bf16_and_keeps_weights_and_statistics(self, run, monkeypatch):
        seen = []
        original = loop.Objective.forward

        def forward(self, *batch):
            hook = self.model.network.register_forward_hook(lambda module, _, output: seen.append(output.dtype))
            logged = original(self, *batch)
            hook.remove()
            seen.append(logged.loss.dtype)
            return logged

        monkeypatch.setattr(loop.Objective, "forward", forward)
        result = run(precision="bf16")
        assert set(seen[::2]) == {torch.bfloat16}
        assert set(seen[1::2]) == {torch.float32}
        assert all(value.dtype == torch.float32 for value in result.state.values())

    def test_bf16_ends_where_float32_does(self, run):
        low, full = run(precision="bf16", epochs=3).rows[-1], run(epochs=3).rows[-1]
        assert low["loss"] != full["loss"]
        assert low["loss"] == pytest.approx(full["loss"], rel=0.05)
        assert low["amplification"] == pytest.approx(full["amplification"], rel=0.05)
        assert low["T1"] == pytest.approx(full["T1"], abs=0.15)

    @pytest.mark.parametrize("precision", ["float32", "float64", "bf16"])
    def test_runs_of_one_process_may_differ_in_precision(self, precision):
        for other in ("bf16", "float32", precision):
            accelerator = make_accelerator(CONFIG.replace(precision=other))
        assert accelerator.mixed_precision == ("bf16" if precision == "bf16" else "no")

    @pytest.mark.parametrize(
        ("precision", "capability", "warned"),
        [
            ("bf16", "AVX2", True),
            ("bf16", "AVX512", False),
            ("float32", "AVX2", False),
        ],
    )
    def test_a_precision_that_the_cpu_emulates_is_warned_of(self, monkeypatch, recwarn, precision, capability, warned):
        """A ResNet-101 at 448 pixels took minutes a step in bf16 on such a CPU, and said nothing."""
        monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: capability)
        make_accelerator(CONFIG.replace(precision=precision))
        assert ["float32" in str(warning.message) for warning in recwarn] == [True] * warned

    def test_autocast_is_for_bf16_alone(self):
        for precision, enabled in (("bf16", True), ("float32", False), ("float64", False)):
            with autocast(precision, CPU):
                assert torch.is_autocast_enabled("cpu") == enabled


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.usefixtures("unchecked")  # shape checks cannot be compiled
def test_a_compiled_training_is_the_same_training(run):
    compiled, plain = run(compile=True, epochs=1), run(epochs=1)
    for row, expected in zip(compiled.rows, plain.rows, strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=1e-3)
    assert compiled.state.keys() == plain.state.keys()


class TestClipping:
    def test_is_off_by_default_and_without_effect_above_the_norm(self, run):
        assert CONFIG.clip == 0
        assert run(clip=1e9).rows == run().rows

    def test_no_step_is_longer_than_allowed(self, benchmark, features):
        config = CONFIG.replace(clip=0.01, momentum=0.0, weight_decay=0.0, lr=1.0)
        task = zero_shot_task(benchmark)
        trained = Trainer(config, benchmark, Maps(features, CPU, torch.float32), task, make_accelerator(config))
        for episode in trained._draw():
            before = torch.cat([value.flatten() for value in trained.model.parameters()]).detach().clone()
            labels = torch.from_numpy(trained.labels[episode])
            trained._step(torch.from_numpy(features[task.train[episode]]), labels)
            after = torch.cat([value.flatten() for value in trained.model.parameters()]).detach()
            assert (after - before).norm() == pytest.approx(0.01, rel=1e-3)


def test_random_sampling_takes_images_whatever_their_class(benchmark, features, monkeypatch):
    config = CONFIG.replace(sampling="random", episodes=40)
    task = zero_shot_task(benchmark)
    trained = Trainer(config, benchmark, Maps(features, CPU, torch.float32), task, make_accelerator(config))
    batches = trained._draw()
    assert batches.shape == (40, 12)
    counts = np.bincount(batches.ravel(), minlength=len(task.train))
    assert np.ptp(counts) <= 1
    assert max(len(set(trained.labels[batch])) for batch in batches) > config.ways


class TestLogbook:
    @pytest.fixture
    def written(self, monkeypatch):
        """What a stand-in for TensorBoard's writer was given."""
        written = []

        class SummaryWriter:
            def __init__(self, folder, purge_step):
                written.append((folder, purge_step))

            def __enter__(self):
                return self

            def __exit__(self, *_):
                written.append("closed")

            def add_scalar(self, name, value, step):
                written.append((name, value, step))

            def flush(self):
                written.append("flushed")

        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=SummaryWriter))
        return written

    def test_every_number_of_an_epoch_is_written_at_once(self, written, tmp_path):
        with logbook(tmp_path, 3) as log:
            log(3, {"epoch": 3, "loss": 0.5, "T1": 0.6})
        assert written == [(str(tmp_path / "tensorboard"), 3), ("loss", 0.5, 3), ("T1", 0.6, 3), "flushed", "closed"]

    def test_a_training_without_folder_or_in_another_process_writes_nothing(self, written, tmp_path):
        for folder, enabled in ((None, True), (tmp_path, False)):
            with logbook(folder, enabled=enabled) as log:
                log(0, {"loss": 1.0})
        assert not written

    def test_without_tensorboard_nothing_happens(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as if not installed
        with logbook(tmp_path) as log:
            log(0, {"loss": 1.0})
        assert not list(tmp_path.iterdir())

    def test_a_training_logs_its_rows(self, written, benchmark, features, tmp_path):
        result = train(
            CONFIG, benchmark, Maps(features, CPU, torch.float32), zero_shot_task(benchmark), checkpoints=tmp_path
        )
        losses = [entry[1] for entry in written if entry[0] == "loss"]
        assert losses == [row["loss"] for row in result.rows]

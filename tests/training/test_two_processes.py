"""A training under torchrun, in two processes: it is the training of one process, also after a process was killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import LINEAR_RUN

from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import train
from zslcore.training.run import Run

CONFIG = LINEAR_RUN.replace(epochs=2, episodes=10, lr=0.003, precision="float64")
CONFIGS = [
    CONFIG.replace(memory="running", p=1.0),
    CONFIG.replace(memory="ema", unit_mean=True, reference="median"),
    CONFIG.replace(loss="mse", sampling="random", clip=1.0),
    CONFIG.replace(network="gem", decorrelation=0.1, gem_variant="gem-zsl"),
    CONFIG.replace(loss="bmc"),
    CONFIG.replace(loss="bmc_per_attribute", sampling="random"),
    CONFIG.replace(loss="rmse", clip=1.0),
    CONFIG.replace(loss="group_dro", loss_options={"step": 2.0}),
]

BACKBONE = CONFIG.replace(
    fine_tune=True,
    standardize=False,
    weights="random",
    image_size=32,
    resize_ratio=8 / 7,
    episodes=2,
    ways=4,
    lr=0.01,
)

# trains each of the configs twice; each process writes the rows and the last weights that it has
SCRIPT = """
import dataclasses, json, sys
from pathlib import Path
import numpy as np
import torch
from safetensors.torch import save_file
from zslcore._io.distributed import share_of_batch
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import test_task
from zslcore.training.device import make_accelerator
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import train
folder = Path(sys.argv[1])
benchmark = Benchmark.load(Path(sys.argv[2]), "SYNTH")
benchmark = dataclasses.replace(benchmark, attributes=np.load(folder / "attributes.npy"))
for place in sorted(folder.glob("config-*")):
    config = RunConfig.read(place / "config.json")
    maps = Maps(np.load(folder / "features.npy"), make_accelerator(config).device, torch.float64)
    result = train(config, benchmark, maps, test_task(benchmark), checkpoints=place / "states")
    resumed = train(config, benchmark, maps, test_task(benchmark), checkpoints=place / "states")
    assert json.dumps(resumed.rows) == json.dumps(result.rows)  # nothing is trained again
    rank, processes = share_of_batch()
    assert processes == 2
    (place / f"rows-{rank}.json").write_text(json.dumps(result.rows))
    save_file(result.state, place / f"last-{rank}.safetensors")
"""


KILLED = """
import os, signal
from zslcore._io.distributed import share_of_batch
from zslcore.training.loop import Trainer
step, count = Trainer._step, 0
def killed(self, *arguments):
    global count
    count += 1
    if count == STEP and share_of_batch()[0] == RANK:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *arguments)
Trainer._step = killed
"""

# trains a backbone, first to its end, then interrupted in the middle of a training; goes on after SCRIPT
FINE_TUNED = """
import importlib
from zslcore.training.loop import Trainer
config = RunConfig.read(folder / "config.json")
sys.path.append(sys.argv[3])
from tiny import NarrowResNet
backbone = importlib.import_module("zslcore.backbone")
backbone._create = lambda name: NarrowResNet()
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
    if count == 6:  # in the middle of a training
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


def torchrun(script, folder, benchmark):
    """The exit status and the messages of a script in two processes, which gets ``folder`` and the data's root."""
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*command, str(folder / "script.py"), str(folder), str(benchmark.root), str(Path(__file__).parents[1])],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "ZSLCORE_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return result.returncode, result.stderr


def prepare(folder, configs, *, first=0):
    """The settings that ``SCRIPT`` reads, numbered from ``first``."""
    for number, config in enumerate(configs, start=first):
        place = folder / f"config-{number}"
        place.mkdir()
        (place / "config.json").write_text(json.dumps(config.to_dict()))


@pytest.fixture(scope="module")
def starts(tmp_path_factory, benchmark, small_synth, features):
    """The folder of three starts, and what the first two left: a process of each was killed in the first training.

    The third start ends this training, trains the other CONFIGS and the first again, undisturbed, and a backbone.
    """
    folder, killed = tmp_path_factory.mktemp("starts"), []
    np.save(folder / "features.npy", features)
    np.save(folder / "attributes.npy", benchmark.attributes)
    prepare(folder, CONFIGS[:1])
    for rank, step in ((0, 14), (1, 4)):  # in the second epoch, which is the first one of the second start
        script = KILLED.replace("RANK", str(rank)).replace("STEP", str(step))
        outcome = torchrun(script + SCRIPT, folder, benchmark)
        killed.append((*outcome, [path.name for path in (folder / "config-0" / "states").iterdir()]))
    prepare(folder, [*CONFIGS[1:], CONFIGS[0]], first=1)
    (folder / "config.json").write_text(json.dumps(BACKBONE.to_dict()))
    status, messages = torchrun(SCRIPT + FINE_TUNED, folder, small_synth)
    assert status == 0, messages[-3000:]
    return folder, killed


def trained(folder, number):
    """Rows and last weights of both processes, for the config with this number."""
    place = folder / f"config-{number}"
    rows = [json.loads((place / f"rows-{rank}.json").read_text()) for rank in (0, 1)]
    return rows, [load_file(place / f"last-{rank}.safetensors") for rank in (0, 1)]


def test_two_processes_train_as_one(starts, benchmark, features):
    """Class means, a Balanced MSE's labels and a root's mean are those of the whole batch: same loss, same gradient."""
    maps = Maps(features, torch.device("cpu"), torch.float64)
    for number, config in enumerate([*CONFIGS[1:], CONFIGS[0]], start=1):
        rows, states = trained(starts[0], number)
        one = train(config, benchmark, maps, zero_shot_task(benchmark))
        assert rows[0] == rows[1], config.loss
        for row, expected in zip(rows[0], one.rows, strict=True):
            assert row == pytest.approx(expected, rel=1e-9, nan_ok=True), config.loss
        for state in states:
            for name, value in one.state.items():
                torch.testing.assert_close(state[name], value, rtol=1e-9, atol=1e-12)


def test_a_killed_process_ends_the_others_and_the_next_start_resumes_exactly(starts):
    folder, killed = starts
    for status, messages, states in killed:
        assert status != 0
        assert "Signal 9 (SIGKILL)" in messages
        assert states == ["epoch-0001"]
    (found, weights), (rows, undisturbed) = trained(folder, 0), trained(folder, len(CONFIGS))
    assert found == rows
    for state, expected in zip(weights, undisturbed, strict=True):
        assert all(torch.equal(value, expected[name]) for name, value in state.items())


def test_two_processes_train_one_backbone(starts, small_synth, monkeypatch):
    """The running statistics of its batch norms are the same in both, in the file, and in what was evaluated."""
    folder = starts[0]
    monkeypatch.setenv("ZSLCORE_CACHE", str(folder / "cache"))
    states = [load_file(folder / f"state-{rank}.safetensors") for rank in (0, 1)]
    stored = {run: load_file(folder / run / "checkpoint" / "model.safetensors") for run in ("whole", "cut")}
    for other in (states[1], *stored.values()):
        for name, value in states[0].items():
            assert torch.equal(value, other[name]), name
    whole, resumed = (Run.load(folder / run) for run in ("whole", "cut"))
    assert {**whole.metrics, "cost": 0} == {**resumed.metrics, "cost": 0}
    clean, evaluation = whole.metrics["protocols"]["clean"], whole.evaluate(small_synth)
    found = dict(zip("SUH", evaluation.curve.at(clean["gamma"])[:3], strict=True))
    found |= {"T1": evaluation.t1, "AUSUC": evaluation.curve.ausuc}
    assert found == pytest.approx({name: clean[name] for name in found}, rel=1e-9)
    errors = whole.errors(small_synth)[1].mean()
    assert errors == pytest.approx(whole.metrics["errors"]["test_unseen"]["mean"], rel=1e-9)

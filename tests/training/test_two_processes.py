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


def torchrun(script, folder, benchmark):
    """The exit status and the messages of a script in two processes, which gets ``folder`` and the data's root."""
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*command, str(folder / "script.py"), str(folder), str(benchmark.root), str(Path(__file__).parents[1])],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return result.returncode, result.stderr


def prepare(folder, configs, benchmark, features):
    """The files that ``SCRIPT`` reads."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "features.npy", features)
    np.save(folder / "attributes.npy", benchmark.attributes)
    for number, config in enumerate(configs):
        place = folder / f"config-{number}"
        place.mkdir()
        (place / "config.json").write_text(json.dumps(config.to_dict()))


def trained(folder, benchmark):
    """Rows and last weights of both processes, for each config."""
    status, messages = torchrun(SCRIPT, folder, benchmark)
    assert status == 0, messages[-3000:]
    results = []
    for place in sorted(folder.glob("config-*")):
        rows = [json.loads((place / f"rows-{rank}.json").read_text()) for rank in (0, 1)]
        results.append((rows, [load_file(place / f"last-{rank}.safetensors") for rank in (0, 1)]))
    return results


@pytest.fixture(scope="module")
def together(tmp_path_factory, benchmark, features):
    """Rows and last weights of each of CONFIGS, trained without a disturbance."""
    folder = tmp_path_factory.mktemp("together")
    prepare(folder, CONFIGS, benchmark, features)
    return trained(folder, benchmark)


def test_two_processes_train_as_one(together, benchmark, features):
    """Class means, a Balanced MSE's labels and a root's mean are those of the whole batch: same loss, same gradient."""
    maps = Maps(features, torch.device("cpu"), torch.float64)
    for config, (rows, states) in zip(CONFIGS, together, strict=True):
        one = train(config, benchmark, maps, zero_shot_task(benchmark))
        assert rows[0] == rows[1], config.loss
        for row, expected in zip(rows[0], one.rows, strict=True):
            assert row == pytest.approx(expected, rel=1e-9, nan_ok=True), config.loss
        for state in states:
            for name, value in one.state.items():
                torch.testing.assert_close(state[name], value, rtol=1e-9, atol=1e-12)


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


def test_a_killed_process_ends_the_others_and_the_next_start_resumes_exactly(tmp_path, together, benchmark, features):
    prepare(tmp_path, [CONFIGS[0]], benchmark, features)
    for rank, step in ((0, 14), (1, 4)):  # in the second epoch, which is the first one of the second start
        killed = KILLED.replace("RANK", str(rank)).replace("STEP", str(step))
        status, messages = torchrun(killed + SCRIPT, tmp_path, benchmark)
        assert status != 0
        assert "Signal 9 (SIGKILL)" in messages
        assert [path.name for path in (tmp_path / "config-0" / "states").iterdir()] == ["epoch-0001"]
    ((found, weights),) = trained(tmp_path, benchmark)
    rows, states = together[0]
    assert found == rows
    for state, expected in zip(weights, states, strict=True):
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


def test_two_processes_train_one_backbone(tmp_path, small_synth, monkeypatch):
    """The running statistics of its batch norms are the same in both, in the file, and in what was evaluated."""
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path / "cache"))
    changes = {"fine_tune": True, "standardize": False, "weights": "random", "image_size": 32, "resize_ratio": 8 / 7}
    config = CONFIG.replace(**changes, episodes=2, ways=4, lr=0.01)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    status, messages = torchrun(FINE_TUNED, tmp_path, small_synth)
    assert status == 0, messages[-3000:]
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

"""How a training runs: bfloat16, torch.compile, clipping, sampling."""

import shutil

import numpy as np
import pytest
import torch
from tiny import LINEAR_RUN

from zslcore import InputError
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.training import loop
from zslcore.training.device import autocast, compile_mode, make_accelerator, resolve_device, weight_dtype
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import Trainer, train

CPU = torch.device("cpu")
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
CONFIG = LINEAR_RUN.replace(epochs=2, episodes=10, lr=0.003)


@pytest.fixture
def run(benchmark, features):
    """Train a variation of ``CONFIG``."""

    def run(**changes):
        config = CONFIG.replace(**changes)
        inputs = Maps(features, resolve_device(config.device), weight_dtype(config.precision))
        return train(config, benchmark, inputs, zero_shot_task(benchmark))

    return run


def test_batches_that_cannot_be_shared_are_refused(monkeypatch):
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 5)
    with pytest.raises(InputError, match=r"^ways x shots must be a multiple of the 5 processes, got 12$"):
        make_accelerator(CONFIG)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"RANK": ""}, "RANK in the environment must be a whole number or be unset, got ''"),
        ({"LOCAL_RANK": "0.5"}, "LOCAL_RANK in the environment must be a whole number or be unset, got '0.5'"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE in the environment must be a whole number or be unset, got 'two'"),
        ({"LOCAL_RANK": "0"}, "LOCAL_RANK in the environment must be unset, except by torchrun"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE in the environment must be unset, except by torchrun"),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "the launcher's variables in the environment .*: .*MASTER_ADDR"),
        ({"PMI_SIZE": ""}, "the launcher's variables in the environment cannot be followed: invalid literal"),
        ({"ACCELERATE_USE_CPU": "maybe"}, "the launcher's variables in the environment .*: .*maybe"),
        ({"RANK": "1"}, ""),
    ],
)
def test_left_over_variables_of_a_launcher_are_one_sentence(monkeypatch, variables, sentence):
    set_by_accelerate = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT")
    for name in set_by_accelerate:
        monkeypatch.setenv(name, "0")
        monkeypatch.delenv(name)
    with monkeypatch.context() as left:
        for name, text in variables.items():
            left.setenv(name, text)
        if sentence:
            with pytest.raises(InputError, match=f"^{sentence}"):
                make_accelerator(CONFIG)
    for name in set_by_accelerate:
        monkeypatch.delenv(name, raising=False)
    assert make_accelerator(CONFIG).num_processes == 1


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
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_GPU)])
def test_a_compiled_training_is_the_same_training(run, device):
    compiled, plain = (run(compile=chosen, device=device, epochs=1) for chosen in (True, False))
    for row, expected in zip(compiled.rows, plain.rows, strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=1e-3)
        assert row["T1"] == pytest.approx(expected["T1"], abs=0.02)
    assert compiled.state.keys() == plain.state.keys()


@pytest.mark.parametrize(
    ("device", "processes", "mode"),
    [
        ("cuda", None, "reduce-overhead"),
        ("cuda", "1", "reduce-overhead"),
        ("cuda", "2", "default"),
        ("cpu", None, "default"),
    ],
)
def test_one_process_with_a_gpu_records_cuda_graphs(monkeypatch, device, processes, mode):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if processes:
        monkeypatch.setenv("WORLD_SIZE", processes)
    assert compile_mode(device) == mode


def test_a_step_keeps_no_memory_of_the_compiled_objective(benchmark, features):
    """CUDA graphs write the outputs of each step to the same place."""
    config = CONFIG.replace(precision="float64", lam=0.0)
    inputs = Maps(features, CPU, torch.float64)
    trained = Trainer(config, benchmark, inputs, zero_shot_task(benchmark), make_accelerator(config))
    outputs = []
    trained.objective.register_forward_hook(lambda module, given, output: outputs.extend(output))
    images = trained._draw()[0]
    losses = trained._step(inputs[trained.task.train[images]], torch.from_numpy(trained.labels[images]))
    assert {loss.data_ptr() for loss in losses}.isdisjoint(output.data_ptr() for output in outputs)


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

"""What the caller has set in torch, and other threads, change no number of a run."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from tiny import TINY_RUN

from zslcore.training import Run, fit
from zslcore.training.inputs.features import frozen_features


@contextlib.contextmanager
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


HABITS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "device": lambda: torch.device("meta"),
    "float64": double_precision,
}


def trained(folder, seed=0):
    run = Run.load(fit(TINY_RUN.replace(seed=seed), folder, progress=False))
    return (run.folder / "checkpoint" / "model.safetensors").read_bytes(), run.metrics["protocols"]


@pytest.mark.parametrize("habit", HABITS)
def test_a_run_is_the_same_under_habits_of_the_caller(habit, pictured, tmp_path):
    with HABITS[habit]():
        under_habit = trained(tmp_path / "one")
    assert under_habit == trained(tmp_path / "two")


@pytest.mark.parametrize("habit", HABITS)
def test_predictions_and_features_are_the_same_under_habits_of_the_caller(habit, pictured, tmp_path, monkeypatch):
    run, images = Run.load(fit(TINY_RUN, tmp_path / "run", progress=False)), np.arange(5)

    def numbers():
        features = frozen_features(pictured, backbone="resnet18", weights="random", size=32)
        return run.predict(pictured, images), run.evaluate(pictured).t1, features.maps

    plain = numbers()
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path / "another"))
    with HABITS[habit]():
        under_habit = numbers()
    for one, other in zip(plain, under_habit, strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_numbers_of_the_caller_go_on_as_without_a_run(pictured, tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    trained(tmp_path / "run")  # also computes the features, with a loader that draws a seed
    assert torch.equal(torch.rand(3), expected)


def test_runs_in_threads_are_those_of_one_after_the_other(pictured, tmp_path):
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda seed: trained(tmp_path / f"together{seed}", seed), range(3)))
    assert together == [trained(tmp_path / f"alone{seed}", seed) for seed in range(3)]


def test_a_run_read_from_a_relative_folder_survives_another_working_directory(pictured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run.load(fit(TINY_RUN, "run", progress=False))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run.predict(pictured, [0]).shape == (1, 9)


def test_the_callers_accelerator_stays_as_it_was(pictured, tmp_path):
    """Its steps would be accumulated no longer, and another one with its settings would be refused."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    try:
        own = Accelerator(cpu=True, mixed_precision="bf16", gradient_accumulation_steps=4)
        trained(tmp_path / "run")
        assert (own.mixed_precision, own.gradient_accumulation_steps) == ("bf16", 4)
        assert Accelerator(cpu=True, mixed_precision="bf16").mixed_precision == "bf16"
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()

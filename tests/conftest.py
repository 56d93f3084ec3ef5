"""Shared fixtures: the golden values, the real data folder, a small benchmark, seeded tests."""

import dataclasses
import functools
import importlib
import os
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import settings
from tiny import NarrowResNet, TinyDataset

from zslcore.backbone import _create as create_backbone
from zslcore.data.benchmark import Benchmark
from zslcore.synthbirds import generate

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

# the same examples every time, and as long as a busy machine takes
settings.register_profile("zslcore", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("zslcore")

GOLDEN = Path(__file__).parent / "golden" / "released_code.npz"


@pytest.fixture(autouse=True)
def _seeded():
    torch.set_num_threads(1)
    torch.default_generator.manual_seed(0)  # torch.manual_seed also notes the stack for each kind of GPU


@pytest.fixture(scope="session")
def golden():
    """Inputs and values of the released code, as arrays by key (see golden/README.md)."""
    with np.load(GOLDEN) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="session")
def real_data():
    """Root of the real benchmark files; the test is skipped where they are not at hand."""
    root = Path(os.environ.get("ZSLCORE_DATA", ""))
    if not (root / "xlsa17").is_dir():
        pytest.skip("needs ZSLCORE_DATA with xlsa17/")
    return root


@pytest.fixture(scope="session")
def real_benchmark(real_data):
    """A function that loads a real benchmark by its name, once."""
    return functools.cache(lambda name: Benchmark.load(real_data, name))


@pytest.fixture
def unchecked():
    """Switch the shape checks of the tests off, to meet the errors that a user meets."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def narrow_resnet(monkeypatch):
    """``resnet18`` stands for a network of a fiftieth of its weights; tests of the backbones override this."""
    monkeypatch.setattr(
        "zslcore.backbone._create", lambda name: NarrowResNet() if name == "resnet18" else create_backbone(name)
    )


@pytest.fixture
def tiny(tmp_path):
    return TinyDataset(tmp_path)


@pytest.fixture(scope="session")
def small_synth(tmp_path_factory):
    """A SynthBirds of 14 classes (4 unseen) x 8 pictures of 48 px, as a Benchmark; made in a second."""
    root = tmp_path_factory.mktemp("small_synth")
    generate(root, num_classes=14, num_unseen=4, images_per_class=8, size=48, workers=1)
    return Benchmark.load(root, "SYNTH")


@pytest.fixture(scope="session")
def small_cache(tmp_path_factory):
    """One cache of the features of ``small_synth`` for all tests."""
    return tmp_path_factory.mktemp("small_cache")


@pytest.fixture
def small_world(small_synth, small_cache, tmp_path, monkeypatch):
    """``fit`` finds the small SYNTH, and puts its runs into the test's own folder."""
    monkeypatch.setattr(training, "load_benchmark", lambda name: small_synth)
    monkeypatch.setenv("ZSLCORE_CACHE", str(small_cache))
    monkeypatch.setenv("ZSLCORE_RUNS", str(tmp_path))


@pytest.fixture(scope="session")
def benchmark(small_synth):
    """The small benchmark with class vectors in four dimensions, which its ten seen classes span."""
    latent, basis = (np.random.default_rng(0).normal(size=shape) for shape in ((14, 4), (4, 57)))
    attributes = (latent @ basis).astype(np.float32)
    attributes /= np.linalg.norm(attributes, axis=1, keepdims=True)
    return dataclasses.replace(small_synth, attributes=attributes)


@pytest.fixture(scope="session")
def features(benchmark):
    """Features (n, D, 1) that are a linear map of the class attributes, plus noise: a task that can be learnt."""
    rng = np.random.default_rng(0)
    signal = benchmark.attributes[benchmark.labels] @ rng.normal(size=(57, 512))
    return (3 + signal + 0.1 * rng.normal(size=signal.shape)).astype(np.float32)[:, :, None]

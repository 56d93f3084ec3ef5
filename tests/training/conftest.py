"""Fixtures of several test files: a finished run, and the tiny data set with pictures or with features."""

import importlib

import numpy as np
import pytest
from tiny import SMALL_RUN

from zslcore.training import Run, fit

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function


@pytest.fixture(scope="session")
def run(small_synth, small_cache, tmp_path_factory):
    """A finished run of SMALL_RUN, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_benchmark", lambda name: small_synth)
        patch.setenv("ZSLCORE_CACHE", str(small_cache))
        return Run.load(fit(SMALL_RUN, tmp_path_factory.mktemp("runs") / "run"))


@pytest.fixture
def pictured(tiny, tmp_path, monkeypatch):
    """TINY with its pictures; cache, runs and data are in the test's own folder."""
    for name, folder in (("CACHE", "cache"), ("RUNS", "runs"), ("DATA", "")):
        monkeypatch.setenv(f"ZSLCORE_{name}", str(tmp_path / folder))
    tiny.write_images()
    return tiny.load()


@pytest.fixture
def values():
    """Features (40, 16) that tell the classes apart."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 16))[np.repeat(np.arange(8), 5)] + 0.1 * rng.normal(size=(40, 16))


@pytest.fixture
def featured(tiny, values, tmp_path, monkeypatch):
    """TINY without pictures, with features in res101.mat."""
    for name, folder in (("CACHE", "cache"), ("RUNS", "runs"), ("DATA", "")):
        monkeypatch.setenv(f"ZSLCORE_{name}", str(tmp_path / folder))
    tiny.images["features"] = values.T
    return tiny.load()

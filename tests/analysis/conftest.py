"""Shared fixtures: random numbers, small matrices of labels and errors, warnings as errors."""

import warnings

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def errors():
    return np.random.default_rng(0).gamma(0.7, 0.02, size=(6, 15))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def labels():
    return np.random.default_rng(1).exponential(size=(20, 40))

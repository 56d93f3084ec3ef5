"""Shared fixtures: a small error matrix, warnings as errors."""

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

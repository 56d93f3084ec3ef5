"""Shared fixtures: the golden values, the real data folder, single-threaded and seeded tests."""

import os
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch

GOLDEN = Path(__file__).parent / "golden" / "released_code.npz"


@pytest.fixture(autouse=True)
def _seeded():
    torch.set_num_threads(1)
    torch.manual_seed(0)


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


@pytest.fixture
def unchecked():
    """Switch the shape checks of the tests off, to meet the errors that a user meets."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)

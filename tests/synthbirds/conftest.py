"""A small SynthBirds, made once for all tests."""

import pytest
from small_birds import SMALL

from zslcore import synthbirds


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return synthbirds.generate(tmp_path_factory.mktemp("synth"), **SMALL, workers=2)

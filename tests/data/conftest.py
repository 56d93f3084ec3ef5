"""Fixtures that tests of data sets share."""

import pytest
from new_birds import Source


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path / "source")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLCORE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"

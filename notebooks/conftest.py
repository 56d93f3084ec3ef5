"""Notebooks that are compared at the same time train in folders of their own: a run has one process at a time."""

import os
import tempfile


def pytest_configure(config):
    """Give each worker of pytest-xdist a temporary folder for its runs."""
    if hasattr(config, "workerinput"):
        config.runs_folder = tempfile.TemporaryDirectory()
        os.environ["ZSLCORE_RUNS"] = config.runs_folder.name


def pytest_unconfigure(config):
    """Remove the folder again."""
    if hasattr(config, "runs_folder"):
        config.runs_folder.cleanup()

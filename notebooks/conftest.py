"""How notebooks are compared at the same time: each process of pytest-xdist has a folder of runs of its own."""

import os
import tempfile
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

SAME_RUNS = ("02_imbalance", "05_results", "07_figures")  # which train the methods of the study


class NotebookScheduling(LoadFileScheduling):
    """All cells of a notebook in one process, and notebooks with the same runs too."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        return "the same runs" if Path(file).stem in SAME_RUNS else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return NotebookScheduling(config, log)


def pytest_configure(config):
    """Give each worker of pytest-xdist a temporary folder for its runs, because a run has one process at a time."""
    if hasattr(config, "workerinput"):
        config.runs_folder = tempfile.TemporaryDirectory()
        os.environ["ZSLCORE_RUNS"] = config.runs_folder.name


def pytest_unconfigure(config):
    """Remove the folder again."""
    if hasattr(config, "runs_folder"):
        config.runs_folder.cleanup()


def pytest_collection_modifyitems(items):
    """Begin with the notebooks that share runs, because they take longest."""
    items.sort(key=lambda item: item.path.stem not in SAME_RUNS)

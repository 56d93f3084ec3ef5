"""How notebooks are compared at the same time: those with the same runs in one process, and each with its own runs."""

import os
import tempfile
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

SAME_RUNS = ("02_imbalance", "05_results")  # 05 trains more methods than 02
LONGEST = (*SAME_RUNS, "06_ablations", "07_figures")


def _group(file):
    """Notebooks of one group share a folder of runs."""
    return "02 and 05" if Path(file).stem in SAME_RUNS else Path(file).stem


class NotebookScheduling(LoadFileScheduling):
    """All cells of a group of notebooks in one process."""

    def _split_scope(self, nodeid):
        return _group(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return NotebookScheduling(config, log)


def pytest_configure(config):
    """Give each worker of pytest-xdist a temporary folder for runs, because a run has one process at a time."""
    if hasattr(config, "workerinput"):
        config.runs_folder = tempfile.TemporaryDirectory()


def pytest_unconfigure(config):
    """Remove the folder again."""
    if hasattr(config, "runs_folder"):
        config.runs_folder.cleanup()


def pytest_collection_modifyitems(items):
    """Begin with the notebooks that take longest, so that both processes end at the same time."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.hookimpl(tryfirst=True)  # before the kernel starts
def pytest_runtest_setup(item):
    """Train in a folder that only notebooks of the group use, because 07 shows all runs of its folder."""
    if hasattr(item.config, "runs_folder"):
        os.environ["ZSLCORE_RUNS"] = str(Path(item.config.runs_folder.name) / _group(item.path))

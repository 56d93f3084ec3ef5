"""The table of memory: what a process has had at most, as the operating system counts it."""

import pickle
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zslcore import InputError, RunConfig
from zslcore.study.experiments import costs
from zslcore.study.experiments.rebalancing import map_row

ROOT = Path(__file__).parents[3]


def peak_of_this_process():
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e9


@pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")
def test_memory_is_the_peak_that_the_system_counts():
    before = peak_of_this_process()
    measured = costs.peak_memory(lambda config: np.ones(int((before + 0.3) * 1e9 / 8)).sum(), RunConfig(dataset="X"))
    assert measured == pytest.approx(peak_of_this_process(), rel=0.01)
    assert measured >= before + 0.3


def test_the_command_writes_a_row_for_each_experiment_with_results(tmp_path, monkeypatch, capsys):
    for dataset, name in (("CUB100", "map"), ("CUB100", "attention"), ("SYNTH", "vectors"), ("SYNTH", "audit")):
        (tmp_path / "results" / dataset).mkdir(parents=True, exist_ok=True)
        (tmp_path / "results" / dataset / f"{name}.csv").touch()
    configs = []

    class Pool:
        def __init__(self, *_, **__): ...
        def __enter__(self):
            return self

        def __exit__(self, *_): ...
        def submit(self, function, measure, config):
            configs.append(config)
            return self

        def result(self):
            return 1.26

    monkeypatch.setattr(costs, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(costs, "root", lambda: tmp_path)
    costs.main(["CUB100", "SYNTH"])
    rows = pd.read_csv(tmp_path / "results" / "memory.csv")
    assert rows[["dataset", "experiment", "gigabytes"]].values.tolist() == [
        ["CUB100", "map", 1.3],
        ["CUB100", "attention", 1.3],
        ["SYNTH", "vectors", 1.3],
    ]
    assert {(config.epochs, config.episodes) for config in configs} == {(1, 10)}
    assert [config.network for config in configs] == ["basic", "attention", "basic"]
    with pytest.raises(InputError, match=r"needs data sets with results in .*, such as SYNTH$"):
        costs.main(["CUB"])


def test_what_is_measured_can_be_sent_to_another_process():
    assert pickle.loads(pickle.dumps(costs.measure_of("map"))).func is map_row


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
def test_a_mistake_is_told_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["costs", "NOTHING"])
    with pytest.raises(SystemExit, match=r"^2$"):
        runpy.run_module("zslcore.study.experiments.costs", run_name="__main__")
    assert re.fullmatch(r"zslcore: .* needs data sets with results in .*\n", capsys.readouterr().err)


def test_the_committed_table_has_a_row_for_each_experiment_with_results():
    rows = pd.read_csv(ROOT / "results" / "memory.csv")
    present = [
        [dataset, name]
        for dataset in ("CUB100", "SYNTH")
        for name in costs.EXPERIMENTS
        if (ROOT / "results" / dataset / f"{name}.csv").is_file()
    ]
    assert rows[["dataset", "experiment"]].values.tolist() == present
    assert rows["gigabytes"].between(0.1, 24).all()  # the machine that everything must work on

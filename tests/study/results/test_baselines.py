"""The choice of the baselines' options, and their rows in the tables."""

import importlib

import numpy as np
import pandas as pd
import pytest
import torch

from zslcore import RunConfig, cli
from zslcore.data.tasks import fold_tasks
from zslcore.methods import BASELINES
from zslcore.settings import study_settings
from zslcore.study.results import baselines
from zslcore.study.results.tables import collect, method_key
from zslcore.training.inputs.sources import Maps
from zslcore.training.solve import solve

GRIDS = {"eszsl": {"gamma": [1.0, 100.0], "lam": [0.1, 1.0, 10.0]}, "sae": {"lam": [1e-4, 1e-2]}}


@pytest.fixture
def inputs(features):
    return Maps(features, torch.device("cpu"), torch.float32)


@pytest.fixture
def _world(benchmark, inputs, monkeypatch, tmp_path):
    """The baselines find the small benchmark, and its features that can be learnt."""
    training = importlib.import_module("zslcore.training.fit")
    for module in (baselines, training):
        monkeypatch.setattr(module, "load_benchmark", lambda name: benchmark)
        monkeypatch.setattr(module, "load_inputs", lambda *_, **__: inputs)
    monkeypatch.setattr(baselines, "GRIDS", GRIDS)
    monkeypatch.setattr("zslcore.backbone.BACKBONES", {"efficientnet_lite0": _spec()})
    monkeypatch.setenv("ZSLCORE_RUNS", str(tmp_path))


def _spec():
    from zslcore.backbone import BACKBONES

    return BACKBONES["resnet18"]  # of 512 channels, as the features


@pytest.mark.parametrize("method", BASELINES)
@pytest.mark.usefixtures("_world")
def test_every_option_is_solved_on_every_fold(benchmark, inputs, method):
    frame = baselines.validate_baseline("SYNTH", method)
    assert len(frame) == np.prod([len(values) for values in GRIDS[method].values()])
    assert not frame.duplicated(list(GRIDS[method])).any()
    row = frame.iloc[-1]
    options = {name: float(row[name]) for name in GRIDS[method]}
    config = RunConfig.study("SYNTH", loss=method, loss_options=options)
    first, second, third = (solve(config, benchmark, inputs, task).rows[0] for task in fold_tasks(benchmark))
    for name in ("H", "T1"):
        mean = (first[name] + second[name] + third[name]) / 3
        assert row[f"validation_{name}"] == pytest.approx(100 * mean)


@pytest.mark.usefixtures("_world")
def test_the_choice_reads_no_split_with_test_images(benchmark, monkeypatch):
    used, real = [], type(benchmark).split
    monkeypatch.setattr(type(benchmark), "split", lambda self, name: used.append(name) or real(self, name))
    baselines.validate_baseline("SYNTH", "eszsl")
    assert set(used) == {"trainval"}


@pytest.mark.usefixtures("_world")
def test_the_command_says_how_to_use_the_best_options(capsys):
    assert cli.main(["baselines", "SYNTH"]) == 0
    printed = capsys.readouterr().out
    for method in BASELINES:
        best = baselines.best_options(baselines.validate_baseline("SYNTH", method))
        (line,) = [line for line in printed.splitlines() if f"-s loss {method} " in line]
        options = line.split("'")[1]
        parsed = RunConfig.parse("loss_options", options)
        assert parsed == best
        assert line.startswith("zslcore train --dataset SYNTH ")
        edges = [f"best {name} is at the edge" in printed.split(line)[0] for name in best]
        assert any(edges) == any(
            value in (GRIDS[method][name][0], GRIDS[method][name][-1]) for name, value in best.items()
        )


@pytest.mark.parametrize("dataset", study_settings())
@pytest.mark.parametrize("method", BASELINES)
def test_chosen_options_lie_inside_their_grids(dataset, method):
    chosen = RunConfig.study(dataset, method=method).loss_options
    assert set(chosen) == set(baselines.GRIDS[method])
    for name, values in baselines.GRIDS[method].items():
        assert chosen[name] in values[1:-1]


@pytest.mark.usefixtures("_world")
def test_rows_of_baselines_come_last_in_each_protocol():
    configs = [RunConfig.study("SYNTH", method=method, epochs=1, episodes=2, ways=4) for method in ("mse", "remse")]
    results = collect(baselines.fit_all(configs))
    both = baselines.with_baselines(results, "SYNTH")
    assert both["protocol"].tolist() == ["clean"] * 4 + ["paper"] * 4
    assert both["method"].tolist()[2:4] == both["method"].tolist()[6:] == list(BASELINES)
    pd.testing.assert_frame_equal(both[~both["method"].isin(BASELINES)].reset_index(drop=True), results)
    assert method_key(RunConfig.study("SYNTH", method="eszsl")) == "eszsl"


def test_without_chosen_options_there_are_none():
    results = pd.DataFrame({"protocol": ["clean"]})
    assert baselines.with_baselines(results, "CUB") is results

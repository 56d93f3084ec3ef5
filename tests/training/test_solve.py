"""Runs of the methods with a closed form: what they compute, and that they depend on no seed."""

import importlib

import numpy as np
import pytest
import torch

from zslcore import RunConfig
from zslcore.closed_form import SOLVERS
from zslcore.data.tasks import test_task as task_of_test
from zslcore.data.tasks import validation_task
from zslcore.study.results.run_tables import last_epochs, protocol_table
from zslcore.study.results.tables import collect
from zslcore.training import Run, fit
from zslcore.training.inputs.sources import Maps
from zslcore.training.solve import solve

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

OPTIONS = {"eszsl": {"gamma": 100.0, "lam": 0.5}, "sae": {"lam": 0.01}}
CONFIGS = {
    name: RunConfig(
        dataset="SYNTH",
        backbone="resnet18",
        weights="random",
        image_size=64,
        device="cpu",
        loss=name,
        loss_options=options,
    )
    for name, options in OPTIONS.items()
}


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]


@pytest.fixture
def inputs(features):
    return Maps(features, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("standardize", [True, False])
def test_the_linear_layer_is_the_solution_on_the_training_images(config, benchmark, features, inputs, standardize):
    task = task_of_test(benchmark)
    state = solve(config.replace(standardize=standardize), benchmark, inputs, task).state
    train = features[task.train, :, 0].astype(np.float64)
    if standardize:
        train = (train - train.mean(0)) / train.std(0)
    vectors = benchmark.attributes[task.seen_classes].astype(np.float64)
    labels = np.searchsorted(task.seen_classes, benchmark.labels[task.train])
    expected = SOLVERS[config.loss](train, labels, vectors, **config.loss_options)
    # standardised in float32
    np.testing.assert_allclose(state["network.head.0.weight"], expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert not state["network.head.0.bias"].any()


@pytest.mark.parametrize("make_task", [task_of_test, validation_task])
def test_learns_what_can_be_learnt(config, benchmark, inputs, make_task):
    """The features are a linear map of the attributes, so unseen classes are recognised, and each task is solved."""
    solved = solve(config, benchmark, inputs, make_task(benchmark))
    (row,) = solved.rows
    assert row["epoch"] == 0
    assert row["T1"] > 0.9
    assert row["regression_loss"] < 0.01


def test_no_seed_changes_the_result(config, benchmark, inputs):
    first, second = (solve(config.replace(seed=seed), benchmark, inputs, task_of_test(benchmark)) for seed in (0, 7))
    assert first.rows == second.rows
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)


@pytest.mark.usefixtures("small_world")
class TestRun:
    @pytest.fixture
    def run(self, config):
        return Run.load(fit(config))

    def test_is_like_any_other_run(self, run, small_synth):
        tasks = ["fold_1", "fold_2", "fold_3", "test"]
        assert run.history["task"].tolist() == list(last_epochs(run).index) == tasks
        assert protocol_table(run)["epoch"].tolist() == [0, 0]
        assert run.metrics["protocols"]["clean"]["T1"] == run.evaluate(small_synth).t1
        assert run.metrics["validation"]["H"] == run.history["H"][:3].mean()
        seen, unseen = run.errors(small_synth)
        assert (len(seen), len(unseen)) == (len(small_synth.seen_classes), len(small_synth.unseen_classes))
        assert not any(path.is_dir() for path in (run.folder / "checkpoint").iterdir())

    def test_has_no_lambda_in_the_tables(self, run):
        row = collect([run.folder]).iloc[0]
        assert (row["lam"], row["effective_lambda"], row["seconds"] > -1) == (0, 0, True)

    def test_is_not_trained_and_not_repeated(self, config, monkeypatch):
        monkeypatch.setattr(training, "train", None)
        folder = fit(config)
        monkeypatch.setattr(training, "solve", None)
        assert fit(config) == folder

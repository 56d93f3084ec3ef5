"""The map of rebalancing: which configs, what a row holds, and gradients against finite differences of their losses."""

import numpy as np
import pytest

from zslcore import InputError
from zslcore.analysis import theil_index
from zslcore.config import RunConfig
from zslcore.data.class_splits import split_classes
from zslcore.data.tasks import validation_task
from zslcore.study.experiments import rebalancing
from zslcore.study.experiments.rebalancing import gradient_row, map_configs, map_row, vector_configs
from zslcore.training import Run, fit
from zslcore.training.identity import run_name
from zslcore.training.loop import train

SMALL = {"backbone": "resnet18", "weights": "random", "image_size": 32, "epochs": 2, "episodes": 4, "ways": 4}


def test_configs_of_the_map():
    configs = map_configs("SYNTH", splits=[1, 2], seeds=[0], lams=[60.0, np.inf])
    assert len(configs) == 2 * (1 + 3 + 3)
    assert len({run_name(config) for config in configs}) == len(configs)
    assert {config.class_split for config in configs} == {1, 2}
    alone = [config for config in configs if config.lam_cls == 0]
    assert {config.loss for config in alone} == {"mse", "remse", "remse_permuted"}
    assert {config.lam for config in alone} == {rebalancing.ALONE}
    assert all(config.equal_lambda for config in configs if config.loss.startswith("remse"))


def test_configs_of_the_vectors():
    configs = vector_configs("SYNTH", splits=[0], seeds=[0, 1], kinds=["normalised", "centred"], scales=[5.0, 10.0])
    assert {(config.seed, config.attribute_vectors, config.scale) for config in configs} == {
        (seed, kind, scale) for seed in (0, 1) for kind in ("normalised", "centred") for scale in (5.0, 10.0)
    }
    assert {config.loss for config in configs} == {"none"}


@pytest.mark.usefixtures("small_world")
class TestRows:
    @pytest.fixture(autouse=True)
    def _small(self, small_synth, monkeypatch):
        monkeypatch.setattr(rebalancing, "load_benchmark", lambda name: small_synth)

    @pytest.mark.parametrize("changes", [{}, {"lam_cls": 0.0}, {"loss": "none"}])
    def test_a_row_is_the_run_after_its_last_epoch(self, small_synth, changes):
        config = RunConfig(dataset="SYNTH", class_split=3, **SMALL | changes)
        row = map_row(config).iloc[0]
        run = Run.load(fit(config))
        last = run.history[run.history["task"] == "test"].iloc[-1]
        assert (row["T1"], row["oracle_H"]) == (round(100 * last["T1"], 2), round(100 * last["H"], 2))
        assert row["H"] == round(100 * run.metrics["protocols"]["clean"]["H"], 2) <= row["oracle_H"]
        assert row["validation_H"] == round(100 * run.metrics["validation"]["H"], 2)
        split = split_classes(small_synth, 3)
        errors = run.errors(small_synth)[1]
        assert errors.shape == (len(split.unseen_classes), small_synth.attributes.shape[1])
        assert row["unseen_theil"] == pytest.approx(theil_index(errors), abs=1e-7)
        assert row["unseen_p99"] == pytest.approx(np.quantile(errors, 0.99), abs=1e-7)
        assert row["unseen_worst_attribute"] == pytest.approx(errors.mean(0).max(), abs=1e-7)
        assert row["lam"] == (np.inf if config.lam_cls == 0 else 0 if config.loss == "none" else config.lam)

    def test_gamma_may_come_from_the_validation_split(self, small_synth):
        config = RunConfig(dataset="SYNTH", class_split=3, **SMALL)
        row, run = map_row(config, gamma_from="validation").iloc[0], Run.load(fit(config))
        split = split_classes(small_synth, 3)
        validation = train(config, split, run.inputs(small_synth), validation_task(split)).rows[-1]
        assert row["validation_H"] == round(100 * validation["H"], 2)
        assert row["H"] == round(100 * run.evaluate(small_synth).at(validation["gamma"])["H"], 2)
        assert (row["T1"], row["gamma_from"]) == (round(100 * run.metrics["protocols"]["clean"]["T1"], 2), "validation")

    def test_gamma_comes_from_nowhere_else(self):
        with pytest.raises(InputError, match=r"^gamma_from must be one of folds, validation, got 'fold'$"):
            map_row(RunConfig(dataset="SYNTH", **SMALL), gamma_from="fold")

    def test_gradients_of_plain_weights_are_parallel(self):
        row = gradient_row(RunConfig(dataset="SYNTH", p=0.0, p2=0.0, **SMALL)).iloc[0]
        assert row["cosine"] == pytest.approx(1, abs=1e-5)
        assert row["orthogonal"] == pytest.approx(0, abs=1e-5)
        assert row["relative"] > 0

    def test_gradients_of_other_weights_are_not(self):
        row = gradient_row(RunConfig(dataset="SYNTH", p=1.0, p2=1.0, **SMALL)).iloc[0]
        assert 0.3 < row["cosine"] < 0.9999
        assert row["orthogonal"] == pytest.approx(1 - row["cosine"] ** 2, abs=0.02)

"""The rows of attention on the parts: those of a run of the same settings, beside its untrained network."""

import pandas as pd
import pytest

from zslcore.config import RunConfig
from zslcore.study.chapters.attention import measure_attention
from zslcore.study.experiments import pointing
from zslcore.study.experiments.pointing import pointing_configs, pointing_rows
from zslcore.training import Run, fit

SETTINGS = {"backbone": "resnet18", "weights": "random", "image_size": 64, "device": "cpu", "lam": 3.0}
SHORT = {"epochs": 2, "episodes": 3, "ways": 4}
CONFIG = RunConfig(dataset="SYNTH", network="attention", key_dim=8, loss="mse", **SETTINGS, **SHORT)


def test_configs_are_three_methods_at_one_lambda():
    configs = pointing_configs("SYNTH", seeds=[0, 1])
    assert [(config.seed, config.loss, config.lam) for config in configs] == [
        (seed, *method) for seed in (0, 1) for method in (("none", 0.0), ("mse", 60.0), ("remse", 60.0))
    ]
    assert all(config.network == "attention" and config.class_split == 0 for config in configs)
    assert [config.equal_lambda for config in configs] == [False, False, True] * 2


def test_rows_are_the_measured_attention_of_the_run(small_world, small_synth, tmp_path, monkeypatch):
    monkeypatch.setattr(pointing, "load_benchmark", lambda name: small_synth)
    rows = pointing_rows(CONFIG)
    run = Run.load(fit(CONFIG, tmp_path / "run"))  # its final training is the same
    assert set(rows["split"]) == {"seen", "unseen"}
    assert rows["method"].unique().tolist() == ["mse"]
    for split, part in rows.groupby("split"):
        measured = measure_attention(run, small_synth, small_synth.split(f"test_{split}"))
        assert part["group"].tolist() == measured["energy"]["mse"]["group"].tolist()
        for name, frames in measured.items():
            found = {name: "mse", f"untrained_{name}": "untrained"}
            for column, method in found.items():
                expected = frames[method]["value"].round(5).rename(column)
                pd.testing.assert_series_equal(part[column].reset_index(drop=True), expected)
            chance = frames["mse"]["chance"].round(5).rename(f"chance_{name}")
            pd.testing.assert_series_equal(part[f"chance_{name}"].reset_index(drop=True), chance)
    assert rows["T1"].iloc[0] == pytest.approx(100 * run.evaluate(small_synth).t1, abs=0.01)

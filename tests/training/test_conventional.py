"""Conventional zero-shot learning: without test images of seen classes T1 is reported, and U, S and H are null."""

import dataclasses
import importlib
import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.study.chapters import imbalance
from zslcore.study.results.run_tables import protocol_table
from zslcore.study.results.tables import collect
from zslcore.training import Run, fit
from zslcore.training.evaluation import evaluate
from zslcore.training.inputs.sources import Maps
from zslcore.training.protocols import paper_protocol

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

CONFIG = RunConfig(
    dataset="SYNTH", backbone="resnet18", weights="random", image_size=32, device="cpu", epochs=3, episodes=3, ways=4
)


@pytest.fixture
def conventional(small_synth):
    """The small SYNTH without test_seen."""
    return dataclasses.replace(small_synth, _splits=small_synth._splits | {"test_seen": np.empty(0, dtype=np.int64)})


@pytest.mark.usefixtures("small_world")
def test_a_run_reports_t1_and_null_for_the_rest(conventional, tmp_path, monkeypatch):
    whole = Run.load(fit(CONFIG, tmp_path / "whole")).metrics
    monkeypatch.setattr(training, "load_benchmark", lambda name: conventional)
    folder = fit(CONFIG, tmp_path / "conventional")
    metrics = json.loads((folder / "metrics.json").read_text(), parse_constant=pytest.fail)
    for protocol in ("clean", "paper"):
        values = metrics["protocols"][protocol]
        assert values["T1"] == whole["protocols"][protocol]["T1"]
        assert [values[name] for name in ("U", "S", "H", "AUSUC")] == [None] * 4
    assert metrics["protocols"]["paper"]["epoch"] == metrics["protocols"]["paper"]["epoch_T1"]
    assert metrics["validation"] == whole["validation"]
    assert metrics["errors"]["test_unseen"] == whole["errors"]["test_unseen"]
    assert set(metrics["errors"]["test_seen"].values()) == {None}

    frame = collect([folder])
    assert frame["T1"].notna().all()
    assert frame[["U", "S", "H", "AUSUC", "test_seen_theil"]].isna().all(axis=None)
    shown = protocol_table(Run.load(folder)).loc["paper"]
    assert shown["T1"] == round(100 * values["T1"], 1)
    history = pd.read_csv(folder / "history.csv").set_index("task")
    assert history.loc["fold_1", "H"].notna().all()
    assert history.loc["test", "H"].isna().all()
    assert np.isnan(Run.load(folder).evaluate(conventional).curve.ausuc)


def test_scores_that_are_not_finite_are_refused(conventional):
    maps = np.full((len(conventional.labels), conventional.attributes.shape[1], 1), np.nan, dtype=np.float32)
    inputs = Maps(maps, torch.device("cpu"), torch.float32)
    with pytest.raises(InputError, match="score_unseen must be finite"):
        evaluate(CONFIG, nn.Flatten(), inputs, conventional, zero_shot_task(conventional))


def test_the_paper_protocol_takes_the_epoch_of_t1_for_all():
    rows = [{"T1": t1, **dict.fromkeys(("U", "S", "H", "gamma", "AUSUC"), np.nan)} for t1 in (0.2, 0.6, 0.4)]
    paper = paper_protocol(rows)
    assert (paper["T1"], paper["epoch_T1"], paper["epoch"], paper["epoch_AUSUC"]) == (0.6, 1, 1, 1)
    assert np.isnan(paper["H"])


def test_the_study_of_errors_says_that_it_needs_them(conventional, monkeypatch):
    monkeypatch.setattr(imbalance, "load_benchmark", lambda name: conventional)
    with pytest.raises(InputError, match="need test images, but SYNTH has no test_seen_loc"):
        imbalance.load_errors("SYNTH")

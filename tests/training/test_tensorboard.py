"""Live curves of a training for TensorBoard."""

import sys
import types

import pytest
import torch
from tiny import LINEAR_RUN

from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import train
from zslcore.training.tensorboard import logbook

CONFIG = LINEAR_RUN.replace(epochs=2, episodes=10)


@pytest.fixture
def written(monkeypatch):
    """What a stand-in for TensorBoard's writer was given."""
    written = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            written.append((folder, purge_step))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            written.append("closed")

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            written.append("flushed")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=SummaryWriter))
    return written


def test_every_number_of_an_epoch_is_written_at_once(written, tmp_path):
    with logbook(tmp_path, 3) as log:
        log(3, {"epoch": 3, "loss": 0.5, "T1": 0.6})
    assert written == [(str(tmp_path / "tensorboard"), 3), ("loss", 0.5, 3), ("T1", 0.6, 3), "flushed", "closed"]


def test_a_training_without_folder_or_in_another_process_writes_nothing(written, tmp_path):
    for folder, enabled in ((None, True), (tmp_path, False)):
        with logbook(folder, enabled=enabled) as log:
            log(0, {"loss": 1.0})
    assert not written


def test_without_tensorboard_nothing_happens(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as if not installed
    with logbook(tmp_path) as log:
        log(0, {"loss": 1.0})
    assert not list(tmp_path.iterdir())


def test_a_training_logs_its_rows(written, benchmark, features, tmp_path):
    maps = Maps(features, torch.device("cpu"), torch.float32)
    result = train(CONFIG, benchmark, maps, zero_shot_task(benchmark), checkpoints=tmp_path)
    losses = [entry[1] for entry in written if entry[0] == "loss"]
    assert losses == [row["loss"] for row in result.rows]

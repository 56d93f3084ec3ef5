"""``fit`` cut off at every step: a folder without metrics.json is no run, and stands in nobody's way."""

import os

import pytest

from zslcore import InputError, training
from zslcore.config import RunConfig
from zslcore.training import Run, fit

pytestmark = pytest.mark.usefixtures("small_world")

SMALL = {"backbone": "resnet18", "weights": "random", "image_size": 64, "device": "cpu"}
CONFIG = RunConfig(dataset="SYNTH", **SMALL, epochs=1, episodes=4, ways=4)
FILES = {"config.json", "history.csv", "metrics.json", "checkpoint/model.safetensors"}


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_in_the_second_training(monkeypatch, tmp_path):
    trainings, original = [], training.train

    def interrupted(config, benchmark, maps, task):
        trainings.append(task.name)
        if len(trainings) == 2:
            raise KeyboardInterrupt
        return original(config, benchmark, maps, task)

    monkeypatch.setattr(training, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(CONFIG, tmp_path / "run")
    assert trainings == ["validation", "test"]
    assert not files(tmp_path)
    assert files(fit(CONFIG, tmp_path / "run")) == FILES


@pytest.mark.parametrize("moved", range(4))
def test_while_its_files_are_moved_in(monkeypatch, tmp_path, moved):
    """Whichever of the four files is the first not to arrive: no metrics, and nothing that stands in the way."""
    calls, original = [], os.replace

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == moved + 1:
            raise KeyboardInterrupt
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(training.os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(CONFIG, tmp_path / "run")
    assert len(files(tmp_path)) == moved
    assert "run/metrics.json" not in files(tmp_path)
    with pytest.raises(InputError, match=r"is not a run folder: it has no metrics\.json"):
        Run.load(tmp_path / "run")
    assert files(fit(CONFIG, tmp_path / "run")) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_while_the_checkpoint_is_written(monkeypatch, tmp_path):
    def disk_full(state, path):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_file", disk_full)
        with pytest.raises(OSError, match="No space left"):
            fit(CONFIG, tmp_path / "run")
    assert not files(tmp_path)


def test_a_folder_with_a_notebook_in_it_becomes_the_run(tmp_path):
    """papermill writes the notebook into the run folder while it runs."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "04_train.ipynb").write_text("{}")
    folder = fit(CONFIG, tmp_path / "run")
    assert files(folder) == FILES | {"04_train.ipynb"}
    assert (folder / "04_train.ipynb").read_text() == "{}"


def test_a_leftover_of_other_settings_is_overwritten_whole(tmp_path):
    fit(CONFIG.replace(seed=5), tmp_path / "run")
    (tmp_path / "run" / "metrics.json").unlink()
    fit(CONFIG, tmp_path / "run")
    fit(CONFIG, tmp_path / "fresh")
    for name in FILES - {"metrics.json"}:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()

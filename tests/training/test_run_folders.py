"""Run folders that a user names: what is in them stays, and what a run left is read as it is."""

import json
import shutil

import numpy as np
import pytest
from tiny import SMALL_RUN

from zslcore import InputError
from zslcore.training import Run, fit

pytestmark = pytest.mark.usefixtures("small_world")


def contents(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture
def project(tmp_path):
    """A folder with empty folders, and with checkpoints of another program."""
    folder = tmp_path / "project"
    for name in ("logs", ".git/refs/tags", "checkpoint/mine/epoch-0011", "checkpoint/empty"):
        (folder / name).mkdir(parents=True)
    (folder / "checkpoint" / "mine" / "epoch-10.pth").write_text("weights")
    return folder


def test_a_run_keeps_what_is_in_its_folder(project):
    before = contents(project)
    fit(SMALL_RUN, project, progress=False)
    run_files = {"config.json", "history.csv", "metrics.json", "hashes.json", "checkpoint/model.safetensors"}
    assert contents(project) == before | run_files


def test_a_refused_run_leaves_a_folder_as_it_was(project):
    before = contents(project)
    with pytest.raises(InputError, match=r"^ways must be at most"):
        fit(SMALL_RUN.replace(ways=99), project, progress=False)
    assert contents(project) == before


FILES = ["config.json", "metrics.json", "history.csv", "hashes.json", "checkpoint/model.safetensors"]


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_programs_are_not_overwritten(project, name):
    (project / name).write_text('{"model": "mine"}')
    with pytest.raises(InputError, match=f"project holds {name}, but no run: give another folder$"):
        fit(SMALL_RUN, project, progress=False)
    assert (project / name).read_text() == '{"model": "mine"}'


def test_a_run_killed_before_it_was_complete_starts_again(run, tmp_path):
    """A run in closed form has no states to tell it by; its settings do."""
    folder = shutil.copytree(run.folder, tmp_path / "run")
    (folder / "metrics.json").unlink()
    assert Run.load(fit(run.config, folder, progress=False)).metrics["protocols"] == run.metrics["protocols"]


def test_the_home_folder_has_its_sign(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(run.folder, tmp_path / "run")
    assert fit(run.config, "~/run") == tmp_path / "run"
    assert Run.load("~/run").folder == tmp_path / "run"


def test_line_ends_of_windows_change_nothing(run, small_synth, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    for name in ("config.json", "metrics.json", "history.csv"):
        (folder / name).write_bytes((folder / name).read_bytes().replace(b"\n", b"\r\n"))
    read = Run.load(folder)
    assert (read.config, read.metrics) == (run.config, run.metrics)
    assert read.history.equals(run.history)


def test_an_edited_file_is_not_called_damaged(run, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    (folder / "config.json").write_text(json.dumps(run.config.to_dict()))
    with pytest.raises(InputError, match=r"config.json has changed since it was written: restore it, or train the run"):
        Run.load(folder)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("method", ["model", "inputs", "evaluate", "errors", "predict"])
def test_the_name_of_a_benchmark_is_no_benchmark(run, method):
    images = [[0]] if method == "predict" else []
    with pytest.raises(InputError, match=r"^benchmark must be a Benchmark, such as .*\('SYNTH'\), got 'SYNTH'$"):
        getattr(run, method)("SYNTH", *images)


def test_images_are_positions_or_a_mask(run, small_synth):
    chosen = np.array([3, 4])
    expected = run.predict(small_synth, chosen)
    mask = np.isin(np.arange(len(small_synth.labels)), chosen)
    for images in ([3, 4], range(3, 5), chosen.astype(np.uint8), chosen.astype(np.uint16), mask):
        np.testing.assert_array_equal(run.predict(small_synth, images), expected)
    assert run.predict(small_synth, []).shape == (0, expected.shape[1])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([0.5], r"^images must be one row of positions, or a mask of 112 images, got float64 of shape \(1,\)$"),
        (3, r"got int64 of shape \(\)$"),
        ([True, False], r"got bool of shape \(2,\)$"),
        ([-1, 112], r"^images must be positions in \[0, 112\), got -1 to 112$"),
    ],
)
def test_other_images_are_named(run, small_synth, images, message):
    assert len(small_synth.labels) == 112
    with pytest.raises(InputError, match=message):
        run.predict(small_synth, images)

"""A full disk is an OSError that names the file, and leaves nothing half-written."""

import errno
import re
import shutil
import subprocess

import nbformat
import numpy as np
import pandas as pd
import pytest
from tiny import SMALL

from zslcore import InputError, cli, synthbirds
from zslcore._io.writing import new_file, new_folder
from zslcore.config import RunConfig
from zslcore.study.checkout import root
from zslcore.study.pages.book import build_book
from zslcore.study.results.run_tables import write_results
from zslcore.synthbirds import Settings
from zslcore.training import fit
from zslcore.training.inputs import pictures
from zslcore.training.inputs.features import frozen_features


@pytest.fixture
def disk(tmp_path):
    """A disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def write(writer, path):
    with writer(path) as partial:
        file = partial / "large.bin" if partial.is_dir() else partial
        file.write_bytes(bytes(10**6))


@pytest.mark.parametrize("writer", [new_file, new_folder])
def test_the_error_names_the_file(disk, writer):
    with pytest.raises(OSError, match="No space left on device") as caught:
        write(writer, disk / "large")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(disk / "large"))
    assert not list(disk.iterdir())


def test_a_copy_that_finds_no_room_names_what_was_written(disk, tmp_path):
    """It named the file that was copied, which lies on another disk."""
    (tmp_path / "source.bin").write_bytes(bytes(10**6))
    with pytest.raises(OSError, match="No space left on device") as caught, new_file(disk / "copy.bin") as partial:
        shutil.copyfile(tmp_path / "source.bin", partial)
    assert caught.value.filename == str(disk / "copy.bin")
    assert not list(disk.iterdir())


@pytest.mark.usefixtures("small_world")
def test_a_training_whose_state_finds_no_room(disk):
    """It ended with a SafetensorError, for which the command line showed a traceback, and left its state."""
    config = RunConfig(dataset="SYNTH", **SMALL, epochs=1, episodes=2, ways=4)
    with pytest.raises(OSError, match="No space left on device") as caught:
        fit(config, disk / "SYNTH" / "run", progress=False)
    assert caught.value.filename == str(disk / "SYNTH" / "run" / "checkpoint" / "fold_1" / "epoch-0001")
    assert not list(disk.iterdir())


def test_features_that_find_no_room(disk, small_synth, monkeypatch):
    """They are written through a memory map, which ended the process with SIGBUS."""
    monkeypatch.setenv("ZSLCORE_CACHE", str(disk))
    with pytest.raises(OSError, match="No space left on device") as caught:
        frozen_features(small_synth, backbone="resnet18", weights="random", size=32, num_workers=0)
    assert caught.value.filename.startswith(str(disk / "features" / "SYNTH-resnet18"))
    assert not list((disk / "features").iterdir())


def test_the_command_line_says_it_in_one_line(disk, monkeypatch, capsys):
    monkeypatch.setattr("zslcore.synthbirds.ensure", lambda: write(new_folder, disk / "synth"))
    assert cli.main(["synth"]) == 2
    assert capsys.readouterr().err == f"zslcore: No space left on device: {disk / 'synth'}\n"


def test_pictures_that_find_no_room(disk, small_synth, monkeypatch):
    monkeypatch.setenv("ZSLCORE_CACHE", str(disk))
    monkeypatch.setattr(pictures, "_check_room", lambda *_: None)  # the estimate was too small
    with pytest.raises(OSError, match="No space left on device") as caught:
        pictures.decoded_pictures(small_synth, size=48, resize_ratio=1.0, num_workers=0)
    assert caught.value.filename.startswith(str(disk / "pictures" / "SYNTH-48px"))
    assert not list((disk / "pictures").iterdir())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_generation_that_finds_no_room(disk, workers):
    settings = Settings(num_classes=6, num_unseen=1, images_per_class=4, size=64)
    with pytest.raises(OSError, match="No space left on device") as caught:
        synthbirds.ensure(disk / "synth", settings=settings, workers=workers)
    assert caught.value.filename == str(disk / "synth")
    assert not list(disk.iterdir())
    with pytest.raises(OSError, match="No space left on device"):
        synthbirds.generate(disk, num_classes=6, num_unseen=1, images_per_class=4, size=64, workers=workers)
    assert not list(disk.rglob("*.png"))


def test_tables_that_find_no_room(disk):
    """A table was left empty."""
    results = pd.DataFrame({"dataset": "SYNTH", "method": ["x" * 1000] * 200})
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_results(results, results, str(disk), "zslcore run 05_results")
    assert caught.value.filename == str(disk / "results.csv")
    assert not list(disk.iterdir())


def test_a_book_that_finds_no_room_leaves_the_earlier_one(disk):
    """The earlier one was removed, and the new one stopped halfway."""
    (disk / "book").mkdir()
    (disk / "book" / "index.html").write_text("an earlier one")
    with pytest.raises(InputError, match="No space left on device"):
        build_book(root() / "results" / "SYNTH", disk / "book")
    assert [path.name for path in disk.rglob("*")] == ["book", "index.html"]


def test_an_executed_notebook_that_finds_no_room(disk, tmp_path, capsys):
    cells = [
        nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print('x' * 10**5)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "prints.ipynb")
    assert cli.main(["run", str(tmp_path / "prints.ipynb"), "--output", str(disk / "done.ipynb")]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"zslcore: No space left on device: {disk / 'done.ipynb'}"
    assert not list(disk.iterdir())


def test_a_folder_that_finds_no_room_is_named_as_it_would_be_called(disk):
    """Not by its temporary name."""
    with pytest.raises(OSError, match="No space left on device") as caught:
        fill_with_folders(disk / "maps")
    assert caught.value.filename == str(disk / "maps")


def fill_with_folders(path):
    with new_folder(path) as partial:
        raise OSError(errno.ENOSPC, "No space left on device", str(partial / "below"))


def test_numpy_says_what_it_wrote_without_a_name(disk, monkeypatch, capsys):
    """Its OSError has no number and no file."""

    def fail():
        with new_file(disk / "a.npy") as partial, open(partial, "wb") as file:
            np.ones(10**5).tofile(file)

    monkeypatch.setattr("zslcore.synthbirds.ensure", fail)
    assert cli.main(["synth"]) == 2
    printed = capsys.readouterr().err
    assert re.fullmatch(rf"zslcore: 100000 requested and \d+ written: {disk / 'a.npy'}\n", printed)

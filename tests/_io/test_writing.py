"""Files and folders appear complete; what a killed process left is removed, what a running one writes is not."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zslcore._io.writing import new_file, new_folder, new_tree, remove_abandoned
from zslcore.training.inputs import pictures
from zslcore.training.inputs.features import frozen_features
from zslcore.training.inputs.pictures import decoded_pictures

FEATURES = {"backbone": "resnet18", "weights": "random", "size": 32, "num_workers": 0}
PICTURES = {"size": 28, "num_workers": 0}

WRITER = """
import sys
from pathlib import Path
from zslcore._io.writing import new_folder
with new_folder(Path(sys.argv[1])) as partial:
    (partial / "half.bin").write_bytes(b"half")
    print(partial.name, flush=True)
    sys.stdin.read()
"""


def start(folder):
    """A process that is writing a folder, and the name of its temporary one."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def killed(folder):
    """Let a process be killed that was writing a folder; the name of its temporary one."""
    process, name = start(folder)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (folder.parent / name / "half.bin").exists()
    return name


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_what_a_killed_process_left_is_removed_when_the_next_begins(tmp_path):
    killed(tmp_path / "maps")
    other = killed(tmp_path / "maps-large")
    with new_folder(tmp_path / "maps") as partial:
        assert names(tmp_path) == {other, f"{other}.lock", partial.name, f"{partial.name}.lock"}
    assert names(tmp_path) == {other, f"{other}.lock", "maps"}


def test_what_a_living_process_writes_stays(tmp_path):
    process, name = start(tmp_path / "maps")
    with new_folder(tmp_path / "maps") as partial:
        assert name in names(tmp_path)
        (partial / "whole.bin").write_bytes(b"whole")
    process.communicate()
    assert process.returncode == 0
    assert names(tmp_path) == {"maps"}
    assert names(tmp_path / "maps") == {"whole.bin"}


def fail(writer, path):
    with writer(path) as partial:
        target = partial / "half.bin" if partial.is_dir() else partial
        target.write_bytes(b"half")
        raise ZeroDivisionError


@pytest.mark.parametrize("writer", [new_file, new_folder])
def test_a_failure_leaves_nothing(tmp_path, writer):
    with pytest.raises(ZeroDivisionError):
        fail(writer, tmp_path / "maps")
    assert not names(tmp_path)


def test_a_file_is_replaced_and_its_temporary_name_has_the_suffix(tmp_path):
    (tmp_path / "table.csv").write_text("old")
    with new_file(tmp_path / "table.csv") as partial:
        assert partial.suffix == ".csv"
        partial.write_text("new")
        assert (tmp_path / "table.csv").read_text() == "old"
    assert (tmp_path / "table.csv").read_text() == "new"
    assert names(tmp_path) == {"table.csv"}


def test_a_folder_that_another_process_finished_meanwhile_stays(tmp_path):
    with new_folder(tmp_path / "maps"), new_folder(tmp_path / "maps") as partial:
        (partial / "first.bin").touch()
    assert names(tmp_path) == {"maps"}
    assert names(tmp_path / "maps") == {"first.bin"}


def test_a_killed_decoding_or_extraction_leaves_no_litter_after_the_next(tiny, tmp_path, monkeypatch):
    """The decoded pictures of CUB take 12 GB: they have to go before the room on the disk is measured."""
    tiny.write_images()
    benchmark = tiny.load()
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path / "first"))
    folders = [
        decoded_pictures(benchmark, **PICTURES).folder,
        frozen_features(benchmark, **FEATURES).folder,
    ]
    cache = tmp_path / "cache"
    monkeypatch.setenv("ZSLCORE_CACHE", str(cache))
    for folder in folders:
        killed(cache / folder.relative_to(tmp_path / "first"))
    check, seen = pictures._check_room, []
    monkeypatch.setattr(pictures, "_check_room", lambda *a: (seen.append(names(cache / "pictures")), check(*a)))
    decoded_pictures(benchmark, **PICTURES)
    frozen_features(benchmark, **FEATURES)
    assert seen == [set()]
    for folder in folders:
        assert names(cache / folder.parent.name) == {folder.name}


PARTS = (Path("a/images"), Path("names.txt"), Path("tables"))


def fill(partial):
    (partial / "a" / "images").mkdir(parents=True)
    (partial / "a" / "images" / "1.png").touch()
    (partial / "names.txt").touch()


def test_parts_move_and_the_rest_stays_behind(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "other").touch()
    with new_tree(tmp_path, "a", PARTS) as partial:
        fill(partial)
        (partial / "scratch").touch()
        assert not (tmp_path / "names.txt").exists()
    assert names(tmp_path) == {"a", "names.txt"}
    assert names(tmp_path / "a") == {"images", "other"}


def fill_and_take(root, taken):
    """Let another process make one of the parts meanwhile."""
    with new_tree(root, "a", PARTS) as partial:
        fill(partial)
        (root / taken).mkdir(parents=True)
        (root / taken / "mine").touch()


@pytest.mark.parametrize("taken", PARTS[:2])
def test_no_part_stays_if_one_is_in_the_way(tmp_path, taken):
    with pytest.raises(FileExistsError):
        fill_and_take(tmp_path, taken)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / taken / "mine"]


MOVE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from zslcore._io import writing
renamed, rename = [], os.rename
def counted(*paths):
    if len(renamed) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    renamed.append(paths)
    rename(*paths)
os.rename = counted
root = Path(sys.argv[1])
with writing.new_tree(root, "a", (Path("a/images"), Path("names.txt"), Path("tables"))) as partial:
    (partial / "a" / "images").mkdir(parents=True)
    (partial / "a" / "images" / "1.png").touch()
    (partial / "names.txt").touch()
"""


@pytest.mark.parametrize("moved", [0, 1])
def test_parts_that_a_killed_process_was_moving_are_moved_by_the_next(tmp_path, moved):
    """The first stood in the way of the same data set for ever."""
    done = subprocess.run([sys.executable, "-c", MOVE_AND_DIE, str(tmp_path), str(moved)], check=False)
    assert done.returncode == -9
    assert not (tmp_path / "names.txt").exists()
    remove_abandoned(tmp_path / "a")
    assert names(tmp_path) == {"a", "names.txt"}
    assert names(tmp_path / "a") == {"images"}

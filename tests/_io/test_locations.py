"""Folders that appear when complete: what a killed process left of one is removed, what a living one writes is not."""

import os
import signal
import subprocess
import sys

import pytest

from zslcore._io import locks
from zslcore._io.locations import DAY, complete_folder
from zslcore.training.inputs import pictures
from zslcore.training.inputs.features import frozen_features
from zslcore.training.inputs.pictures import decoded_pictures

FEATURES = {"backbone": "resnet18", "weights": "random", "size": 32, "num_workers": 0}
PICTURES = {"size": 28, "num_workers": 0}

WRITER = """
import sys
from pathlib import Path
from zslcore._io.locations import complete_folder
with complete_folder(Path(sys.argv[1])) as partial:
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
    with complete_folder(tmp_path / "maps") as partial:
        assert names(tmp_path) == {other, f"{other}.lock", partial.name, f"{partial.name}.lock"}
    assert names(tmp_path) == {other, f"{other}.lock", "maps"}


def test_what_a_living_process_writes_stays(tmp_path):
    process, name = start(tmp_path / "maps")
    with complete_folder(tmp_path / "maps") as partial:
        assert name in names(tmp_path)
        (partial / "whole.bin").write_bytes(b"whole")
    process.communicate()
    assert process.returncode == 0
    assert names(tmp_path) == {"maps"}
    assert names(tmp_path / "maps") == {"whole.bin"}


@pytest.mark.parametrize("locks_work", [True, False])
@pytest.mark.parametrize(("age", "removed"), [(DAY / 2, False), (2 * DAY, True)])
def test_without_a_lock_to_tell_the_age_does(tmp_path, monkeypatch, locks_work, age, removed):
    """What an older version left has no lock; some file systems have none at all."""
    if not locks_work:
        monkeypatch.setattr(locks, "fcntl", None)
    left = tmp_path / ".partial-maps-0123abcd"
    left.mkdir()
    (left / "half.bin").touch()
    if not locks_work:
        (tmp_path / f"{left.name}.lock").touch()
    for path in (left / "half.bin", left):
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    with complete_folder(tmp_path / "maps"):
        assert left.exists() != removed


def test_a_killed_decoding_or_extraction_leaves_no_litter_after_the_next(tiny, tmp_path, monkeypatch):
    """The decoded pictures of CUB take 12 GB: they have to go before the room on the disk is measured."""
    tiny.write_images()
    benchmark = tiny.load()
    folders = [
        decoded_pictures(benchmark, **PICTURES, cache=tmp_path / "first").folder,
        frozen_features(benchmark, **FEATURES, cache=tmp_path / "first").folder,
    ]
    cache = tmp_path / "cache"
    for folder in folders:
        killed(cache / folder.relative_to(tmp_path / "first"))
    check, seen = pictures._check_room, []
    monkeypatch.setattr(pictures, "_check_room", lambda *a: (seen.append(names(cache / "pictures")), check(*a)))
    decoded_pictures(benchmark, **PICTURES, cache=cache)
    frozen_features(benchmark, **FEATURES, cache=cache)
    assert seen == [set()]
    for folder in folders:
        assert names(cache / folder.parent.name) == {folder.name}

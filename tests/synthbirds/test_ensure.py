"""SynthBirds is generated once, again where it is not whole, and never over other data; damage is named."""

import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_birds import SMALL, tree_bytes

from zslcore import synthbirds
from zslcore.errors import InputError
from zslcore.synthbirds import Settings, generator

SETTINGS = Settings(**SMALL)


def without_lock(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != ".synth.lock"]


def test_ensure_generates_once(tmp_path, monkeypatch):
    root = synthbirds.ensure(tmp_path / "synth", settings=SETTINGS)
    assert synthbirds.is_complete(root, SETTINGS)
    monkeypatch.setattr(generator, "_write", lambda *_: pytest.fail("generated again"))
    assert synthbirds.ensure(root, settings=SETTINGS) == root
    assert without_lock(tmp_path) == ["synth"]  # nothing temporary is left


@pytest.mark.parametrize("damage", ["no stamp", "older version", "other bytes", "missing picture", "other settings"])
def test_ensure_regenerates_what_is_not_whole(root, tmp_path, damage):
    mine = Path(shutil.copytree(root, tmp_path / "synth"))
    stamp = mine / "SYNTH/stamp.json"
    if damage == "no stamp":
        stamp.unlink()
    elif damage == "older version":
        stamp.write_text(stamp.read_text().replace('"version": ', '"version": 0'))
    elif damage == "other bytes":  # which are no text
        stamp.write_bytes(b"\xff" + stamp.read_bytes()[1:])
    elif damage == "missing picture":
        next(mine.glob("SYNTH/images/*/*.png")).unlink()
    else:
        stamp.write_text(replace(SETTINGS, seed=5).stamp)
    assert not synthbirds.is_complete(mine, SETTINGS)
    synthbirds.ensure(mine, settings=SETTINGS)
    assert tree_bytes(mine) == tree_bytes(root)


def test_an_interrupted_generation_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(synthbirds.tables, "write_tables", interrupted)
    with pytest.raises(KeyboardInterrupt):
        synthbirds.ensure(tmp_path / "synth", settings=SETTINGS, workers=1)
    assert without_lock(tmp_path) == []


def test_a_failed_generation_keeps_the_folder_that_it_would_replace(root, tmp_path, monkeypatch):
    mine = Path(shutil.copytree(root, tmp_path / "synth"))
    monkeypatch.setattr(generator, "_write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        synthbirds.ensure(mine, settings=replace(SETTINGS, seed=1))
    assert tree_bytes(mine) == tree_bytes(root)


def test_an_old_benchmark_that_cannot_be_removed_is_an_input_error(root, tmp_path, monkeypatch):
    mine = Path(shutil.copytree(root, tmp_path / "synth"))
    monkeypatch.setattr(generator, "shutil", SimpleNamespace(rmtree=lambda *_, **__: None))
    with pytest.raises(InputError, match=r"cannot replace the old benchmark at .*synth; is the folder writable"):
        synthbirds.ensure(mine, settings=replace(SETTINGS, num_classes=5), workers=1)


def _ensure_in_process(root: Path) -> None:
    synthbirds.ensure(root, settings=SETTINGS, workers=1)


def test_two_processes_at_once_both_end_well(root, tmp_path):
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_ensure_in_process, args=(tmp_path / "synth",)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert tree_bytes(tmp_path / "synth") == tree_bytes(root)
    assert without_lock(tmp_path) == ["synth"]


def test_ensure_never_moves_a_folder_with_other_data(tmp_path):
    (tmp_path / "data/CUB").mkdir(parents=True)
    with pytest.raises(InputError, match="CUB"):
        synthbirds.ensure(tmp_path / "data", settings=SETTINGS)
    assert (tmp_path / "data/CUB").is_dir()


def test_missing_ground_truth_is_named(tmp_path):
    with pytest.raises(InputError, match=r"ground_truth\.npz"):
        synthbirds.load_ground_truth(tmp_path)


@pytest.mark.parametrize("place", [0.0, 0.01, 0.5])
def test_a_changed_bit_of_the_ground_truth_is_named(root, tmp_path, place):
    """It was a BadZipFile without the name of the file."""
    shutil.copytree(root / "SYNTH", tmp_path / "SYNTH")
    path = tmp_path / "SYNTH" / "ground_truth.npz"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=f"^SynthBirds: {path} is damaged: remove {path.parent}, and .* makes it again$"
    ):
        synthbirds.load_ground_truth(tmp_path)


def test_a_stamp_that_is_no_text_is_another_stamp(root, tmp_path):
    """It was a UnicodeDecodeError."""
    shutil.copytree(root / "SYNTH", tmp_path / "SYNTH")
    (tmp_path / "SYNTH" / "stamp.json").write_bytes(b"\xff")
    assert not synthbirds.is_complete(tmp_path)

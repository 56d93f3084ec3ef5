"""What ``zslcore check`` says of contradictory data, and that it says nothing of whole data."""

import numpy as np
import pytest

from zslcore import cli


def check(tiny, monkeypatch, capsys):
    tiny.write()
    monkeypatch.setenv("ZSLCORE_DATA", str(tiny.root))
    status = cli.main(["check", "TINY"])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_check_passes_whole_data_without_a_note(tiny, monkeypatch, capsys):
    tiny.write_images()
    status, out, err = check(tiny, monkeypatch, capsys)
    assert (status, err) == (0, "zslcore: note: ways is 4 instead of 16, the most that TINY allows\n")
    assert "note" not in out
    assert out.endswith("all 40 images are there\n")


def test_check_refuses_one_file_under_two_numbers_in_trainval_and_test(tiny, monkeypatch, capsys):
    tiny.write_images()
    tiny.images["image_files"][4] = tiny.images["image_files"][0]
    status, out, err = check(tiny, monkeypatch, capsys)
    assert status == 2
    assert "note: 1 image file is listed more than once (0 with several labels, 1 in several splits): " in out
    assert "must list no image in several splits, but lists" in err
    assert "lark/00.png as images 1 (trainval), 5 (test_seen)\n" in err


def test_check_notes_one_file_with_several_labels(tiny, monkeypatch, capsys):
    """As in aPY, whose images show several objects, one a row."""
    tiny.write_images()
    images = [str(path).replace("lark", "shared") for path in tiny.images["image_files"][:, 0]]
    images[15] = images[0] = images[4]
    tiny.images["image_files"][:, 0] = [path.replace("TINY/images/", "TINY/images/all_") for path in images]
    for path, name in zip(tiny.image_paths, tiny.images["image_files"][:, 0]):
        target = tiny.root / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    status, out, _ = check(tiny, monkeypatch, capsys)
    assert status == 0
    assert "note: 1 image file is listed more than once (1 with several labels, 1 in several splits): " in out


def test_check_notes_classes_that_cannot_be_told_apart(tiny, monkeypatch, capsys):
    """With few binary attributes, classes often have the same ones; predictions then are all of the first class."""
    tiny.write_images()
    tiny.splits["original_att"][:, 3] = 2.5 * tiny.splits["original_att"][:, 0]
    tiny.splits["att"][:, 3] = tiny.splits["att"][:, 0]
    status, out, _ = check(tiny, monkeypatch, capsys)
    names = [str(tiny.load().class_names[index]) for index in (0, 3)]
    assert status == 0
    expected = (
        f"2 classes have the class vector of another one, and cannot be told apart: {names[0]!r} and {names[1]!r}"
    )
    assert f"\nnote: {expected}\n" in out


def test_check_says_that_a_conventional_split_gives_t1_alone(tiny, monkeypatch, capsys):
    tiny.write_images()
    del tiny.splits["test_seen_loc"]
    status, out, _ = check(tiny, monkeypatch, capsys)
    assert status == 0
    assert "note: there is no test_seen_loc, so that runs report T1, and no U, S and H\n" in out


def test_check_refuses_a_file_list_shifted_against_the_labels(tiny, monkeypatch, capsys):
    tiny.write_images()
    tiny.images["image_files"] = np.roll(tiny.images["image_files"], 1)
    status, _, err = check(tiny, monkeypatch, capsys)
    assert status == 2
    assert "8 images lie in the folder of another class, the first is 1: TINY/images/wren/39.png has the label" in err


@pytest.mark.parametrize("shuffled", [True, False])
def test_check_refuses_att_that_is_not_original_att_normalised(tiny, monkeypatch, capsys, shuffled):
    tiny.write_images()
    if shuffled:
        tiny.splits["att"] = tiny.splits["att"][:, ::-1]
    else:
        tiny.splits["att"][2, 3] = 0
    status, _, err = check(tiny, monkeypatch, capsys)
    assert status == 2
    named = "lark" if shuffled else "finch"
    assert "att_splits.mat must be original_att of unit length, got a distance of" in err
    assert f"for class '{named}'" in err


def test_check_accepts_a_missing_annotation(tiny, monkeypatch, capsys):
    tiny.write_images()
    tiny.splits["original_att"][2, 3] = -1
    assert check(tiny, monkeypatch, capsys)[0] == 0

"""``zslcore data make``: every way in which folder, table and options may not fit is one sentence."""

import os
import re
import shutil

import pytest
from new_birds import files

from zslcore import cli
from zslcore.data.make import make_dataset
from zslcore.errors import InputError


def change_row(line, *cells):
    return lambda source: source.rows.__setitem__(line - 1, list(cells))


def change_cell(line, column, text):
    return lambda source: source.rows[line - 1].__setitem__(column, text)


def rename_class(name, *, folder):
    """Call the class lark otherwise, in the table and as a folder."""

    def change(source):
        (source.pictures / "lark").rename(source.pictures / folder)
        change_cell(5, 0, name)(source)

    return change


def write_file(name, content):
    return lambda source: (source.pictures / name).write_bytes(content)


MISTAKES = {
    "class twice": (
        lambda source: source.rows.append(["lark", "1", "1", "1"]),
        r"classes\.csv, line 10 \('lark'\) repeats the class of line 5",
    ),
    "no number": (
        change_cell(3, 2, "big"),
        r"line 3 \('Krähe'\) must have a finite number for 'colour, main', got 'big'",
    ),
    "decimal comma": (change_cell(3, 2, "0,5"), r"line 3 .* finite number .* got '0,5'"),
    "empty cell": (change_cell(4, 3, " "), r"line 4 \('owl, barn'\) must have a finite number for 'länge', got ''"),
    "not a number": (change_cell(4, 3, "nan"), r"line 4 .* got 'nan'"),
    "beyond float32": (change_cell(4, 3, "1e39"), r"line 4 .* got '1e39'"),
    "all zero": (change_row(5, "lark", "0", "0", "1e-60"), r"line 5 \('lark'\) must have an attribute that is not 0"),
    "cell missing": (change_row(5, "lark", "1", "2"), r"line 5 \('lark'\) must have 4 cells as the header has, got 3"),
    "class without name": (change_row(5, "", "1", "2", "3"), r"line 5: a class must have a name"),
    "class with line break": (change_cell(5, 0, "la\nrk"), r"line 6: a class must have a name, .* got 'la\\nrk'"),
    "attribute without name": (change_cell(1, 2, ""), r"line 1: an attribute must have a name"),
    "attribute twice": (change_cell(1, 2, "länge"), r"line 1: the attribute 'länge' must be there once"),
    "two classes": (lambda source: source.rows.__delitem__(slice(3, None)), r"at least 3 classes, .* got 2$"),
    "empty table": (lambda source: source.rows.clear(), r"classes\.csv must begin with a header"),
    "one column": (
        lambda source: source.rows.__setitem__(slice(None), [["class"], ["lark"]]),
        r"classes\.csv must begin with a header that names the class column and the attributes",
    ),
    "no folder": (change_cell(5, 0, "dodo"), r"must have a row for each folder in .*pictures, but has none for 'lark'"),
    "class without folder": (
        lambda source: source.rows.append(["dodo", "1", "1", "1"]),
        r"pictures must hold a folder for each class in .*, but has none for 'dodo'",
    ),
    "few images": (
        lambda source: [path.unlink() for path in sorted((source.pictures / "lark").iterdir())[3:]],
        r"the class 'lark' must have at least 4 images, got 3 in ",
    ),
    "images in a folder of the class": (
        lambda source: shutil.copytree(source.pictures / "gull", source.pictures / "lark" / "more"),
        r"the images of class 'lark' must lie in .*lark itself, but 'more' has some$",
    ),
    "not an image": (write_file("gull/gull 2.png", b"<html>"), r"gull 2\.png cannot be read as an image: not an image"),
    "folder called images": (
        rename_class("images", folder="images"),
        r"a class in .* must have a name that can be a folder, got 'images'",
    ),
    "class called like a path": (
        rename_class("/m/lark", folder="m_lark"),
        r"a class in .* must have a name that can be a folder, got '/m/lark'",
    ),
    "class called like a folder above": (
        change_cell(5, 0, "../lark"),
        r"a class in .* must have a name that can be a folder, got '\.\./lark'",
    ),
    "other kinds of pictures": (
        lambda source: [path.rename(path.with_suffix(".heic")) for path in (source.pictures / "lark").iterdir()],
        r"the class 'lark' must have at least 4 images, got 0 in .*lark, and \d+ files that end in \.heic",
    ),
    "folder of another number": (
        rename_class("7-spot lark", folder="14-spot lark"),
        r"classes\.csv must have a row for each folder in .*, but has none for '14-spot lark'",
    ),
}


@pytest.mark.parametrize(("change", "message"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.usefixtures("unchecked")
def test_a_mistake_is_one_sentence_and_writes_nothing(source, root, change, message):
    change(source)
    source.write()
    with pytest.raises(InputError, match=message) as caught:
        make_dataset(source.pictures, source.table, "BIRDS")
    assert "\n" not in str(caught.value)
    assert not root.exists()


def test_files_that_are_no_csv(source, root):
    source.table.write_bytes(b"class,a\n\xff,1\n")
    with pytest.raises(InputError, match=r"classes\.csv must be a CSV file in UTF-8, but cannot be read"):
        make_dataset(source.pictures, source.table, "BIRDS")
    source.table.write_text('class,a\n"lark,1\n')
    with pytest.raises(InputError, match=r"classes\.csv must be a CSV file in UTF-8, but cannot be read"):
        make_dataset(source.pictures, source.table, "BIRDS")
    with pytest.raises(InputError, match=r"no class table at .*none\.csv: No such file"):
        make_dataset(source.pictures, source.table.with_name("none.csv"), "BIRDS")


def test_a_workbook_is_no_csv(source, root):
    source.table.write_bytes(b"PK\x03\x04...")
    with pytest.raises(InputError, match=r"classes\.csv must be a CSV file, but is a workbook or another zip archive"):
        make_dataset(source.pictures, source.table, "BIRDS")


def test_an_image_with_a_backslash_in_its_name(source, root):
    os.rename(source.pictures / "lark" / "lark 0.png", source.pictures / "lark" / "a\\b.png")
    with pytest.raises(InputError, match=r"an image in .*lark must have a name without a backslash, got 'a\\\\b\.png'"):
        make_dataset(source.pictures, source.table, "BIRDS")


def test_an_image_whose_name_is_not_text(source, root):
    name = os.fsencode(source.pictures / "lark") + b"/\xff.png"
    with open(name, "wb") as file:
        file.write((source.pictures / "lark" / "lark 0.png").read_bytes())
    with pytest.raises(InputError, match=r"an image in .*lark must have a name, in UTF-8 .* got '\\udcff\.png'"):
        make_dataset(source.pictures, source.table, "BIRDS")


OPTIONS = {
    "too many unseen": ({"unseen": 7}, r"unseen must be 1 to 6 of the 8 classes it is chosen from, got 7"),
    "no unseen": ({"unseen": 0}, r"unseen must be 1 to 6 .* got 0"),
    "too many val": ({"unseen": 2, "val": 6}, r"val must be 1 to 5 of the 6 classes it is chosen from, got 6"),
    "unknown class": ({"unseen": "dodo"}, r"unseen must be a number, a file or names of classes; 'dodo' is none"),
    "unseen val": ({"unseen": ["auk"], "val": ["auk"]}, r"val must name seen classes, but 'auk' is unseen"),
    "share": ({"test_share": 1.0}, r"test_share must be a number in \(0, 1\), got 1\.0"),
    "share as text": ({"test_share": "0.2"}, r"test_share must be a number in \(0, 1\), got '0\.2'"),
    "seed": ({"seed": -1}, r"seed must be a whole number of at least 0, got -1"),
    "seed as text": ({"seed": "1"}, r"seed must be a whole number of at least 0, got '1'"),
    "no seed": ({"seed": None}, r"seed must be a whole number of at least 0, got None"),
    "no root": ({"root": ""}, r"root must not be empty"),
    "table as rows": ({"table": [["class", "a"]]}, r"table must be a path, got list"),
    "number as a name": ({"name": 5}, r"dataset must be a name such as my-birds .* got 5"),
    "list of images": ({"images": ["copy"]}, r"images must be one of copy, hardlink, symlink, got \['copy'\]"),
    "yes as a number of classes": ({"unseen": True}, r"unseen must be a whole number, a file or names"),
    "images": ({"images": "move"}, r"images must be one of copy, hardlink, symlink, got 'move'"),
    "word vectors": ({"word_vectors": "none.npy"}, r"no word vectors at none\.npy"),
    "name": ({"name": "my birds"}, r"dataset must be a name such as my-birds .* got 'my birds'"),
    "path as name": ({"name": "../birds"}, r"got '\.\./birds'"),
    "generated": ({"name": "SYNTH"}, r"got 'SYNTH'"),
}


@pytest.mark.parametrize(("options", "message"), OPTIONS.values(), ids=OPTIONS)
@pytest.mark.usefixtures("unchecked")
def test_options_that_cannot_be_used(source, root, options, message):
    with pytest.raises(InputError, match=message):
        make_dataset(source.pictures, **({"table": source.table, "name": "BIRDS"} | options))
    assert not root.exists()


@pytest.mark.parametrize(
    "taken", ["BIRDS/images/a.png", "xlsa17/data/BIRDS/att_splits.mat", "Attribute/w2v/BIRDS_attribute.pkl"]
)
def test_what_exists_is_never_replaced(source, root, taken, capsys):
    (root / taken).parent.mkdir(parents=True)
    (root / taken).write_text("mine")
    words = ["data", "make", str(source.pictures), str(source.table), "--name", "BIRDS"]
    assert cli.main(words) == 2
    message = capsys.readouterr().err
    assert re.fullmatch(r"zslcore: .* exists already: give the new data set another name\n", message)
    assert files(root) == [taken]
    assert (root / taken).read_text() == "mine"


def test_nothing_stays_of_a_failure(source, root, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    root.mkdir()
    monkeypatch.setattr("zslcore.data.new_dataset.PLACES", {"copy": full})
    with pytest.raises(OSError, match="No space left"):
        make_dataset(source.pictures, source.table, "BIRDS")
    assert not list(root.rglob("*"))

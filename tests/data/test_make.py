"""``zslcore data make``: what it writes, that it trains, and every way in which folder and table may not fit."""

import csv
import json
import os
import re
import unicodedata

import numpy as np
import pytest
from PIL import Image

from zslcore import cli
from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.benchmark import SPLITS, Benchmark
from zslcore.data.make import make_dataset
from zslcore.errors import InputError
from zslcore.training import fit

CLASSES = ["great tit", "Krähe", "owl, barn", "lark", "heron", "auk", "finch", "gull"]
ATTRIBUTES = ["has_size::small", "colour, main", "länge"]


class Source:
    """A folder of 8 classes with 5 to 8 noisy pictures each, and its table."""

    def __init__(self, folder):
        self.pictures, self.table = folder / "pictures", folder / "classes.csv"
        rng = np.random.default_rng(0)
        for index, name in enumerate(CLASSES):
            (self.pictures / name).mkdir(parents=True)
            for number in range(5 + index % 4):
                pixels = rng.integers(0, 256, (24, 30, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(self.pictures / name / f"{name} {number}.png")
        self.values = rng.uniform(0.1, 5, size=(8, 3)).round(3)
        self.rows = [["class", *ATTRIBUTES], *([name, *map(str, row)] for name, row in zip(CLASSES, self.values))]
        self.write()

    def write(self, encoding="utf-8", delimiter=","):
        with open(self.table, "w", newline="", encoding=encoding) as file:
            csv.writer(file, delimiter=delimiter).writerows(self.rows)


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path / "source")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLCORE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def same(first, second):
    """Whether two data sets of one name have the same tables."""
    return first.fingerprint == second.fingerprint


def test_what_is_made_is_what_was_given(source, root):
    made = make_dataset(source.pictures, source.table, "BIRDS")
    loaded = load_benchmark("BIRDS")
    assert same(made, loaded)
    assert loaded.class_names == tuple(CLASSES)
    assert loaded.attribute_names == tuple(ATTRIBUTES)
    np.testing.assert_allclose(loaded.original_attributes, source.values, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(loaded.attributes, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(loaded.attributes * np.linalg.norm(source.values, axis=1)[:, None], source.values, 1e-5)
    for path, label in zip(loaded.image_paths, loaded.labels):
        assert path.read_bytes() == (source.pictures / CLASSES[label] / path.name).read_bytes()
        assert path.parent == root / "BIRDS" / "images" / CLASSES[label]
    assert np.bincount(loaded.labels).tolist() == [5, 6, 7, 8, 5, 6, 7, 8]
    assert {path.split("/")[0] for path in files(root)} == {"BIRDS", "xlsa17", "Attribute"}
    assert not list(root.glob(".*"))


def test_splits_are_drawn_by_class(source, root):
    made = make_dataset(source.pictures, source.table, "BIRDS", unseen=3, val=2, test_share=0.3)
    assert [len(made.unseen_classes), len(made.val_classes), len(made.train_classes)] == [3, 2, 3]
    counts = {split: np.bincount(made.labels[made.split(split)], minlength=8) for split in SPLITS}
    sizes = np.bincount(made.labels)
    for index in range(8):
        if index in made.unseen_classes:
            assert counts["test_unseen"][index] == sizes[index]
        else:
            assert counts["test_seen"][index] == {5: 2, 6: 2, 7: 2, 8: 2}[sizes[index]]
            assert counts["trainval"][index] == sizes[index] - 2
    assert (counts["train"] + counts["val"] == counts["trainval"]).all()
    again = make_dataset(source.pictures, source.table, "BIRDS", root=root / "b", unseen=3, val=2, test_share=0.3)
    other = make_dataset(source.pictures, source.table, "BIRDS", root=root / "c", unseen=3, val=2, seed=1)
    assert same(made, again)
    assert made.unseen_classes.tolist() != other.unseen_classes.tolist()


def test_enough_images_stay_for_training(source, root):
    made = make_dataset(source.pictures, source.table, "BIRDS", test_share=0.99)
    trained = np.bincount(made.labels[made.split("trainval")])
    assert set(trained[made.seen_classes]) == {3}


@pytest.mark.parametrize("form", ["list", "text", "file"])
def test_split_that_is_given(source, root, tmp_path, form):
    unseen, val = ["auk", "Krähe"], ["gull"]
    if form == "text":
        unseen, val = "auk, Krähe", "gull"
    if form == "file":
        (tmp_path / "unseen.txt").write_text(unicodedata.normalize("NFD", "auk\nKrähe\n"), encoding="utf-8")
        unseen = str(tmp_path / "unseen.txt")
    made = make_dataset(source.pictures, source.table, "BIRDS", unseen=unseen, val=val)
    assert made.unseen_classes.tolist() == [1, 5]
    assert made.val_classes.tolist() == [7]
    lists = root / "xlsa17" / "data" / "BIRDS"
    assert (lists / "testclasses.txt").read_text(encoding="utf-8").split() == ["Krähe", "auk"]
    assert len((lists / "allclasses.txt").read_text(encoding="utf-8").splitlines()) == 8


def test_a_file_of_classes_and_a_number_of_any_type(source, root, tmp_path, monkeypatch):
    (tmp_path / "unseen.txt").write_text("auk\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for number, unseen in enumerate([tmp_path / "unseen.txt", "~/unseen.txt"]):
        made = make_dataset(source.pictures, source.table, f"B{number}", unseen=unseen, val=np.uint8(2))
        assert [made.unseen_classes.tolist(), len(made.val_classes)] == [[5], 2]


@pytest.mark.parametrize("unseen", [[0, 1], 2.5, ["auk", None], np.arange(2)], ids=str)
@pytest.mark.usefixtures("unchecked")
def test_classes_that_are_no_names_are_refused(source, root, unseen):
    with pytest.raises(InputError, match=r"unseen must be a whole number, a file or names of classes, got .*(\d|None)"):
        make_dataset(source.pictures, source.table, "BIRDS", unseen=unseen)


def test_a_text_that_is_too_long_for_a_path_is_a_list(source, root):
    made = make_dataset(source.pictures, source.table, "BIRDS", unseen=",".join(["auk"] * 2000))
    assert made.unseen_classes.tolist() == [5]


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ","), ("utf-8", ";"), ("utf-8", "\t")])
def test_other_forms_of_csv(source, root, encoding, delimiter):
    plain = make_dataset(source.pictures, source.table, "BIRDS", root=root / "a")
    source.rows.insert(3, [])
    source.rows[1] = [f"  {cell} " for cell in source.rows[1]]
    source.write(encoding, delimiter)
    assert same(make_dataset(source.pictures, source.table, "BIRDS", root=root / "b"), plain)


def test_a_name_in_decomposed_letters_finds_its_folder(source, root):
    (source.pictures / "Krähe").rename(source.pictures / unicodedata.normalize("NFD", "Krähe"))
    made = make_dataset(source.pictures, source.table, "BIRDS")
    assert made.class_names[1] == "Krähe"
    assert made.image_paths[5].parent.name == "Krähe"


def test_two_folders_of_one_class_are_refused(source, root):
    """One of them would be left out without a word."""
    (source.pictures / unicodedata.normalize("NFD", "Krähe")).mkdir()
    with pytest.raises(InputError, match=r"must hold one folder for each class, but 'Kr.+he' and 'Kr.+he' are"):
        make_dataset(source.pictures, source.table, "BIRDS")
    assert not root.exists()


def test_other_files_are_passed_over(source, root):
    plain = make_dataset(source.pictures, source.table, "BIRDS", root=root / "a")
    (source.pictures / ".git").mkdir()
    (source.pictures / "read me.txt").write_text("of 2024")
    for name in ("._lark 0.png", "Thumbs.db", "notes.txt"):
        (source.pictures / "lark" / name).write_bytes(b"x")
    assert same(make_dataset(source.pictures, source.table, "BIRDS", root=root / "b"), plain)


@pytest.mark.parametrize("how", ["copy", "hardlink", "symlink"])
def test_images_can_be_links(source, root, how, monkeypatch):
    monkeypatch.chdir(source.pictures.parent)
    made = make_dataset("pictures", "classes.csv", "BIRDS", images=how)
    (path, original) = made.image_paths[0], source.pictures / CLASSES[0] / made.image_paths[0].name
    assert path.is_symlink() == (how == "symlink")
    assert os.path.samefile(path, original) == (how != "copy")
    made.check_images()


def test_paths_may_begin_with_the_home_folder(source, root, monkeypatch):
    monkeypatch.setenv("HOME", str(source.table.parent))
    np.save(source.table.with_name("vectors.npy"), np.ones((3, 7)))
    made = make_dataset("~/pictures", "~/classes.csv", "BIRDS", root="~/data", word_vectors="~/vectors.npy")
    assert made.root == source.table.with_name("data")
    assert made.word_vectors("~/vectors.npy").shape == (3, 7)


def test_word_vectors_are_kept(source, root, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(3, 7)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    made = make_dataset(source.pictures, source.table, "BIRDS", word_vectors=tmp_path / "vectors.npy")
    np.testing.assert_array_equal(made.word_vectors(), vectors)


def test_it_trains(source, root, tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZSLCORE_RUNS", str(tmp_path / "runs"))
    words = ["data", "make", str(source.pictures), str(source.table), "--name", "BIRDS", "--val", "2"]
    assert cli.main(words) == 0
    config = RunConfig.study("BIRDS", method="remse", epochs=2, episodes=3, ways=4, image_size=32, device="cpu")
    folder = fit(config.replace(backbone="resnet18", weights="random"))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 0 <= metrics["protocols"]["clean"]["T1"] <= 1


def change_row(line, *cells):
    return lambda source: source.rows.__setitem__(line - 1, list(cells))


def change_cell(line, column, text):
    return lambda source: source.rows[line - 1].__setitem__(column, text)


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
    "not an image": (write_file("gull/gull 2.png", b"<html>"), r"gull 2\.png cannot be read as an image: not an image"),
    "folder called images": (
        lambda source: (
            (source.pictures / "lark").rename(source.pictures / "images"),
            change_cell(5, 0, "images")(source),
        ),
        r"a class in .* must have another name than 'images'",
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
    "share": ({"test_share": 1.0}, r"test_share must lie in \(0, 1\), got 1\.0"),
    "seed": ({"seed": -1}, r"seed must be at least 0, got -1"),
    "images": ({"images": "move"}, r"images must be one of copy, hardlink, symlink, got 'move'"),
    "word vectors": ({"word_vectors": "none.npy"}, r"no word vectors at none\.npy"),
    "name": ({"name": "my birds"}, r"dataset must be a name such as my-birds .* got 'my birds'"),
    "path as name": ({"name": "../birds"}, r"got '\.\./birds'"),
    "generated": ({"name": "SYNTH"}, r"got 'SYNTH'"),
}


@pytest.mark.parametrize(("options", "message"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_cannot_be_used(source, root, options, message):
    with pytest.raises(InputError, match=message):
        make_dataset(source.pictures, source.table, **({"name": "BIRDS"} | options))
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


def test_command_line_prints_the_counts(source, root, tmp_path, capsys):
    words = ["data", "make", str(source.pictures), str(source.table), "--name=B", "--unseen", "auk,lark", "--seed=2"]
    assert cli.main([*words, "--root", str(tmp_path / "elsewhere"), "--images", "hardlink"]) == 0
    lines = capsys.readouterr().out.splitlines()
    made = Benchmark.load(tmp_path / "elsewhere", "B")
    assert lines[0] == f"B in {tmp_path / 'elsewhere'}, fingerprint {made.fingerprint}"
    assert lines[5].split() == ["test_unseen", "14", "2"]
    assert cli.main([*words, "--test-share", "two"]) == 2
    assert "invalid float value: 'two'" in capsys.readouterr().err

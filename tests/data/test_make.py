"""``zslcore data make``: what it writes, what it takes, and that it trains."""

import errno
import json
import os
import shutil
import unicodedata
from functools import partial

import numpy as np
import pytest
from new_birds import ATTRIBUTES, CLASSES, files
from PIL import Image

import zslcore.data.new_dataset
from zslcore import cli
from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.benchmark import SPLITS, Benchmark
from zslcore.data.make import make_dataset
from zslcore.errors import InputError
from zslcore.training import fit


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


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8-sig", ","), ("utf-8", ";"), ("utf-8", "\t"), ("utf-16", "\t")]
)
def test_other_forms_of_csv(source, root, encoding, delimiter):
    plain = make_dataset(source.pictures, source.table, "BIRDS", root=root / "a")
    source.rows.insert(3, [])
    source.rows.insert(0, [])
    source.rows[2] = [f"  {cell} " for cell in source.rows[2]]
    source.write(encoding, delimiter)
    assert same(make_dataset(source.pictures, source.table, "BIRDS", root=root / "b"), plain)


def test_tables_of_a_spreadsheet(source, root):
    """Where the comma is the decimal mark, Excel writes semicolons; emptied cells stay, as columns and rows."""
    plain = make_dataset(source.pictures, source.table, "BIRDS", root=root / "a")
    source.rows[1:] = [[name, *(cell.replace(".", ",") for cell in cells)] for name, *cells in source.rows[1:]]
    source.rows = [[*row, "", ""] for row in source.rows] + [[""] * 6]
    source.write(delimiter=";")
    assert same(make_dataset(source.pictures, source.table, "BIRDS", root=root / "b"), plain)
    source.write("utf-16", "\t")  # "Unicode text"
    assert same(make_dataset(source.pictures, source.table, "BIRDS", root=root / "d"), plain)
    source.write(delimiter=";")
    source.table.write_bytes(b"sep=;\r\n" + source.table.read_bytes())
    assert same(make_dataset(source.pictures, source.table, "BIRDS", root=root / "c"), plain)


def test_true_and_false_are_1_and_0(source, root):
    source.rows[1][1:], source.rows[2][1:] = ["TRUE", "False", "1"], ["0", "true", "FALSE"]
    source.write()
    made = make_dataset(source.pictures, source.table, "BIRDS")
    assert made.original_attributes[:2].tolist() == [[1, 0, 1], [0, 1, 0]]


def test_folders_may_be_numbered_or_spelt_otherwise(source, root):
    plain = make_dataset(source.pictures, source.table, "BIRDS", root=root / "a", unseen=["auk", "great tit"])
    (source.pictures / "great tit").rename(source.pictures / "001.Great_Tit")
    (source.pictures / "auk").rename(source.pictures / "AUK")
    made = make_dataset(source.pictures, source.table, "BIRDS", root=root / "b", unseen=["1 Great-Tit", "Auk"])
    assert same(made, plain)


def test_a_name_with_a_comma_is_one_class(source, root):
    made = make_dataset(source.pictures, source.table, "BIRDS", unseen="owl, barn", val="gull,lark")
    assert [made.class_names[index] for index in made.unseen_classes] == ["owl, barn"]


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
    (source.pictures / "@eaDir" / "1.jpg").mkdir(parents=True)
    (source.pictures / "lark" / "@eaDir" / "1.jpg").mkdir(parents=True)
    shutil.copytree(source.pictures / "gull", source.pictures / "lark" / "@thumbnails")
    for name in ("._lark 0.png", "Thumbs.db", "notes.txt", "1.HEIC", "2.heic"):
        (source.pictures / "lark" / name).write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"are left out, by their endings: \.heic \(2\), \.txt \(1\)$"):
        made = make_dataset(source.pictures, source.table, "BIRDS", root=root / "b")
    assert same(made, plain)


def test_portable_pixmaps_count(source, root):
    """GTSRB holds .ppm."""
    for path in (source.pictures / "lark").iterdir():
        Image.open(path).save(path.with_suffix(".ppm"))
        path.unlink()
    assert (make_dataset(source.pictures, source.table, "BIRDS").labels == 3).sum() == 8


@pytest.mark.parametrize("how", ["copy", "hardlink", "symlink"])
def test_images_can_be_links(source, root, how, monkeypatch):
    monkeypatch.chdir(source.pictures.parent)
    made = make_dataset("pictures", "classes.csv", "BIRDS", images=how)
    (path, original) = made.image_paths[0], source.pictures / CLASSES[0] / made.image_paths[0].name
    assert path.is_symlink() == (how == "symlink")
    assert os.path.samefile(path, original) == (how != "copy")
    made.check_images()


@pytest.mark.parametrize("how", ["hardlink", "symlink"])
def test_a_file_system_without_links_is_named(source, root, how, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    place = zslcore.data.new_dataset.PLACES[how]
    monkeypatch.setitem(zslcore.data.new_dataset.PLACES, how, partial(place.func, refuse))
    message = r"^images must be copy, because .*great tit 0\.png cannot be linked: Invalid cross-device link$"
    with pytest.raises(InputError, match=message):
        make_dataset(source.pictures, source.table, "BIRDS", images=how)
    assert not list(root.rglob("*"))


def test_jpegs_under_their_rarer_endings_count(source, root):
    for number, suffix in enumerate((".jfif", ".JPE")):
        Image.new("RGB", (24, 30)).save(source.pictures / "lark" / f"x{number}{suffix}", "JPEG")
    made = make_dataset(source.pictures, source.table, "BIRDS")
    assert np.bincount(made.labels)[3] == 10


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


def test_command_line_prints_the_counts(source, root, tmp_path, capsys):
    words = ["data", "make", str(source.pictures), str(source.table), "--name=B", "--unseen", "auk,lark", "--seed=2"]
    assert cli.main([*words, "--root", str(tmp_path / "elsewhere"), "--images", "hardlink"]) == 0
    lines = capsys.readouterr().out.splitlines()
    made = Benchmark.load(tmp_path / "elsewhere", "B")
    assert lines[0] == f"B in {tmp_path / 'elsewhere'}, fingerprint {made.fingerprint}"
    assert lines[5].split() == ["test_unseen", "14", "2"]
    assert cli.main([*words, "--test-share", "two"]) == 2
    assert "invalid float value: 'two'" in capsys.readouterr().err

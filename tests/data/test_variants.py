"""Every variant of the benchmark's files that is read: aPY, AWA1, FLO, sentence vectors, other programs, own data."""

import os

import numpy as np
import pytest
from tiny import CLASS_NAMES, cells

from zslcore.data import xlsa17
from zslcore.data.semantics import load_word_vectors, read_attribute_names
from zslcore.errors import InputError


def same(first, second):
    """Whether two benchmarks hold the same data under the same names."""
    return first.fingerprint == second.fingerprint and first.attribute_names == second.attribute_names


# class vectors


@pytest.mark.parametrize("empty", [False, True])
def test_att_alone_suffices(tiny, empty):
    del tiny.splits["original_att"]
    if empty:  # [] of MATLAB
        tiny.splits["original_att"] = np.empty((0, 0))
    benchmark = tiny.load()
    np.testing.assert_array_equal(benchmark.original_attributes, benchmark.attributes)
    np.testing.assert_array_equal(benchmark.vectors("original"), benchmark.attributes)
    benchmark.check_consistency()


@pytest.mark.parametrize("scale", [1e-20, 1.5, 20, 1e20])
@pytest.mark.parametrize("alone", [True, False])
def test_sentence_vectors_of_any_length_and_sign_are_normalised(tiny, scale, alone):
    vectors = scale * np.random.default_rng(0).normal(size=(64, 8))
    tiny.names_file.unlink()
    tiny.splits |= {"att": vectors, "original_att": vectors}
    if alone:
        del tiny.splits["original_att"]
    benchmark = tiny.load()
    np.testing.assert_allclose(benchmark.attributes, (vectors / np.linalg.norm(vectors, axis=0)).T, rtol=1e-5)
    np.testing.assert_allclose(benchmark.vectors("original"), vectors.T, rtol=1e-6)
    assert benchmark.attributes.dtype == np.float32
    benchmark.check_consistency()


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.int16, np.float64])
def test_binary_vectors_of_any_type(tiny, dtype):
    binary = (np.random.default_rng(0).random((9, 8)) < 0.5).astype(dtype)
    binary[0] = 1
    tiny.splits |= {"att": binary, "original_att": binary}
    benchmark = tiny.load()
    np.testing.assert_array_equal(benchmark.vectors("original"), binary.T.astype(np.float32))
    np.testing.assert_allclose(np.linalg.norm(benchmark.attributes, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, -1, 1], [1, -1, 1]),  # signs, not missing values
        ([-1, 0.5, 0.25], [-1, 0.5, 0.25]),
        ([-1, 4, 5], [-1, 4, 5]),  # ratings
        ([300, -1, 20], [300, -1, 20]),
        ([-1, 50, 100], [0, 0.5, 1]),  # percent, one missing
    ],
)
def test_minus_one_is_missing_in_percentages_alone(tiny, values, expected):
    tiny.splits["original_att"] = np.tile(np.array(values, dtype=float), (8, 3)).T
    np.testing.assert_array_equal(tiny.load().vectors("original")[0], np.tile(np.float32(expected), 3))


def test_vectors_of_unit_length_keep_every_bit(tiny):
    stored = tiny.splits["att"].T.astype(np.float32)
    assert np.abs(np.linalg.norm(stored, axis=1) - 1).max() > 0
    np.testing.assert_array_equal(tiny.load().attributes, stored)


# splits


def test_without_test_seen_loc_that_split_is_empty(tiny):
    expected = tiny.load()
    del tiny.splits["test_seen_loc"]
    benchmark = tiny.load()
    assert benchmark.split("test_seen").tolist() == []
    for name in ("trainval", "test_unseen", "train", "val"):
        np.testing.assert_array_equal(benchmark.split(name), expected.split(name))


@pytest.mark.parametrize("shape", [(0, 0), (1, 0)])
def test_empty_optional_locations_are_as_none(tiny, shape):
    """MATLAB's ``[]``."""
    for name in ("test_seen_loc", "train_loc", "val_loc"):
        tiny.splits[name] = np.zeros(shape)
    benchmark = tiny.load()
    assert benchmark.split("test_seen").tolist() == []
    assert len(benchmark.split("train")) + len(benchmark.split("val")) == len(benchmark.split("trainval")) > 0


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64, np.uint64, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(-1, 1), (1, -1)], ids=["column", "row"])
def test_labels_and_locations_of_any_type_and_direction(tiny, dtype, shape):
    expected = tiny.load()
    tiny.images["labels"] = tiny.images["labels"].astype(dtype).reshape(shape)
    for key in [key for key in tiny.splits if key.endswith("_loc")]:
        tiny.splits[key] = tiny.splits[key].astype(dtype).reshape(shape)
    assert same(tiny.load(), expected)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
@pytest.mark.parametrize("shape", [(-1, 1), (1, -1)], ids=["column", "row"])
def test_locations_may_be_masks(tiny, dtype, shape):
    expected = tiny.load()
    for key in [key for key in tiny.splits if key.endswith("_loc")]:
        tiny.splits[key] = np.isin(np.arange(1, 41), tiny.splits[key]).astype(dtype).reshape(shape)
    assert same(tiny.load(), expected)


def test_masks_of_another_length_are_refused(tiny):
    tiny.splits["trainval_loc"] = np.zeros((39, 1))
    with pytest.raises(InputError, match=r"trainval_loc in .* must hold whole numbers in 1\.\.40, got 0"):
        tiny.load()


def test_labels_from_zero_are_refused(tiny):
    tiny.images["labels"] = tiny.images["labels"] - 1
    with pytest.raises(InputError, match=r"labels in .* must hold whole numbers in 1\.\.8, got 0$"):
        tiny.load()


def test_a_class_without_images_may_be_described_and_listed(tiny):
    expected = tiny.load()
    for key in ("att", "original_att"):
        tiny.splits[key] = np.hstack([tiny.splits[key], tiny.splits[key][:, :1]])
    tiny.splits["allclasses_names"] = cells([*CLASS_NAMES, "dodo"])
    for name in ("trainvalclasses.txt", "trainclasses1.txt"):
        (tiny.folder / name).write_text((tiny.folder / name).read_text() + "dodo\n")
    benchmark = tiny.load()
    np.testing.assert_array_equal(benchmark.seen_classes, expected.seen_classes)
    np.testing.assert_array_equal(benchmark.train_classes, expected.train_classes)
    assert benchmark.class_names[8] == "dodo"


# names of classes


@pytest.mark.parametrize("lists", [True, False])
def test_without_class_names_classes_are_numbered(tiny, lists):
    expected = tiny.load()
    del tiny.splits["allclasses_names"]
    if not lists:
        for path in tiny.folder.glob("*classes*.txt"):
            path.unlink()
    benchmark = tiny.load()
    assert benchmark.class_names == tuple(f"class {number}" for number in range(1, 9))
    for name in ("train", "val"):
        np.testing.assert_array_equal(benchmark.split(name), expected.split(name))


def test_transposed_vectors_without_class_names_are_refused(tiny):
    """Nine classes of eight attributes fit labels from 1 to 8, too."""
    tiny.names_file.unlink()
    del tiny.splits["allclasses_names"]
    tiny.splits |= {"att": tiny.splits["att"].T, "original_att": tiny.splits["original_att"].T}
    message = r"att in .* must hold attributes x classes, got shape \(8, 9\) with labels up to 8; it looks transposed$"
    with pytest.raises(InputError, match=message):
        tiny.load()


def test_numbered_classes_are_not_compared_with_folders(tiny):
    names = [f"class_{index}" for index in range(8)]  # from 0, while the classes are numbered from 1
    tiny.images["image_files"] = cells([f"{names[image // 5]}/{image}.png" for image in range(40)])
    del tiny.splits["allclasses_names"]
    tiny.load().check_consistency()


@pytest.mark.parametrize(
    "names",
    [
        np.array(CLASS_NAMES, dtype=object)[None],
        CLASS_NAMES,
        np.array([[np.array([name], dtype=object)] for name in CLASS_NAMES] + [[None]], dtype=object)[:-1],
        cells([f"{name}  " for name in CLASS_NAMES]),
    ],
    ids=["1 x C", "character matrix", "cells in cells", "trailing blanks"],
)
def test_class_names_in_arrays_of_every_kind(tiny, names):
    expected = tiny.load()
    tiny.splits["allclasses_names"] = names
    assert tiny.load().class_names == expected.class_names


def test_image_files_as_a_character_matrix(tiny):
    expected = tiny.load()
    tiny.images["image_files"] = [path.relative_to(tiny.root).as_posix() for path in expected.image_paths]
    assert tiny.load().image_paths == expected.image_paths


@pytest.mark.parametrize(
    ("encoding", "newline"),
    [
        ("utf-8-sig", "\n"),
        ("utf-8", "\r\n"),
        ("utf-8", "  \t\n"),
        ("utf-8", "\r"),
        ("latin-1", "\n"),
        ("utf-16", "\r\n"),
    ],
)
def test_class_lists_in_every_encoding_and_with_every_line_end(tiny, encoding, newline):
    tiny.splits["allclasses_names"][2, 0] = "mårhøg"
    (tiny.folder / "testclasses.txt").write_bytes(newline.join(["stork", "mårhøg", ""]).encode(encoding))
    assert tiny.load().class_names[2] == "mårhøg"
    (tiny.folder / "testclasses.txt").write_bytes(newline.join(["stork", "owl", ""]).encode(encoding))
    with pytest.raises(InputError, match="must give the same classes"):
        tiny.load()


@pytest.mark.parametrize("spelt", ["12 auk", "12\tauk", "Auk", "003.auk"])
def test_class_lists_with_numbers_or_another_spelling(tiny, spelt):
    (tiny.folder / "testclasses.txt").write_text(f"{spelt}\n7 stork\n")
    assert tiny.load().unseen_classes.tolist() == [2, 5]


def test_a_spelling_that_two_classes_share_is_that_of_neither(tmp_path):
    (tmp_path / "list.txt").write_text("polar_bear\n")
    with pytest.raises(InputError, match="names the class 'polar_bear', which is not among"):
        xlsa17.class_list(tmp_path / "list.txt", ["polar bear", "Polar+Bear"])


# names and vectors of attributes


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("mark", [" ", "\t", ". ", ",", ") ", " - "])
def test_numbers_before_attribute_names_are_dropped(tmp_path, start, mark):
    lines = [f"   {number}{mark}{name}" for number, name in enumerate(("black", "4 legs"), start)]
    (tmp_path / "names.txt").write_text("\n".join(lines))
    assert read_attribute_names(tmp_path / "names.txt", num_attributes=2) == ("black", "4 legs")


@pytest.mark.parametrize("names", [("0.0", "1.0", "2.0"), ("1 leg", "2 legs", "3 legs")], ids=str)
def test_numbers_that_tell_attribute_names_apart_are_kept(tmp_path, names):
    (tmp_path / "names.txt").write_text("\n".join(names))
    assert read_attribute_names(tmp_path / "names.txt", num_attributes=3) == names


def test_numbers_in_brackets_before_attribute_names_are_dropped(tmp_path):
    (tmp_path / "names.txt").write_text("(1) black\n(2) white\n")
    assert read_attribute_names(tmp_path / "names.txt", num_attributes=2) == ("black", "white")


def test_a_broken_link_to_a_list_is_no_missing_file(tiny):
    (tiny.folder / "testclasses.txt").unlink()
    (tiny.folder / "testclasses.txt").symlink_to("annex")
    with pytest.raises(InputError, match=r"testclasses\.txt cannot be read: No such file or directory$"):
        tiny.load()
    (tiny.folder / "testclasses.txt").unlink()
    tiny.names_file.unlink()
    tiny.names_file.symlink_to("annex")
    with pytest.raises(InputError, match=r"TINY\.txt cannot be read: No such file or directory$"):
        tiny.load()


def test_numbers_that_do_not_count_the_lines_belong_to_the_names(tmp_path):
    (tmp_path / "names.txt").write_text("2 legs\n4 legs\n")
    assert read_attribute_names(tmp_path / "names.txt", num_attributes=2) == ("2 legs", "4 legs")


def test_word_vectors_are_not_read_from_pipes_or_files_of_gigabytes(tmp_path):
    os.mkfifo(tmp_path / "pipe.pkl")
    with pytest.raises(InputError, match=r"pipe\.pkl must be a file, not a pipe or a device$"):
        load_word_vectors(tmp_path / "pipe.pkl", num_attributes=4)
    with open(tmp_path / "large.pkl", "wb") as file:
        file.truncate((1 << 30) + 1)  # takes no space
    with pytest.raises(InputError, match=r"large\.pkl must have at most 1,073,741,824 bytes, got"):
        load_word_vectors(tmp_path / "large.pkl", num_attributes=4)


def test_a_pipe_in_the_place_of_a_matlab_file_is_a_missing_file(tiny):
    tiny.write()
    (tiny.folder / "res101.mat").unlink()
    os.mkfifo(tiny.folder / "res101.mat")
    with pytest.raises(InputError, match=r"res101\.mat is missing$"):
        xlsa17.MatFile.read(tiny.folder / "res101.mat", ("labels",))

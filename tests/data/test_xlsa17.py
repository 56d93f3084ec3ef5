"""Every way to spoil the files of a data set, each met with one sentence."""

import os

import numpy as np
import pytest
from scipy.io import savemat

from zslcore.data import xlsa17
from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError


def set_value(part, key, index, value):
    """A change of one stored value, as a function of the tiny data set."""

    def change(tiny):
        array = getattr(tiny, part)[key].astype(np.result_type(getattr(tiny, part)[key], type(value)))
        array[index] = value
        getattr(tiny, part)[key] = array

    return change


def set_variable(part, key, make):
    return lambda tiny: getattr(tiny, part).__setitem__(key, make(getattr(tiny, part)[key]))


def write_list(file, text):
    return lambda tiny: (tiny.folder / file).write_text(text)


def without(*keys):
    return lambda array: np.setdiff1d(array, keys)[:, None]


def drop_lists_and_locations(tiny):
    (tiny.folder / "valclasses1.txt").unlink()
    del tiny.splits["train_loc"]


def as_column(*values):
    return lambda _: np.array(values)[:, None]


SPOILED = {
    # locations: images 1..40; class c holds 5c + 1 .. 5c + 5; the fifth of a seen class is in test_seen
    "location zero": (
        set_value("splits", "trainval_loc", 0, 0),
        r"trainval_loc in .*att_splits\.mat .* 1\.\.40, got 0",
    ),
    "location too large": (set_value("splits", "test_seen_loc", 0, 41), r"test_seen_loc .* in 1\.\.40, got 41"),
    "location negative": (set_value("splits", "val_loc", 0, -3), r"val_loc .* in 1\.\.40, got -3"),
    "location with a fraction": (set_value("splits", "trainval_loc", 0, 1.5), r"whole numbers in 1\.\.40, got 1\.5"),
    "location NaN": (set_value("splits", "trainval_loc", 0, np.nan), r"whole numbers in 1\.\.40, got nan"),
    "location infinite": (set_value("splits", "trainval_loc", 0, np.inf), r"whole numbers in 1\.\.40, got inf"),
    "location of text": (set_variable("splits", "trainval_loc", lambda _: "1"), r"trainval_loc .* whole numbers, got"),
    "location repeated": (set_value("splits", "trainval_loc", 0, 2), r"trainval_loc .* each image once, but repeats 2"),
    "locations empty": (set_variable("splits", "trainval_loc", lambda _: np.zeros((0, 0))), r"trainval_loc .* empty"),
    "trainval and test_seen overlap": (
        set_value("splits", "test_seen_loc", 0, 1),
        r"trainval_loc and test_seen_loc .* disjoint, but share 1 images, the first is 1",
    ),
    "train and val overlap": (
        set_value("splits", "val_loc", 0, 1),
        r"train_loc and val_loc .* disjoint, but share 1 images, the first is 1",
    ),
    "test_seen and test_unseen overlap": (
        set_value("splits", "test_unseen_loc", 0, 5),
        r"test_seen_loc and test_unseen_loc .* disjoint, but share 1 images, the first is 5",
    ),
    "class both seen and unseen": (
        lambda tiny: (
            set_variable("splits", "trainval_loc", without(1))(tiny),
            set_value("splits", "test_unseen_loc", 0, 1)(tiny),
        ),
        r"each class in .* must be either seen or unseen, but 'lark' is both",
    ),
    "test_seen with an unseen class": (
        lambda tiny: (
            set_variable("splits", "test_unseen_loc", without(11))(tiny),
            set_value("splits", "test_seen_loc", 0, 11)(tiny),
        ),
        r"test_seen_loc in .* must hold only images of seen classes, got 'auk'",
    ),
    "train_loc with an image of a val class": (
        lambda tiny: (
            set_variable("splits", "val_loc", without(6))(tiny),
            set_value("splits", "train_loc", 0, 6)(tiny),
        ),
        r"train_loc in .* only images of the train classes, but image 6 is not",
    ),
    "val_loc outside trainval": (set_variable("splits", "val_loc", as_column(10, 35)), r"val_loc in .* lists none"),
    # labels and images
    "label zero": (set_value("images", "labels", 3, 0), r"labels in .*res101\.mat .* in 1\.\.8, got 0"),
    "label too large": (set_value("images", "labels", 3, 9), r"labels .* in 1\.\.8, got 9"),
    "label too many": (
        set_variable("images", "labels", lambda labels: np.vstack([labels, [[1]]])),
        r"res101\.mat must hold one label per image, got 41 labels and 40 images",
    ),
    "label of the other role": (
        set_value("images", "labels", 0, 3),
        r"each class in .* must be either seen or unseen, but 'auk' is both",
    ),
    "image path empty": (set_value("images", "image_files", 0, ""), r"image_files .* cell array of strings"),
    "image path a number": (
        set_variable("images", "image_files", lambda _: np.arange(40.0)[:, None]),
        r"image_files in .*res101\.mat must be a cell array of strings",
    ),
    # attributes
    "attribute NaN": (
        set_value("splits", "att", (4, 6), np.nan),
        r"att in .* finite, got nan for class 'owl', attribute 5$",
    ),
    "attribute beyond float32": (
        set_value("splits", "original_att", (4, 6), 1e300),
        r"original_att in .* finite, got inf for class 'owl', attribute 5$",
    ),
    "class without attributes": (
        set_value("splits", "original_att", (slice(None), 3), 0),
        r"original_att in .* all zero for 'finch'",
    ),
    "attributes transposed": (
        set_variable("splits", "att", np.transpose),
        r"attributes x 8 classes, got shape \(8, 9\), the transpose$",
    ),
    "att alone all zero for a class": (
        lambda tiny: (tiny.splits.pop("original_att"), set_value("splits", "att", (slice(None), 3), 0)(tiny)),
        r"att in .* all zero for 'finch'",
    ),
    "attributes of text": (set_variable("splits", "att", lambda _: "none"), r"att in .* must hold numbers"),
    "attributes without rows": (set_variable("splits", "att", lambda _: np.zeros((0, 8))), r"got shape \(0, 8\)"),
    "one attribute fewer": (
        set_variable("splits", "original_att", lambda original: original[1:]),
        r"att and original_att in .* must have one shape, got \(8, 9\) and \(8, 8\); att alone suffices$",
    ),
    "class name repeated": (set_value("splits", "allclasses_names", 1, "lark"), r"allclasses_names .* repeats 'lark'"),
    # class lists
    "class list with an unknown class": (
        write_list("trainvalclasses.txt", "dodo\n"),
        r"trainvalclasses\.txt names the class 'dodo', .* not among allclasses_names",
    ),
    "class list that disagrees with the labels": (
        write_list("testclasses.txt", "auk\n"),
        r"testclasses\.txt and the labels must give the same classes, but differ in 'stork'",
    ),
    "class in the train and the val list": (
        write_list("valclasses1.txt", "lark\nheron\nowl\n"),
        r"train and val classes in .* must partition the 6 seen classes",
    ),
    "class list in another encoding": (
        lambda tiny: (tiny.folder / "testclasses.txt").write_bytes(b"auk\n\xffstork\n"),
        r"testclasses\.txt names the class 'ÿstork', which is not among allclasses_names",
    ),
    "neither list nor locations of val": (
        drop_lists_and_locations,
        r"must hold train_loc and val_loc, or trainclasses1",
    ),
    "only half of the split into train and val, without class names": (
        lambda tiny: (tiny.splits.pop("allclasses_names"), tiny.splits.pop("val_loc")),
        r"must hold train_loc and val_loc, or .*valclasses1\.txt together with allclasses_names$",
    ),
    "image path of a folder": (set_value("images", "image_files", 5, "../.."), r"must name files, got '\.\./\.\.'"),
    "an attribute name too few": (
        lambda tiny: tiny.names_file.write_text("red\nblue\n"),
        r"TINY\.txt must hold one name for each of the 9 attributes, got 2",
    ),
}


@pytest.mark.parametrize(("change", "message"), SPOILED.values(), ids=SPOILED)
@pytest.mark.usefixtures("unchecked")
def test_spoiled_data_are_refused_in_one_sentence(tiny, change, message):
    tiny.load()
    change(tiny)
    with pytest.raises(InputError, match=message) as caught:
        tiny.load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["att", "trainval_loc", "test_unseen_loc", "labels", "image_files"])
def test_missing_variable_is_named_and_not_called_truncated(tiny, key):
    tiny.splits.pop(key, None)
    tiny.images.pop(key, None)
    with pytest.raises(
        InputError, match=rf"\.mat must hold the variable '{key}', but does not; .*it holds \w+"
    ) as caught:
        tiny.load()
    assert "truncated" not in str(caught.value)


def test_missing_folder_file_and_data_set(tiny, tmp_path):
    tiny.write()
    with pytest.raises(InputError, match=r"no data at .*nowhere: it must hold xlsa17/data/ \(set ZSLCORE_DATA"):
        Benchmark.load(tmp_path / "nowhere", "TINY")
    for inside in ("xlsa17", "xlsa17/data", "xlsa17/data/TINY"):
        message = rf"{inside}: it must hold xlsa17/data/ \(set ZSLCORE_DATA to {tmp_path}\)$"
        with pytest.raises(InputError, match=message):
            Benchmark.load(tmp_path / inside, "TINY")
    with pytest.raises(InputError, match=r"no data set 'tiny' in .*; there are: TINY$"):
        Benchmark.load(tmp_path, "tiny")
    for root in ("", "nowhere"):
        with pytest.raises(InputError, match=r"^no data .*; the drawn one is called SYNTH$"):
            Benchmark.load(tmp_path / root, "SynthBirds")
    for name in (
        "",
        ".",
        "TINY/",
        "../data/TINY",
    ):  # folders, but not names: their images would be looked for elsewhere
        with pytest.raises(InputError, match=r"no data set '.*' in .*; there are: TINY$"):
            Benchmark.load(tmp_path, name)
    (tiny.folder / "res101.mat").unlink()
    with pytest.raises(InputError, match=r"res101\.mat is missing$"):
        Benchmark.load(tmp_path, "TINY")


@pytest.mark.parametrize("do_compression", [False, True])
@pytest.mark.parametrize("file", ["att_splits.mat", "res101.mat"])
def test_mat_file_truncated_anywhere_is_an_input_error(tiny, file, do_compression):
    tiny.load()
    path = tiny.folder / file
    savemat(path, tiny.splits if file == "att_splits.mat" else tiny.images, do_compression=do_compression)
    size = path.stat().st_size
    Benchmark.load(tiny.root, tiny.name)
    for length in range(size - 1, -1, -max(1, size // 500)):
        os.truncate(path, length)
        with pytest.raises(InputError, match=rf"{file} (cannot be read as a MATLAB file|must hold)"):
            Benchmark.load(tiny.root, tiny.name)


def test_features_of_the_original_archive_are_passed_over(tiny):
    tiny.images["features"] = np.zeros((2048, 40))
    tiny.write()
    content = xlsa17.MatFile.read(tiny.folder / "res101.mat", ("labels",), optional=("image_files", "absent"))
    assert set(content.variables) == {"labels", "image_files"}

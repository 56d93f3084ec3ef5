"""The benchmark reader: the real files against their published counts, and every way to spoil a data set."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from zslcore import synthbirds
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.image_files import check_folders
from zslcore.errors import InputError

REAL = ("CUB", "AWA2", "SUN", "CUB100")
# classes, attributes; images of trainval, test_seen, test_unseen; classes seen, unseen, train, val
COUNTS = {
    "CUB": ((200, 312), (7057, 1764, 2967), (150, 50, 100, 50)),
    "AWA2": ((50, 85), (23527, 5882, 7913), (40, 10, 27, 13)),
    "SUN": ((717, 102), (10320, 2580, 1440), (645, 72, 580, 65)),
    "CUB100": ((100, 312), (3441, 851, 1610), (73, 27, 47, 26)),
}
# committed results carry these: another fingerprint would make them results of other data
FINGERPRINTS = {
    "CUB": "730a2d88cab1ec96",
    "AWA2": "c10489d6d53bbb7b",
    "SUN": "87883d40db67dadd",
    "CUB100": "72ffd98df259cb01",
}


@pytest.mark.parametrize("name", REAL)
def test_real_counts(real_benchmark, name):
    benchmark = real_benchmark(name)
    shape, images, classes = COUNTS[name]
    assert benchmark.attributes.shape == benchmark.original_attributes.shape == shape
    assert tuple(len(benchmark.split(split)) for split in ("trainval", "test_seen", "test_unseen")) == images
    roles = (benchmark.seen_classes, benchmark.unseen_classes, benchmark.train_classes, benchmark.val_classes)
    assert tuple(len(role) for role in roles) == classes
    assert len(benchmark.labels) == len(benchmark.image_paths) == sum(images)
    assert (len(benchmark.class_names), len(benchmark.attribute_names)) == shape


@pytest.mark.parametrize("name", REAL)
def test_fingerprints_of_the_real_files_stay(real_benchmark, name):
    assert real_benchmark(name).fingerprint == FINGERPRINTS[name]


def test_load_benchmark_looks_under_the_data_root_except_for_synth(tiny, small_synth, monkeypatch):
    tiny.write()
    monkeypatch.setenv("ZSLCORE_DATA", str(tiny.root))
    monkeypatch.setattr(synthbirds, "ensure", lambda: small_synth.root)
    assert load_benchmark("TINY").fingerprint == tiny.load().fingerprint
    assert load_benchmark("SYNTH").fingerprint == small_synth.fingerprint
    with pytest.raises(InputError, match=r"no data set 'CUB' in .*; there are: TINY$"):
        load_benchmark("CUB")


@pytest.mark.parametrize("name", REAL)
def test_no_real_test_image_is_ever_in_train_or_val(real_benchmark, name):
    benchmark = real_benchmark(name)
    test = {*benchmark.split("test_seen"), *benchmark.split("test_unseen")}
    train, val = set(benchmark.split("train")), set(benchmark.split("val"))
    assert not (train | val) & test
    assert not train & val
    assert train | val == set(benchmark.split("trainval"))
    assert set(benchmark.labels[benchmark.split("train")]) == set(benchmark.train_classes)
    assert set(benchmark.labels[benchmark.split("val")]) == set(benchmark.val_classes)


@pytest.mark.parametrize("name", REAL)
def test_folder_of_each_real_image_is_the_class_of_its_label(real_benchmark, real_data, name):
    benchmark = real_benchmark(name)
    images = {"CUB": "CUB/CUB_200_2011/images", "AWA2": "AWA2/Animals_with_Attributes2/JPEGImages"}
    folder = real_data / images.get(name, f"{name}/images")
    for path, label in zip(benchmark.image_paths, benchmark.labels):
        parts = path.relative_to(folder).parts[:-1]
        assert "_".join(parts[1:] if name == "SUN" else parts) == benchmark.class_names[label]


@pytest.mark.parametrize("name", REAL)
def test_real_attributes_have_unit_norm_and_follow_the_original_ones(real_benchmark, name):
    benchmark = real_benchmark(name)
    np.testing.assert_allclose(np.linalg.norm(benchmark.attributes, axis=1), 1, atol=1e-3)
    original = benchmark.original_attributes
    np.testing.assert_allclose(
        benchmark.attributes, original / np.linalg.norm(original, axis=1, keepdims=True), atol=1e-4
    )


@pytest.mark.parametrize("name", REAL)
def test_checks_of_real_data_raise_no_false_alarm(real_benchmark, real_data, name):
    benchmark = real_benchmark(name)
    benchmark.check_consistency()
    assert benchmark.repeated_images() == []
    paths = [path.relative_to(real_data).as_posix() for path in benchmark.image_paths]
    with pytest.raises(InputError, match="in the folder of another class"):
        check_folders(real_data, paths[1:] + paths[:1], benchmark.labels, benchmark.class_names)


@pytest.mark.parametrize("name", REAL)
def test_real_word_vectors(real_benchmark, name):
    vectors = real_benchmark(name).word_vectors()
    assert vectors.shape == (COUNTS[name][0][1], 300)
    zeros = np.flatnonzero(~vectors.any(axis=1))
    assert zeros.tolist() == ([88] if name == "SUN" else [])
    assert real_benchmark("SUN").attribute_names[88] == "man-made"


def test_missing_annotations_are_minus_one_and_count_as_zero(real_benchmark):
    benchmark = real_benchmark("AWA2")
    rows, columns = np.nonzero(benchmark.original_attributes == -1)
    assert {benchmark.class_names[row] for row in rows} == {"antelope"}
    assert [benchmark.attribute_names[column] for column in columns] == ["black", "white", "blue", "brown"]
    assert (benchmark.vectors("original")[rows, columns] == 0).all()


def test_images_of_cub100_are_all_there_and_those_of_cub_are_counted(real_benchmark):
    real_benchmark("CUB100").check_images()
    with pytest.raises(InputError, match=r"11788 of 11788 images of CUB are missing: .*0001_796111\.jpg.*, \.\.\.$"):
        real_benchmark("CUB").check_images()


def test_tiny_splits_are_the_stored_locations_without_the_test_images(tiny):
    benchmark = tiny.load()
    for name in ("trainval", "test_seen", "test_unseen"):
        np.testing.assert_array_equal(benchmark.split(name), tiny.splits[f"{name}_loc"].ravel().astype(int) - 1)
    assert benchmark.split("val").tolist() == [5, 6, 7, 8, 30, 31, 32, 33]  # 9 and 34 are test_seen
    assert benchmark.split("train").tolist() == [
        index for index in range(40) if index % 5 < 4 and index // 5 in (0, 3, 4, 7)
    ]
    assert benchmark.val_classes.tolist() == [1, 6]
    assert benchmark.unseen_classes.tolist() == [2, 5]
    np.testing.assert_array_equal(benchmark.original_attributes, tiny.splits["original_att"].T.astype(np.float32))


def test_order_of_the_stored_locations_does_not_matter(tiny):
    expected = tiny.load()
    for key in [key for key in tiny.splits if key.endswith("_loc")]:
        tiny.splits[key] = tiny.splits[key][::-1]
    assert tiny.load().fingerprint == expected.fingerprint


@pytest.mark.parametrize("absent", ["locations", "lists"])
def test_train_and_val_need_only_the_locations_or_only_the_class_lists(tiny, absent):
    expected = tiny.load()
    if absent == "locations":
        del tiny.splits["train_loc"], tiny.splits["val_loc"]
    else:
        for path in tiny.folder.glob("*classes*.txt"):
            path.unlink()
    benchmark = tiny.load()
    for name in ("train", "val"):
        np.testing.assert_array_equal(benchmark.split(name), expected.split(name))
    np.testing.assert_array_equal(benchmark.train_classes, expected.train_classes)
    np.testing.assert_array_equal(benchmark.val_classes, expected.val_classes)


def test_the_package_needs_neither_torch_nor_an_extra():
    program = "import sys, zslcore.data; print(*{'torch', 'torchvision', 'PIL', 'tqdm'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == ""


def test_unknown_split_is_refused(tiny):
    with pytest.raises(InputError, match=r"one of trainval, test_seen, test_unseen, train, val, got 'test'"):
        tiny.load().split("test")


def test_missing_images_are_counted_and_named_in_one_error(tiny):
    tiny.write_images()
    tiny.load().check_images()
    for index in (3, 17):
        tiny.image_paths[index].unlink()
    with pytest.raises(InputError, match=r"^2 of 40 images of TINY are missing: \S*lark/03\.png, \S*finch/17\.png$"):
        tiny.load().check_images()


def test_names_and_word_vectors_come_from_the_attribute_folder(tiny):
    benchmark = tiny.load()
    assert benchmark.attribute_names[4] == "has_wing_color::b"
    vectors = np.load(tiny.vectors_file, allow_pickle=True)
    np.testing.assert_array_equal(benchmark.word_vectors(), vectors.astype(np.float32))
    tiny.vectors_file.unlink()
    np.save(tiny.vectors_file.with_suffix(".npy"), 2 * vectors)
    np.testing.assert_array_equal(benchmark.word_vectors(), (2 * vectors).astype(np.float32))
    tiny.vectors_file.with_suffix(".npy").unlink()
    with pytest.raises(InputError, match=r"no word vectors at .*TINY_attribute\.pkl: No such file"):
        benchmark.word_vectors()


def test_fingerprint_does_not_depend_on_the_root(tiny, tmp_path):
    first = tiny.load()
    shutil.copytree(tmp_path / "xlsa17", tmp_path / "moved" / "xlsa17")
    second = Benchmark.load(tmp_path / "moved", "TINY")
    assert first.image_paths != second.image_paths
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("part", "key", "index"),
    [("splits", "original_att", (0, 0)), ("images", "labels", None), ("images", "image_files", None)],
)
def test_fingerprint_depends_on_the_content(tiny, part, key, index):
    before = tiny.load().fingerprint
    array = getattr(tiny, part)[key]
    if index is None:  # exchange two images of different train classes
        array[[0, 15]] = array[[15, 0]]
    else:
        array[index] += 1
    assert tiny.load().fingerprint != before


def test_a_missing_annotation_is_zero_in_the_original_vectors(tiny):
    tiny.splits["original_att"][2, 3] = -1
    shares = tiny.load().vectors("original")
    assert shares[3, 2] == 0
    assert np.count_nonzero(shares) == shares.size - 1


@pytest.mark.parametrize("name", REAL)
def test_original_vectors_are_shares_in_the_direction_of_the_normalised_ones(real_benchmark, name):
    benchmark = real_benchmark(name)
    shares = benchmark.vectors("original")
    assert shares.dtype == np.float32
    assert 0 <= shares.min() < shares.max() <= 1
    complete = (benchmark.original_attributes >= 0).all(axis=1)
    assert (~complete).sum() == {"AWA2": 1}.get(name, 0)
    directions = shares / np.linalg.norm(shares, axis=1, keepdims=True)
    np.testing.assert_allclose(directions[complete], benchmark.attributes[complete], atol=1e-6)
    assert benchmark.vectors("normalised") is benchmark.attributes


def test_kinds_of_vectors_are_named(small_synth):
    with pytest.raises(
        InputError,
        match=r"^vectors must be one of normalised, .*, whitened, got 'percent'$",
    ):
        small_synth.vectors("percent")


def test_word_vectors_of_ones_own(small_synth, tmp_path):
    own = np.random.default_rng(0).normal(size=(len(small_synth.attribute_names), 7))
    np.save(tmp_path / "own.npy", own)
    np.testing.assert_allclose(small_synth.word_vectors(str(tmp_path / "own.npy")), own, rtol=1e-6)
    np.save(tmp_path / "short.npy", own[1:])
    with pytest.raises(InputError, match=r"short\.npy must hold one vector for each of the \d+ attributes"):
        small_synth.word_vectors(str(tmp_path / "short.npy"))
    with pytest.raises(InputError, match=r"^no word vectors at nowhere\.npy"):
        small_synth.word_vectors("nowhere.npy")

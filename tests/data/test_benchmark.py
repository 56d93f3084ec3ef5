"""The benchmark reader: the real files against their published counts, and every way to spoil a data set."""

import functools
import shutil

import numpy as np
import pytest

from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError

REAL = ("CUB", "AWA2", "SUN", "CUB100")
# classes, attributes; images of trainval, test_seen, test_unseen; classes seen, unseen, train, val
COUNTS = {
    "CUB": ((200, 312), (7057, 1764, 2967), (150, 50, 100, 50)),
    "AWA2": ((50, 85), (23527, 5882, 7913), (40, 10, 27, 13)),
    "SUN": ((717, 102), (10320, 2580, 1440), (645, 72, 580, 65)),
    "CUB100": ((100, 312), (3441, 851, 1610), (73, 27, 47, 26)),
}
load_real = functools.cache(Benchmark.load)


@pytest.mark.parametrize("name", REAL)
def test_real_counts(real_data, name):
    benchmark = load_real(real_data, name)
    shape, images, classes = COUNTS[name]
    assert benchmark.attributes.shape == benchmark.original_attributes.shape == shape
    assert tuple(len(benchmark.split(split)) for split in ("trainval", "test_seen", "test_unseen")) == images
    roles = (benchmark.seen_classes, benchmark.unseen_classes, benchmark.train_classes, benchmark.val_classes)
    assert tuple(len(role) for role in roles) == classes
    assert len(benchmark.labels) == len(benchmark.image_paths) == sum(images)
    assert (len(benchmark.class_names), len(benchmark.attribute_names)) == shape


@pytest.mark.parametrize("name", REAL)
def test_no_real_test_image_is_ever_in_train_or_val(real_data, name):
    benchmark = load_real(real_data, name)
    test = {*benchmark.split("test_seen"), *benchmark.split("test_unseen")}
    train, val = set(benchmark.split("train")), set(benchmark.split("val"))
    assert not (train | val) & test
    assert not train & val
    assert train | val == set(benchmark.split("trainval"))
    assert set(benchmark.labels[benchmark.split("train")]) == set(benchmark.train_classes)
    assert set(benchmark.labels[benchmark.split("val")]) == set(benchmark.val_classes)


@pytest.mark.parametrize("name", REAL)
def test_folder_of_each_real_image_is_the_class_of_its_label(real_data, name):
    benchmark = load_real(real_data, name)
    images = {"CUB": "CUB/CUB_200_2011/images", "AWA2": "AWA2/Animals_with_Attributes2/JPEGImages"}
    folder = real_data / images.get(name, f"{name}/images")
    for path, label in zip(benchmark.image_paths, benchmark.labels):
        parts = path.relative_to(folder).parts[:-1]
        assert "_".join(parts[1:] if name == "SUN" else parts) == benchmark.class_names[label]


@pytest.mark.parametrize("name", REAL)
def test_real_attributes_have_unit_norm_and_follow_the_original_ones(real_data, name):
    benchmark = load_real(real_data, name)
    np.testing.assert_allclose(np.linalg.norm(benchmark.attributes, axis=1), 1, atol=1e-3)
    original = benchmark.original_attributes
    np.testing.assert_allclose(
        benchmark.attributes, original / np.linalg.norm(original, axis=1, keepdims=True), atol=1e-4
    )


@pytest.mark.parametrize("name", REAL)
def test_real_word_vectors(real_data, name):
    vectors = load_real(real_data, name).word_vectors()
    assert vectors.shape == (COUNTS[name][0][1], 300)
    zeros = np.flatnonzero(~vectors.any(axis=1))
    assert zeros.tolist() == ([88] if name == "SUN" else [])
    assert load_real(real_data, "SUN").attribute_names[88] == "man-made"


def test_the_missing_attributes_of_awa2_are_four_colours_of_the_antelope(real_data):
    benchmark = load_real(real_data, "AWA2")
    rows, columns = np.nonzero(benchmark.missing_attributes)
    assert {benchmark.class_names[row] for row in rows} == {"antelope"}
    assert [benchmark.attribute_names[column] for column in columns] == ["black", "white", "blue", "brown"]
    assert not any(load_real(real_data, name).missing_attributes.any() for name in ("CUB", "SUN", "CUB100"))


def test_images_of_cub100_are_all_there_and_those_of_cub_are_counted(real_data):
    load_real(real_data, "CUB100").check_images()
    with pytest.raises(InputError, match=r"11788 of 11788 images of CUB are missing: .*0001_796111\.jpg.*, \.\.\.$"):
        load_real(real_data, "CUB").check_images()

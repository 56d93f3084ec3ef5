"""Random class splits: the sizes of the benchmark's own split, no image in two places, the same split for a number."""

import numpy as np
import pytest

from zslcore.data.class_splits import split_classes

GROUPS = ("seen_classes", "unseen_classes", "train_classes", "val_classes")


@pytest.fixture
def benchmark(tiny):
    return tiny.load()


def test_number_0_is_the_benchmark_itself(benchmark):
    assert split_classes(benchmark, 0) is benchmark


@pytest.mark.parametrize("number", [1, 2, 17])
def test_sizes_are_kept_and_classes_partitioned(benchmark, number):
    other = split_classes(benchmark, number)
    for name in GROUPS:
        assert len(getattr(other, name)) == len(getattr(benchmark, name))
    classes = np.concatenate([other.seen_classes, other.unseen_classes])
    np.testing.assert_array_equal(np.sort(classes), np.arange(8))
    seen = np.concatenate([other.train_classes, other.val_classes])
    np.testing.assert_array_equal(np.sort(seen), other.seen_classes)


@pytest.mark.parametrize("number", [1, 2, 17])
def test_every_image_is_in_one_split(benchmark, number):
    other = split_classes(benchmark, number)
    parts = [other.split(name) for name in ("trainval", "test_seen", "test_unseen")]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(40))
    np.testing.assert_array_equal(np.sort(np.concatenate([other.split("train"), other.split("val")])), parts[0])
    for name, classes in (("test_seen", other.seen_classes), ("test_unseen", other.unseen_classes)):
        np.testing.assert_array_equal(np.unique(other.labels[other.split(name)]), classes)
    np.testing.assert_array_equal(np.unique(other.labels[other.split("val")]), other.val_classes)
    assert len(other.split("test_seen")) == len(benchmark.split("test_seen"))


def test_without_seen_test_images_there_are_none(tiny):
    del tiny.splits["test_seen_loc"]
    other = split_classes(tiny.load(), 1)
    assert len(other.split("test_seen")) == 0
    np.testing.assert_array_equal(np.unique(other.labels[other.split("trainval")]), other.seen_classes)


def test_a_number_names_one_split(benchmark):
    first, again, second = (split_classes(benchmark, number) for number in (1, 1, 2))
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, second.fingerprint, benchmark.fingerprint}) == 3


def test_all_classes_are_unseen_at_times(benchmark):
    unseen = [split_classes(benchmark, number).unseen_classes for number in range(1, 40)]
    np.testing.assert_array_equal(np.unique(np.concatenate(unseen)), np.arange(8))

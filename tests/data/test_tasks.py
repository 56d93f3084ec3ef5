"""The test, the validation split and the folds: who is trained on, who is tested on, and what never meets."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zslcore.data import tasks
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import fold_tasks, validation_task
from zslcore.errors import InputError


def make_benchmark(train_counts: list[int], *, seed: int = 0) -> Benchmark:
    """A benchmark without files: train classes with these numbers of images, two val and two unseen classes.

    Class indices and the order of the images are drawn; every train and val class has two test_seen images more.
    """
    rng = np.random.default_rng(seed)
    num_train, classes = len(train_counts), rng.permutation(len(train_counts) + 4)
    roles = np.split(classes, [num_train, num_train + 2])
    parts = {
        "train": np.repeat(roles[0], train_counts),
        "val": np.repeat(roles[1], [3, 5]),
        "test_seen": np.repeat(classes[: num_train + 2], 2),
        "test_unseen": np.repeat(roles[2], [4, 2]),
    }
    sizes = np.cumsum([len(part) for part in parts.values()])
    order = rng.permutation(sizes[-1])
    labels = np.empty(sizes[-1], dtype=np.int64)
    labels[order] = np.concatenate(list(parts.values()))
    splits = {name: np.sort(part) for name, part in zip(parts, np.split(order, sizes[:-1]))}
    splits["trainval"] = np.union1d(splits["train"], splits["val"])
    return Benchmark(
        name="DRAWN",
        root=Path(),
        attributes=np.ones((len(classes), 1), dtype=np.float32),
        original_attributes=np.ones((len(classes), 1), dtype=np.float32),
        class_names=tuple(f"class {index}" for index in range(len(classes))),
        attribute_names=("only",),
        labels=labels,
        image_names=(),
        image_paths=(),
        seen_classes=np.sort(classes[: num_train + 2]),
        unseen_classes=np.sort(roles[2]),
        train_classes=np.sort(roles[0]),
        val_classes=np.sort(roles[1]),
        _splits=splits,
    )


benchmarks = st.builds(make_benchmark, st.lists(st.integers(2, 40), min_size=1, max_size=8), seed=st.integers(0, 99))
seeds = st.integers(0, 2**32)
many = settings(deadline=None, max_examples=50, derandomize=True)


@many
@given(benchmarks, seeds, st.floats(0.01, 0.99))
def test_validation_images_are_those_of_trainval_and_never_meet(benchmark, seed, held_out):
    task = validation_task(benchmark, seed=seed, held_out=held_out)
    parts = [task.train, task.test_seen, task.test_unseen]
    together = np.concatenate(parts)
    assert len(set(together)) == len(together)
    np.testing.assert_array_equal(np.sort(together), benchmark.split("trainval"))
    for part in parts:
        np.testing.assert_array_equal(part, np.sort(part))
    np.testing.assert_array_equal(task.test_unseen, benchmark.split("val"))


@many
@given(benchmarks, seeds)
def test_a_fifth_of_each_train_class_is_held_out_at_least_one_never_all(benchmark, seed):
    task = validation_task(benchmark, seed=seed)
    for index in benchmark.train_classes:
        held = (benchmark.labels[task.test_seen] == index).sum()
        total = (benchmark.labels[benchmark.split("train")] == index).sum()
        assert held == max(1, round(0.2 * total))
        assert held < total


@many
@given(benchmarks, seeds)
def test_even_the_largest_share_leaves_an_image_of_each_class(benchmark, seed):
    task = validation_task(benchmark, seed=seed, held_out=0.999)
    counts = np.bincount(benchmark.labels[task.train], minlength=len(benchmark.class_names))
    assert (counts[benchmark.train_classes] == 1).all()


@many
@given(benchmarks, seeds)
def test_same_seed_same_split(benchmark, seed):
    first, second = validation_task(benchmark, seed=seed), validation_task(benchmark, seed=seed)
    np.testing.assert_array_equal(first.train, second.train)
    np.testing.assert_array_equal(first.test_seen, second.test_seen)


def test_other_seeds_hold_out_other_images_each_about_equally_often():
    benchmark = make_benchmark([10])
    held = [validation_task(benchmark, seed=seed).test_seen for seed in range(400)]
    counts = np.bincount(np.concatenate(held), minlength=len(benchmark.labels))[benchmark.split("train")]
    assert counts.sum() == 800
    assert counts.min() > 50  # 80 expected, standard deviation 8
    assert counts.max() < 110


@many
@given(benchmarks)
def test_test_task_is_that_of_the_benchmark(benchmark):
    task = tasks.test_task(benchmark)
    for part, split in (("train", "trainval"), ("test_seen", "test_seen"), ("test_unseen", "test_unseen")):
        np.testing.assert_array_equal(getattr(task, part), benchmark.split(split))
    assert not set(task.train) & {*task.test_seen, *task.test_unseen}
    assert set(benchmark.labels[task.train]) == set(task.seen_classes)
    assert set(benchmark.labels[task.test_unseen]) == set(task.unseen_classes)


@many
@given(benchmarks, st.booleans())
def test_relabel_gives_the_column_of_each_class(benchmark, final):
    task = tasks.test_task(benchmark) if final else validation_task(benchmark)
    images = np.concatenate([task.train, task.test_seen, task.test_unseen])
    columns = task.relabel(benchmark.labels[images])
    np.testing.assert_array_equal(task.classes[columns], benchmark.labels[images])
    unseen = np.isin(benchmark.labels[images], task.unseen_classes)
    np.testing.assert_array_equal(columns >= task.num_seen, unseen)
    assert set(columns) == set(range(len(task.classes)))


@pytest.mark.parametrize("stranger", ["unseen class", -1, 1000])
def test_relabel_refuses_a_class_of_another_task(stranger):
    benchmark = make_benchmark([3, 4])
    task = validation_task(benchmark)
    label = benchmark.unseen_classes[0] if stranger == "unseen class" else stranger
    with pytest.raises(InputError, match=f"labels must be classes of the task validation, got {label}$"):
        task.relabel(np.array([task.classes[0], label]))


@pytest.mark.parametrize("held_out", [0.0, 1.0, -0.2, float("nan"), "0.2"])
@pytest.mark.usefixtures("unchecked")
def test_share_outside_0_1_is_refused(held_out):
    with pytest.raises(InputError, match=r"held_out must lie in \(0, 1\), got"):
        validation_task(make_benchmark([3]), held_out=held_out)


def test_class_with_a_single_image_cannot_be_split():
    benchmark = make_benchmark([4, 1])
    lonely = next(c for c in benchmark.train_classes if (benchmark.labels[benchmark.split("train")] == c).sum() == 1)
    with pytest.raises(InputError, match=rf"class 'class {lonely}' must have at least 2 train images, got 1"):
        validation_task(benchmark)


def test_tiny_files_give_a_validation_task_without_test_images(tiny):
    benchmark = tiny.load()  # its train_loc and val_loc hold the test_seen images
    task = validation_task(benchmark)
    assert not {*task.train, *task.test_seen, *task.test_unseen} & {
        *benchmark.split("test_seen"),
        *benchmark.split("test_unseen"),
    }
    assert task.classes.tolist() == [0, 3, 4, 7, 1, 6]
    assert (len(task.train), len(task.test_seen), len(task.test_unseen)) == (12, 4, 8)


@many
@given(benchmarks, seeds)
def test_folds_are_three_or_as_many_as_there_are_seen_classes(benchmark, seed):
    folds = fold_tasks(benchmark, seed=seed)
    assert [task.name for task in folds] == ["fold_1", "fold_2", "fold_3"]  # two val classes and a train class at least
    sizes = [len(task.unseen_classes) for task in folds]
    assert max(sizes) - min(sizes) <= 1
    together = np.concatenate([task.unseen_classes for task in folds])
    np.testing.assert_array_equal(np.sort(together), benchmark.seen_classes)


def test_two_seen_classes_make_two_folds(tiny):
    benchmark = dataclasses.replace(tiny.load(), seen_classes=np.array([0, 1]))
    two = np.isin(benchmark.labels[benchmark.split("trainval")], [0, 1])
    splits = benchmark._splits | {"trainval": benchmark.split("trainval")[two]}
    folds = fold_tasks(dataclasses.replace(benchmark, _splits=splits))
    assert sorted(task.unseen_classes.tolist() for task in folds) == [[0], [1]]
    with pytest.raises(InputError, match=r"^folds must lie in 2\.\.2, the seen classes, got 3$"):
        fold_tasks(dataclasses.replace(benchmark, _splits=splits), 3)

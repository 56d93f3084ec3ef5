"""Tables and sentences about a data set, on a benchmark whose numbers are known."""

import dataclasses

import numpy as np
import pytest

from zslcore import Benchmark
from zslcore.study.chapters import dataset_facts
from zslcore.synthbirds import generate


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    root = generate(
        tmp_path_factory.mktemp("birds"), num_classes=8, num_unseen=2, images_per_class=6, size=32, workers=1
    )
    return Benchmark.load(root, "SYNTH")


@pytest.fixture
def tiny(birds):
    """The same images with three plain attributes whose numbers can be checked by hand."""
    original = np.tile(np.float32([[100.0, 20.0, 0.0]]), (8, 1))
    unit = original / np.linalg.norm(original, axis=1, keepdims=True)
    names = ("furry", "big", "striped")
    return dataclasses.replace(birds, attributes=unit, original_attributes=original, attribute_names=names)


def test_images_come_from_seen_then_unseen_classes(birds):
    labels = birds.labels[dataset_facts.draw_images(birds, 3, seed=0)]
    assert np.isin(labels, birds.unseen_classes).tolist() == [False] * 3 + [True] * 2  # there are only two
    assert len(set(labels)) == 5


@pytest.mark.parametrize(
    ("name", "title"), [("001.Grey_Finch", "Grey Finch"), ("St._Bernard", "St. Bernard"), ("R.E.M.", "R.E.M.")]
)
def test_only_a_number_before_a_class_name_is_left_out(birds, name, title):
    renamed = dataclasses.replace(birds, class_names=(name, *birds.class_names[1:]))
    assert dataset_facts.class_title(renamed, 0) == title


def test_strongest_attributes_are_sorted(tiny):
    frame = dataset_facts.strongest_attributes(tiny, 0, shown=2)
    assert frame.index.tolist() == ["furry", "big"]
    assert frame["mean over classes"].tolist() == [100.0, 20.0]


def test_sentences_hold_the_numbers_of_the_data(tiny):
    assert (
        dataset_facts.describe_size(tiny)
        == "**SYNTH** has 48 images of 8 classes, 6 seen and 2 unseen, and 3 attributes."
    )
    told = dataset_facts.describe_annotations(tiny)
    assert told.startswith("In 67 % of the cells, the annotation is below half")
    assert told.endswith("The 3 attributes form no groups.")
    assert "33 % of all labels are large, and they make up 96 % of the squared length" in dataset_facts.describe_labels(
        tiny
    )
    assert "is 1.00 to 1.00, with the median 1.00. With all seen classes, the median is 1.00." in (
        dataset_facts.describe_similarity(tiny)
    )


def test_groups_are_counted(birds):
    assert "attributes form 10 groups of up to 7 values, such as crown color." in dataset_facts.describe_annotations(
        birds
    )


@pytest.mark.parametrize("fold", ["fold_1", "fold_2", "fold_3"])
def test_parts_of_a_fold_partition_the_images_to_train_on(birds, fold):
    sizes = dataset_facts.split_sizes(birds)
    parts = sizes.loc[[f"{fold}: train", f"{fold}: seen", f"{fold}: unseen"], "images"]
    assert parts.sum() == sizes.loc["trainval", "images"]
    assert sizes.loc[["trainval", "test_seen", "test_unseen"], "images"].sum() == 48

"""A data set in tables and sentences: descriptions of classes, sizes of splits, label values, distances of classes."""

import re

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from zslcore.data import Benchmark
from zslcore.data.semantics import attribute_groups, pretty
from zslcore.data.tasks import fold_tasks


def class_title(benchmark: Benchmark, index: int) -> str:
    """Name of a class for titles, without the number that CUB puts before it.

    Example:
        >>> class_title(benchmark, 0)
        'Grey winged Finch'
    """
    return re.sub(r"^\d+\.", "", benchmark.class_names[index]).replace("_", " ")


def draw_images(benchmark: Benchmark, count: int, *, seed: int) -> Int[np.ndarray, " n"]:
    """Draw an image of each of ``count`` seen classes, then of each of ``count`` unseen ones.

    Args:
        benchmark: the data set.
        count: number of classes on each side; fewer if there are fewer.
        seed: seed of the draw.

    Example:
        >>> images = draw_images(benchmark, 1, seed=0)
        >>> np.isin(benchmark.labels[images], benchmark.unseen_classes).tolist()
        [False, True]
    """
    rng = np.random.default_rng(seed)
    sides = (benchmark.seen_classes, benchmark.unseen_classes)
    classes = np.concatenate([rng.choice(side, min(count, len(side)), replace=False) for side in sides])
    return np.array([rng.choice(np.flatnonzero(benchmark.labels == index)) for index in classes])


def strongest_attributes(benchmark: Benchmark, index: int, *, shown: int = 10) -> pd.DataFrame:
    """Largest annotations of a class, beside their means over all classes.

    Example:
        >>> strongest_attributes(benchmark, 0, shown=1).columns.tolist()
        ['Grey winged Finch', 'mean over classes']
    """
    annotations = benchmark.original_attributes.astype(float)
    title = class_title(benchmark, index)
    frame = pd.DataFrame(
        {title: annotations[index], "mean over classes": annotations.mean(0)},
        index=[pretty(name) for name in benchmark.attribute_names],
    )
    return frame.sort_values(title, ascending=False).head(shown)


def describe_size(benchmark: Benchmark) -> str:
    """Numbers of images, classes and attributes.

    Example:
        >>> describe_size(benchmark)
        '**SYNTH** has 25 images of 5 classes, 4 seen and 1 unseen, and 57 attributes.'
    """
    classes, attributes = benchmark.attributes.shape
    return (
        f"**{benchmark.name}** has {len(benchmark.labels)} images of {classes} classes, "
        f"{len(benchmark.seen_classes)} seen and {len(benchmark.unseen_classes)} unseen, and {attributes} attributes."
    )


def describe_annotations(benchmark: Benchmark) -> str:
    """How many annotations are small, and the groups of attributes.

    Example:
        >>> print(describe_annotations(benchmark).replace(". ", ".\\n"))
        In 83 % of the cells, the annotation is below half of the largest one in the data set.
        The 57 attributes form 10 groups of up to 7 values, such as crown color.
    """
    annotations, names = benchmark.original_attributes, benchmark.attribute_names
    small = (annotations < annotations.max() / 2).mean()
    groups = attribute_groups(names)
    largest = max(groups, key=lambda name: len(groups[name]))
    grouping = f"form {len(groups)} groups of up to {len(groups[largest])} values, such as {largest}"
    if len(groups) == len(names):
        grouping = "form no groups"
    return (
        f"In {100 * small:.0f} % of the cells, the annotation is below half of the largest one in the data set. "
        f"The {len(names)} attributes {grouping}."
    )


def describe_labels(benchmark: Benchmark) -> str:
    """How much of the class vectors lies in few labels, and how many training images the seen classes have.

    Example:
        >>> print(describe_labels(benchmark).replace(". ", ".\\n"))
        A label is *large* here if it is above half of the largest label of its class.
        17 % of all labels are large, and they make up 92 % of the squared length of the class vectors.
        Each seen class has 4 training images.
    """
    values = benchmark.attributes.astype(float)
    squares, large = values**2, benchmark.attributes > benchmark.attributes.max(1, keepdims=True) / 2
    share = squares[large].sum() / squares.sum()
    images = np.bincount(benchmark.labels[benchmark.split("trainval")])[benchmark.seen_classes]
    number = f"{images.min()}" if images.min() == images.max() else f"{images.min()} to {images.max()}"
    return (
        "A label is *large* here if it is above half of the largest label of its class. "
        f"{100 * large.mean():.0f} % of all labels are large, and they make up {100 * share:.0f} % of the squared "
        f"length of the class vectors. Each seen class has {number} training images."
    )


def unseen_similarity(benchmark: Benchmark) -> Float[np.ndarray, "U S"]:
    """Cosine of each unseen class with each seen class.

    Example:
        >>> unseen_similarity(benchmark).shape
        (1, 4)
    """
    unit = benchmark.attributes / np.linalg.norm(benchmark.attributes, axis=1, keepdims=True)
    return unit[benchmark.unseen_classes] @ unit[benchmark.seen_classes].T


def describe_similarity(benchmark: Benchmark) -> str:
    """How similar the unseen classes are to the seen ones.

    Example:
        >>> describe_similarity(benchmark)[:51]
        'The cosine of an unseen class with the nearest seen'
    """
    similarity = unseen_similarity(benchmark)
    nearest = similarity.max(1)
    return (
        f"The cosine of an unseen class with the nearest seen class is {nearest.min():.2f} to {nearest.max():.2f}, "
        f"with the median {np.median(nearest):.2f}. With all seen classes, the median is {np.median(similarity):.2f}."
    )


def split_sizes(benchmark: Benchmark) -> pd.DataFrame:
    """Images and classes of each split, and of the three parts of each fold of the seen classes.

    Example:
        >>> split_sizes(benchmark).loc["fold_3: unseen"].to_dict()
        {'images': 4, 'classes': 1}
    """
    parts = {name: benchmark.split(name) for name in ("trainval", "test_seen", "test_unseen")}
    for task in fold_tasks(benchmark):
        parts[f"{task.name}: train"] = task.train
        parts[f"{task.name}: seen"] = task.test_seen
        parts[f"{task.name}: unseen"] = task.test_unseen
    sizes = {name: (len(images), len(np.unique(benchmark.labels[images]))) for name, images in parts.items()}
    return pd.DataFrame.from_dict(sizes, orient="index", columns=["images", "classes"])

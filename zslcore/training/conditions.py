"""Conditions of a run, checked before a picture is decoded or a notebook starts."""

import numpy as np

from zslcore.backbone import BACKBONES, build_backbone
from zslcore.closed_form import SOLVERS
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import ZeroShotTask, fold_tasks, test_task
from zslcore.errors import InputError
from zslcore.training.inputs.contents import check_pictures
from zslcore.training.inputs.sources import check_backbone, features_computed
from zslcore.training.inputs.stored import stored_features
from zslcore.training.objective import regression_loss


def check_settings(config: RunConfig, benchmark: Benchmark) -> None:
    """Raise InputError if classes, word vectors, image labels or options of the loss do not allow a training.

    Example:
        >>> check_settings(RunConfig(dataset="SYNTH", ways=2, shots=4), benchmark)
        Traceback (most recent call last):
        zslcore.errors.InputError: shots must be at most 3, the training images of ... in the task fold_1, got 4
    """
    for task in (*fold_tasks(benchmark), test_task(benchmark)):
        if config.sampling == "episodes" and config.loss not in SOLVERS:
            _check_batches(config, benchmark, task)
        regression_loss(config, benchmark, task)  # raises for exponents and options out of range
    if config.network != "basic":
        benchmark.word_vectors(config.word_vectors)
    if config.targets == "images" and np.isnan(benchmark.image_attributes[benchmark.split("trainval")]).all():
        raise InputError(f"targets 'images' needs labels of the training images of {benchmark.name}, got none")


def check_inputs(config: RunConfig, benchmark: Benchmark) -> None:
    """Raise InputError if pictures, weights or features are missing or do not fit; cached features need no pictures."""
    if config.backbone not in BACKBONES:
        stored_features(benchmark, config.backbone)
        return
    check_backbone(config)
    if config.fine_tune:
        check_pictures(benchmark)
    elif not features_computed(config, benchmark):
        check_pictures(benchmark)
        build_backbone(config.backbone, weights=config.weights)


def describe_inputs(config: RunConfig, benchmark: Benchmark) -> list[str]:
    """Lines about the folds, the word vectors, and the images or the features that are used instead.

    Raises:
        InputError: if images that the backbone reads are missing, or if word vectors cannot be used.
    """
    file = benchmark.word_vectors_file(config.word_vectors)
    folds = fold_tasks(benchmark)
    classes = ", ".join(str(len(task.unseen_classes)) for task in folds)
    lines = [f"gamma comes from {len(folds)} folds of the seen classes, of {classes} classes"]
    if file.is_file():
        lines.append(f"word vectors of {benchmark.word_vectors(config.word_vectors).shape[1]} dimensions are there")
    else:
        lines.append(f"no word vectors at {file}, which the networks attention and gem need")
    if config.backbone not in BACKBONES:
        return [*lines, f"features are there: {config.backbone}"]
    check_pictures(benchmark)
    return [*lines, f"all {len(benchmark.image_paths)} images are there"]


def _check_batches(config: RunConfig, benchmark: Benchmark, task: ZeroShotTask) -> None:
    classes, counts = np.unique(benchmark.labels[task.train], return_counts=True)
    if config.ways > len(classes):
        limit = f"{len(classes)}, the training classes of the task {task.name} of {benchmark.name}"
        raise InputError(f"ways must be at most {limit}, got {config.ways}")
    if config.shots > counts.min():
        smallest = benchmark.class_names[classes[counts.argmin()]]
        limit = f"{counts.min()}, the training images of {smallest!r} in the task {task.name}"
        raise InputError(f"shots must be at most {limit}, got {config.shots}")

"""What the figures of runs show beyond their numbers: ReMSE's weights, attention beside the true parts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from torch import nn

from zslcore._io.determinism import reproducible
from zslcore.analysis import energy_inside, group_index, pointing_accuracy
from zslcore.backbone import backbone_spec
from zslcore.data.benchmark import Benchmark
from zslcore.data.images import eval_transform, read_image
from zslcore.data.semantics import attribute_groups, pretty
from zslcore.data.tasks import test_task
from zslcore.errors import InputError
from zslcore.losses.gem import square_map
from zslcore.plots import attention_maps
from zslcore.remse import ReMSE
from zslcore.study.tables import method_name
from zslcore.synthbirds import GroundTruth
from zslcore.training.evaluation import predict
from zslcore.training.objective import build_network, regression_loss
from zslcore.training.run import Run


def final_weights(run: Run, benchmark: Benchmark) -> Float[np.ndarray, "S A"]:
    """ReMSE's weights of the seen classes after the last epoch of a run, with its settings, over all training images.

    Rows are in the order of ``benchmark.seen_classes``; weights are at least 1, but for runs with ``unit_mean`` or a
    control. Raises InputError for a run of another loss, and for one of another version of the benchmark.
    """
    task = test_task(benchmark)
    criterion = regression_loss(run.config, benchmark, task)
    if not isinstance(criterion, ReMSE):
        raise InputError(f"final_weights needs a run with loss 'remse', got {run.config.loss!r}")
    prediction = predict(run.model(benchmark, weights="last"), run.inputs(benchmark), task.train).float().cpu()
    labels = torch.from_numpy(task.relabel(benchmark.labels[task.train]))
    vectors = torch.from_numpy(benchmark.vectors(run.config.attribute_vectors)[task.seen_classes])
    criterion(prediction, vectors[labels], labels)
    return criterion.weights.numpy()


def typical_attributes(
    vector: Float[np.ndarray, " A"], groups: Mapping[str, Sequence[int]], *, count: int
) -> Int[np.ndarray, " k"]:
    """The largest attribute of each group, of the ``count`` groups where it is largest; all groups if there are fewer.

    ``vector``: a class's attributes; ``groups`` as :func:`zslcore.data.semantics.attribute_groups` gives them. Of equal
    values the first counts. Raises InputError for a ``count`` below 1.

    >>> typical_attributes(np.array([0.1, 0.5, 0.4, 0.9]), {"crown": [0, 1, 2], "leg": [3]}, count=2).tolist()
    [3, 1]
    """
    if count < 1:
        raise InputError(f"count must be at least 1, got {count}")
    largest = np.array([max(members, key=lambda attribute: vector[attribute]) for members in groups.values()])
    return largest[np.argsort(-vector[largest], kind="stable")][:count]


def attention_over_picture(
    run: Run, benchmark: Benchmark, image: int, *, truth: GroundTruth | None = None, count: int = 5
) -> Figure:
    """Attention of a run over one image of the benchmark, for the ``count`` attributes that are typical of its class.

    ``image``: its position in ``benchmark.labels``. The picture is the crop that the network sees. ``truth``, of
    SynthBirds, adds the boxes of the true parts. Raises InputError for a run without attention and for an image that
    cannot be read. See :func:`typical_attributes` and :func:`zslcore.plots.attention_maps`.
    """
    config, groups = run.config, attribute_groups(benchmark.attribute_names)
    shown = typical_attributes(benchmark.attributes[benchmark.labels[image]], groups, count=count)
    maps = _maps(run, benchmark, np.array([image]))[0, shown]
    picture = read_image(benchmark.image_paths[image])
    crop = eval_transform(config.image_size, resize_ratio=config.resize_ratio)(picture).permute(1, 2, 0).numpy()
    boxes = None
    if truth is not None:
        scale = round(config.resize_ratio * config.image_size) / picture.width  # SynthBirds' pictures are square
        boxes, _ = _parts_of_groups(truth, np.array([image]))
        boxes = boxes[0, group_index(groups, truth.group_names)[shown]] * scale
        boxes -= (round(config.resize_ratio * config.image_size) - config.image_size) / 2
    return attention_maps(crop, maps, [pretty(benchmark.attribute_names[index]) for index in shown], boxes=boxes)


def measure_attention(
    run: Run, benchmark: Benchmark, truth: GroundTruth, images: Int[np.ndarray, " n"]
) -> dict[str, dict[str, pd.DataFrame]]:
    """How well a run's attention finds the true parts of SynthBirds, beside that of the same network untrained.

    ``result["pointing"]`` and ``result["energy"]`` hold the frames of :func:`zslcore.analysis.pointing_accuracy` and
    :func:`zslcore.analysis.energy_inside` by method: the run's, and ``"untrained"``, see :func:`untrained`. ``images``:
    positions in ``benchmark.labels``. Measured on the whole picture, so for runs whose crop is all of it
    (``resize_ratio`` 1). Raises InputError for other runs, and for runs without attention.
    """
    if run.config.resize_ratio != 1:
        raise InputError(f"measured attention needs a run with resize_ratio 1, got {run.config.resize_ratio:g}")
    boxes, visible = _parts_of_groups(truth, images)
    groups = group_index(attribute_groups(benchmark.attribute_names), truth.group_names)
    where = (boxes, read_image(benchmark.image_paths[0]).size, visible)
    measured: dict[str, dict[str, pd.DataFrame]] = {"pointing": {}, "energy": {}}
    for name, each in ((method_name(run.config), run), ("untrained", untrained(run))):
        maps = _maps(each, benchmark, images)
        for measure, function in (("pointing", pointing_accuracy), ("energy", energy_inside)):
            measured[measure][name] = function(maps, *where, groups=groups, names=truth.group_names)
    return measured


def untrained(run: Run) -> Run:
    """A run as it was before its first step: the initial network, drawn by its seed, behind the trained rest.

    What it finds is due to the features, and only what a run finds beyond that was learnt.
    """
    return _Untrained(run.folder, run.config, run.metrics, run.history)


class _Untrained(Run):
    def model(self, benchmark: Benchmark, **options: Any) -> nn.Module:
        """The run's model, with the network behind the standardisation as it was initialised."""
        model = super().model(benchmark, **options)
        with reproducible(self.config.seed):  # as the training begins, see zslcore.training.loop
            initial = build_network(self.config, backbone_spec(self.config.backbone).num_channels, benchmark)
        model.network.load_state_dict(initial.state_dict())
        return model


def _maps(run: Run, benchmark: Benchmark, images: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n A H H"]:
    return square_map(torch.from_numpy(run.attention(benchmark, images))).numpy()


def _parts_of_groups(
    truth: GroundTruth, images: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n G 4"], Float[np.ndarray, "n G"]]:
    """Box and visible share of the part where each attribute group shows."""
    parts = [truth.part_names.index(part) for part in truth.group_parts]
    return truth.extents[images][:, parts], truth.visible[images][:, parts]

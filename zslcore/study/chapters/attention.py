"""ReMSE's final weights, and the attention of a run beside the parts of the images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from torch import nn

from zslcore._io.determinism import reproducible
from zslcore.analysis import energy_inside, group_index, pointing_accuracy, verdict
from zslcore.analysis.attention import RESAMPLES
from zslcore.backbone import BACKBONES
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.image_labels import parts_file
from zslcore.data.images import eval_transform, read_image
from zslcore.data.part_boxes import PartBoxes, part_boxes
from zslcore.data.semantics import attribute_groups, pretty
from zslcore.data.tasks import test_task
from zslcore.errors import InputError
from zslcore.losses.gem import square_map
from zslcore.methods import display_name
from zslcore.models import AttributeModel
from zslcore.plots import attention_maps
from zslcore.remse import ReMSE
from zslcore.study.results.tables import method_key
from zslcore.training.evaluation import predict
from zslcore.training.objective import build_network, regression_loss, seen_vectors
from zslcore.training.run import Run


def final_weights(run: Run, benchmark: Benchmark) -> Float[np.ndarray, "S A"]:
    """ReMSE's weights after the last epoch of a run, from the errors on all training images.

    Returns:
        A row for each of ``benchmark.seen_classes``. Weights are at least 1, except with ``unit_mean`` or a control.

    Raises:
        InputError: for a run with another loss, or trained on another version of the benchmark.
    """
    task = test_task(benchmark)
    criterion = regression_loss(run.config, benchmark, task)
    if not isinstance(criterion, ReMSE):
        raise InputError(f"final_weights needs a run with loss 'remse', got {run.config.loss!r}")
    prediction = predict(run.model(benchmark), run.inputs(benchmark), task.train).float().cpu()
    labels = torch.from_numpy(task.relabel(benchmark.labels[task.train]))
    vectors = torch.from_numpy(seen_vectors(run.config, benchmark, task))
    criterion(prediction, vectors[labels], labels)
    return criterion.weights.numpy()


def obstacle(config: RunConfig, benchmark: Benchmark) -> str:
    """Why the attention of a network cannot be trained and drawn over pictures, as a clause; empty if it can."""
    if config.backbone not in BACKBONES:
        return f"the features {config.backbone} have one location"
    if not benchmark.word_vectors_file(config.word_vectors).is_file():
        return f"there are no word vectors of the attributes of {benchmark.name}"
    if not all(path.is_file() for path in benchmark.image_paths):
        return f"images of {benchmark.name} are missing"
    return ""


def typical_attributes(
    vector: Float[np.ndarray, " A"], groups: Mapping[str, Sequence[int]], *, count: int
) -> Int[np.ndarray, " k"]:
    """Select the largest attribute of each group, for the ``count`` groups where it is largest.

    Args:
        vector: attributes of a class, (A,).
        groups: attribute indices by group, see :func:`zslcore.data.semantics.attribute_groups`.
        count: number of attributes, at least 1; fewer if there are fewer groups.

    Example:
        >>> typical_attributes(np.array([0.1, 0.5, 0.4, 0.9]), {"crown": [0, 1, 2], "leg": [3]}, count=2).tolist()
        [3, 1]
    """
    if count < 1:
        raise InputError(f"count must be at least 1, got {count}")
    largest = np.array([max(members, key=lambda attribute: vector[attribute]) for members in groups.values()])
    return largest[np.argsort(-vector[largest], kind="stable")][:count]


def attention_over_picture(run: Run, benchmark: Benchmark, image: int, *, count: int = 5) -> Figure:
    """Draw the attention of a run over one image, for attributes that are typical of its class.

    Args:
        run: a run with attention.
        benchmark: the benchmark that the run was trained on. If it has part positions, their boxes are drawn.
        image: position of the image in ``benchmark.labels``. The figure shows the crop that the network sees.
        count: number of attributes, see :func:`typical_attributes`.

    Raises:
        InputError: for a run without attention, or an image that cannot be read.
    """
    config, groups = run.config, attribute_groups(benchmark.attribute_names)
    shown = typical_attributes(benchmark.attributes[benchmark.labels[image]], groups, count=count)
    maps = _maps(run, benchmark, np.array([image]))[0, shown]
    crop = eval_transform(config.image_size, resize_ratio=config.resize_ratio)(read_image(benchmark.image_paths[image]))
    boxes = None
    if has_parts(benchmark):
        found = _boxes(config, benchmark, np.array([image]))
        unbound = np.full((1, *found.boxes.shape[2:]), np.nan)  # at index -1
        boxes = np.concatenate([found.boxes[0], unbound])[group_index(groups, found.groups)[shown]]
    names = [pretty(benchmark.attribute_names[index]) for index in shown]
    return attention_maps(crop.permute(1, 2, 0).numpy(), maps, names, boxes=boxes)


def has_parts(benchmark: Benchmark) -> bool:
    """Whether a benchmark has the positions of parts in its images."""
    return parts_file(benchmark.root, benchmark.name) is not None


def measure_attention(
    run: Run, benchmark: Benchmark, images: Int[np.ndarray, " n"]
) -> dict[str, dict[str, pd.DataFrame]]:
    """Measure how well the attention of a run, and of its untrained network, finds the parts of the images.

    Args:
        run: a run with attention.
        benchmark: a benchmark with part positions, see :func:`has_parts`.
        images: positions in ``benchmark.labels``.

    Returns:
        ``result["pointing"]`` and ``result["energy"]`` hold, by method (the run's key and ``"untrained"``), the frames
        of :func:`zslcore.analysis.pointing_accuracy` and :func:`zslcore.analysis.energy_inside`, with a row for each
        attribute group that is bound to parts.

    Raises:
        InputError: for a run without attention, or a benchmark without part positions.
    """
    measured: dict[str, dict[str, pd.DataFrame]] = {"pointing": {}, "energy": {}}
    boxes = _boxes(run.config, benchmark, images)
    for name, each in ((method_key(run.config), run), ("untrained", untrained(run))):
        frames = measure_maps(_maps(each, benchmark, images), boxes, run.config, benchmark)
        for measure, frame in frames.items():
            measured[measure][name] = frame
    return measured


def measure_maps(
    maps: Float[np.ndarray, "n A H W"],
    boxes: PartBoxes,
    config: RunConfig,
    benchmark: Benchmark,
    *,
    resamples: int = RESAMPLES,
) -> dict[str, pd.DataFrame]:
    """``pointing`` and ``energy`` of the attention of a config over the images of ``boxes``."""
    groups = group_index(attribute_groups(benchmark.attribute_names), boxes.groups)
    measures = {}
    for name, measure in (("pointing", pointing_accuracy), ("energy", energy_inside)):
        where = (boxes.boxes, config.image_size, boxes.visible)
        measures[name] = measure(maps, *where, groups=groups, names=boxes.groups, resamples=resamples)
    return measures


def describe_attention(measured: Mapping[str, pd.DataFrame]) -> str:
    """Sentences on the measured attention of a trained and of the untrained network.

    Args:
        measured: frames by method, the trained network's first; one measure of :func:`measure_attention`.

    Example:
        >>> columns = ["group", "value", "low", "high", "chance"]
        >>> trained = pd.DataFrame([("wing", 0.9, 0.8, 1.0, 0.2), ("leg", 0.3, 0.2, 0.4, 0.1)], columns=columns)
        >>> before = pd.DataFrame([("wing", 0.5, 0.4, 0.6, 0.2), ("leg", 0.2, 0.1, 0.3, 0.1)], columns=columns)
        >>> print(describe_attention({"remse": trained, "untrained": before}).replace(". ", ".\\n"))
        Mean over the groups: 0.60 for + ReMSE, 0.35 for the untrained network, 0.15 by chance.
        The interval of + ReMSE lies above chance in 2 of 2 groups, and above that of the untrained network in 1.
        The value is highest for wing (0.90) and lowest for leg (0.30).
        The interval of the untrained network lies above chance in 1 of 2 groups, and below chance in 0.
    """
    (key, trained), (_, before) = measured.items()
    name, found = display_name(key), trained["value"].notna()
    trained, before = (frame[found].set_index("group") for frame in (trained, before))
    best, worst = trained["value"].idxmax(), trained["value"].idxmin()
    return (
        f"Mean over the groups: {trained['value'].mean():.2f} for {name}, {before['value'].mean():.2f} for the "
        f"untrained network, {trained['chance'].mean():.2f} by chance. "
        f"The interval of {name} lies above chance in {(trained['low'] > trained['chance']).sum()} of {found.sum()} "
        f"groups, and above that of the untrained network in {(trained['low'] > before['high']).sum()}. "
        f"The value is highest for {best.replace('_', ' ')} ({trained['value'][best]:.2f}) and lowest for "
        f"{worst.replace('_', ' ')} ({trained['value'][worst]:.2f}). "
        f"The interval of the untrained network lies above chance in {(before['low'] > before['chance']).sum()} of "
        f"{found.sum()} groups, and below chance in {(before['high'] < before['chance']).sum()}."
    )


def attention_verdicts(measured: Mapping[str, Mapping[str, pd.DataFrame]]) -> pd.DataFrame:
    """Verdict for each measure and group on the claim that training taught the attention to find the part.

    The claim is supported if the interval of the trained network lies above both chance and the interval of the
    untrained network, and contradicted if it lies below either. The intervals are over pictures of one training.

    Args:
        measured: the result of :func:`measure_attention`.

    Returns:
        The columns ``measure``, ``claim``, ``value``, ``untrained``, ``chance`` and ``verdict``.

    Example:
        >>> columns = ["group", "value", "low", "high", "chance"]
        >>> trained = pd.DataFrame([("wing", 0.9, 0.8, 1.0, 0.2), ("leg", 0.3, 0.2, 0.4, 0.1)], columns=columns)
        >>> before = pd.DataFrame([("wing", 0.5, 0.4, 0.6, 0.2), ("leg", 0.2, 0.1, 0.3, 0.1)], columns=columns)
        >>> frame = attention_verdicts({"pointing": {"remse": trained, "untrained": before}})
        >>> frame[["claim", "verdict"]].values.tolist()  # doctest: +NORMALIZE_WHITESPACE
        [['Training taught the attention of wing to find its part.', 'supported'],
         ['Training taught the attention of leg to find its part.', 'inconclusive']]
    """
    rows = []
    for measure, frames in measured.items():
        trained, before = (frame.set_index("group") for frame in frames.values())
        for group, row in trained.iterrows():
            low = row["low"] - max(before["high"][group], row["chance"])
            high = min(row["high"] - before["low"][group], row["high"] - row["chance"])
            claim = f"Training taught the attention of {group.replace('_', ' ')} to find its part."
            values = row["value"], before["value"][group], row["chance"]
            rows.append((measure, claim, *values, verdict(low, high)))
    return pd.DataFrame(rows, columns=["measure", "claim", "value", "untrained", "chance", "verdict"])


def untrained(run: Run) -> Run:
    """Return the run with its network as initialised, so that what training added can be measured."""
    return _Untrained(run.folder, run.config, run.metrics, run.history)


class _Untrained(Run):
    def model(self, benchmark: Benchmark, **options: Any) -> nn.Module:
        """The run's model with the initial weights of its network."""
        model = super().model(benchmark, **options)
        reset_network(model, self.config, benchmark)
        return model


def reset_network(model: AttributeModel, config: RunConfig, benchmark: Benchmark) -> None:
    """Give the network of a model its initial weights."""
    with reproducible(config.seed):  # the same draw as in training
        initial = build_network(config, model.network.num_channels, benchmark)
    model.network.load_state_dict(initial.state_dict())


def _maps(run: Run, benchmark: Benchmark, images: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n A H H"]:
    return square_map(torch.from_numpy(run.attention(benchmark, images))).numpy()


def _boxes(config: RunConfig, benchmark: Benchmark, images: Int[np.ndarray, " n"]) -> PartBoxes:
    return part_boxes(benchmark, images, image_size=config.image_size, resize_ratio=config.resize_ratio)

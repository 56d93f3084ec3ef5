"""Does attention find the parts of the birds, and does rebalancing change that? The rows of ``pointing.csv``."""

from collections.abc import Sequence

import pandas as pd

from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.class_splits import split_classes
from zslcore.data.part_boxes import part_boxes
from zslcore.data.tasks import test_task
from zslcore.losses import square_map
from zslcore.study.chapters.attention import measure_maps, reset_network
from zslcore.study.experiments.rebalancing import map_configs, varied_settings
from zslcore.training.device import resolve_device
from zslcore.training.evaluation import attend
from zslcore.training.inputs.sources import load_inputs
from zslcore.training.loop import train
from zslcore.training.run import environment, restore_model

LAM = 60.0
NETWORK = {"network": "attention", "key_dim": 256, "epochs": 2}  # as in notebook 07; an epoch of CUB100 takes minutes


def pointing_configs(dataset: str, *, seeds: Sequence[int]) -> list[RunConfig]:
    """Configs of AttentionNet on frozen feature maps: cross entropy alone, MSE and ReMSE at the same lambda.

    Args:
        dataset: name of a data set.
        seeds: seeds of the benchmark's own split.
    """
    configs = map_configs(dataset, splits=[0], seeds=seeds, lams=[LAM], **NETWORK)
    return [config for config in configs if config.loss != "remse_permuted"]


def pointing_rows(config: RunConfig) -> pd.DataFrame:
    """Train a config on the test task, and measure its attention on the parts of the test images.

    Returns:
        A row for each attribute group that belongs to parts, and for the test images of seen and of unseen classes
        (``split``). Columns: the number of ``images``; pointing accuracy and energy inside the boxes after the last
        epoch (``pointing``, ``energy``), before training (``untrained_pointing``, ``untrained_energy``) and by chance
        (``chance_pointing``, ``chance_energy``); ``T1`` in percent, ``seconds`` and ``device``.

    Raises:
        InputError: if there are no part positions, or if the training diverges.
    """
    benchmark = load_benchmark(config.dataset)
    inputs = load_inputs(config, benchmark, resolve_device(config.device))
    benchmark = split_classes(benchmark, config.class_split)
    task = test_task(benchmark)
    splits = {"seen": task.test_seen, "unseen": task.test_unseen}
    boxes = {
        split: part_boxes(benchmark, images, image_size=config.image_size, resize_ratio=config.resize_ratio)
        for split, images in splits.items()
    }
    final = train(config, benchmark, inputs, task, progress=False)
    model = restore_model(config, benchmark, final.state, inputs.device)
    measured = {}
    for network in ("trained", "untrained"):
        if network == "untrained":
            reset_network(model, config, benchmark)
        for split, images in splits.items():
            maps = square_map(attend(model, inputs, images)).numpy()
            measured[network, split] = measure_maps(maps, boxes[split], config, benchmark, resamples=0)
    parts = []
    for split in splits:
        trained, before = measured["trained", split], measured["untrained", split]
        frame = trained["energy"][["group", "images"]].assign(split=split)
        for name in ("pointing", "energy"):
            frame[name] = trained[name]["value"].round(5)
            frame[f"untrained_{name}"] = before[name]["value"].round(5)
            frame[f"chance_{name}"] = trained[name]["chance"].round(5)
        parts.append(frame)
    rows, settings = pd.concat(parts, ignore_index=True), varied_settings(config) | {"epochs": config.epochs}
    for column, name in enumerate(("dataset", "network", "class_split", "seed", "epochs", "method", "lam")):
        rows.insert(column, name, settings[name])
    device = environment(inputs.device)["device"]
    return rows.assign(T1=round(100 * final.rows[-1]["T1"], 2), seconds=round(final.seconds, 1), device=device)

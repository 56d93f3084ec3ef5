"""The configs of each experiment behind ``results/DATASET/{map,vectors,audit,...}.csv``."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from zslcore.config import RunConfig
from zslcore.errors import InputError
from zslcore.study.experiments.grid import run_grid
from zslcore.study.experiments.image_training import image_configs, image_row
from zslcore.study.experiments.pointing import pointing_configs, pointing_rows
from zslcore.study.experiments.protocol_audit import audit
from zslcore.study.experiments.rebalancing import gradient_row, map_configs, map_row, vector_configs
from zslcore.study.experiments.tuning import tuned_configs, tuned_row

FINE_TUNED = ("fine_tuned", "fine_tuned_224", "fine_tuned_attention")  # larger pictures, and another network
NAMES = (
    "map",
    "attention",
    *FINE_TUNED,
    "fine_tuned_rates",
    "vectors",
    "tuned",
    "gradients",
    "image_training",
    "pointing",
    "audit",
)
SEEDS = range(5)  # of the benchmark's own split; each random split has seed 0
LAMS = (0.25, 60.0, 600.0, 3000.0, 30000.0, np.inf)  # from the published value to regression alone
SCALES = (5.0, 10.0, 20.0)
KINDS = ("normalised", "centred", "standardised", "whitened")
RATES = (1e-3, 3e-3, 1e-2)  # learning rates of the fine-tuned backbone to choose from
# By T1 of cross entropy on the validation split; ``fine_tuned_224`` has the rate of ``fine_tuned``.
CHOSEN_RATES = {
    ("CUB100", "fine_tuned"): 3e-3,
    ("CUB100", "fine_tuned_attention"): 3e-3,
    ("SYNTH", "fine_tuned"): 1e-2,
    ("SYNTH", "fine_tuned_attention"): 1e-2,
}


def configs_of(name: str, dataset: str, splits: Sequence[int]) -> list[RunConfig]:
    """The configs of an experiment.

    Args:
        name: ``map`` (BasicNet on frozen features), ``attention`` (AttentionNet on frozen maps), ``fine_tuned``
            (EfficientNet-Lite0, learning rate chosen on the validation split for cross entropy alone),
            ``fine_tuned_224`` (at 224 px), ``fine_tuned_attention`` (with AttentionNet), ``fine_tuned_rates`` (the
            choices of learning rates, for seed 0), ``vectors`` (kinds of class vectors at several scales),
            ``tuned`` (equally many trials of scale, learning rate and lambda for each method, on random splits only),
            ``gradients`` (of the losses, after training with ReMSE), ``image_training`` (on labels of single images),
            ``pointing`` (attention of AttentionNet on the parts), or ``audit`` (of the protocols).
        dataset: name of a data set.
        splits: numbers of random class splits; all experiments except ``tuned`` also have the benchmark's own split.
    """
    if name == "map":
        random = map_configs(dataset, splits=splits, seeds=[0], lams=LAMS)
        return random + map_configs(dataset, splits=[0], seeds=SEEDS, lams=LAMS)
    if name == "attention":
        return _one_lambda(dataset, network="attention")
    if name in FINE_TUNED:
        return _one_lambda(dataset, **fine_tuning(name, dataset), lr=chosen_rate(name, dataset))
    if name == "fine_tuned_rates":
        configs = []
        for tuned in ("fine_tuned", "fine_tuned_attention"):
            base = RunConfig.study(dataset, method="cross_entropy", **fine_tuning(tuned, dataset)).replace(lam=0.0)
            configs.extend(base.replace(lr=rate) for rate in RATES)
        return configs
    if name == "vectors":
        random = vector_configs(dataset, splits=splits, seeds=[0], kinds=["normalised", "centred"], scales=SCALES)
        return random + vector_configs(dataset, splits=[0], seeds=SEEDS, kinds=KINDS, scales=SCALES)
    if name == "tuned":
        return tuned_configs(dataset, splits=splits)
    if name == "gradients":
        configs = map_configs(dataset, splits=[0], seeds=SEEDS, lams=[60.0])
        return [config for config in configs if config.loss == "remse"]
    if name == "image_training":
        return image_configs(dataset, seeds=SEEDS)
    if name == "pointing":
        return pointing_configs(dataset, seeds=SEEDS)
    if name == "audit":
        own = map_configs(dataset, splits=[0], seeds=SEEDS, lams=[])
        return own + map_configs(dataset, splits=splits, seeds=[0], lams=[])
    raise InputError(f"experiment must be one of {', '.join(NAMES)}, got {name!r}")


def fine_tuning(name: str, dataset: str) -> dict[str, object]:
    """Settings of a fine-tuned backbone except its learning rate; SYNTH has smaller and fewer pictures than others.

    Example:
        >>> fine_tuning("fine_tuned", "SYNTH")["image_size"]
        128
    """
    size, episodes = (128, 100) if dataset == "SYNTH" else (160, 250)
    if name == "fine_tuned_224":
        size = 224
    network = "attention" if name == "fine_tuned_attention" else "basic"
    steps = {"epochs": 4, "episodes": episodes, "lr_step": 3}
    return {"fine_tune": True, "standardize": False, "image_size": size, "network": network} | steps


def chosen_rate(name: str, dataset: str) -> float:
    """Learning rate of a fine-tuned backbone; 0.003 for data sets where none was chosen.

    Example:
        >>> chosen_rate("fine_tuned_224", "CUB100")
        0.003
    """
    tuned = "fine_tuned_attention" if name == "fine_tuned_attention" else "fine_tuned"
    return CHOSEN_RATES.get((dataset, tuned), 3e-3)


def _one_lambda(dataset: str, **changes: object) -> list[RunConfig]:
    """All methods at lambda 60, and centred class vectors, on the benchmark's own split."""
    centred = vector_configs(dataset, splits=[0], seeds=SEEDS, kinds=["centred"], scales=[20.0], **changes)
    return map_configs(dataset, splits=[0], seeds=SEEDS, lams=[60.0], **changes) + centred


def measure_of(name: str, gamma_from: str = "folds") -> Callable[[RunConfig], pd.DataFrame]:
    """The function that trains a config of an experiment, and returns its rows."""
    others = {"audit": audit, "gradients": gradient_row, "image_training": image_row, "pointing": pointing_rows}
    if name in others:
        return others[name]
    return partial(tuned_row if name == "tuned" else map_row, gamma_from=gamma_from)


def run_experiment(
    name: str,
    dataset: str,
    *,
    splits: int,
    output: Path,
    jobs: int = 1,
    device: str = "auto",
    gamma_from: str = "folds",
) -> pd.DataFrame:
    """Train what ``output/DATASET/NAME.csv`` lacks of an experiment, and return all its rows.

    Args:
        name: an experiment, see :func:`configs_of`.
        dataset: name of a data set.
        splits: number of random class splits.
        output: folder of the tables.
        jobs: number of processes, each with one thread.
        device: ``auto``, ``cpu`` or ``cuda``.
        gamma_from: see :func:`zslcore.study.experiments.rebalancing.map_row`. Experiments that choose
            no gamma ignore it.

    Raises:
        InputError: if the number of splits or jobs is too small, or if the table has rows whose gamma comes from
            elsewhere.
    """
    for what, value, least in (("splits", splits, 0), ("jobs", jobs, 1)):
        if value < least:
            raise InputError(f"{what} must be an integer of at least {least}, got {value}")
    configs = [config.replace(device=device) for config in configs_of(name, dataset, range(1, splits + 1))]
    file = output / dataset / f"{name}.csv"
    others = set(pd.read_csv(file).get("gamma_from", [])) - {gamma_from} if file.is_file() else set()
    if others:
        (other,) = others
        raise InputError(f"{file} holds rows with gamma from {other}: give --gamma-from {other}, or another --output")
    return run_grid(measure_of(name, gamma_from), configs, file, jobs=jobs)

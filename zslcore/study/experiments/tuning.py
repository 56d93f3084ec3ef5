"""Equal tuning budgets: each method has the same number of trials, and one is chosen on the validation classes."""

from collections.abc import Sequence

import pandas as pd

from zslcore.config import RunConfig
from zslcore.study.experiments.rebalancing import ARMS, map_row

SCALES = (5.0, 10.0, 20.0, 40.0)
RATES = (3e-3, 1e-2, 3e-2, 1e-1)
LAMS = (6.0, 30.0, 150.0)
METHODS = {"cross_entropy": {}, "centred": {"attribute_vectors": "centred"}, "mse": ARMS["mse"], "remse": ARMS["remse"]}


def tuned_configs(dataset: str, *, splits: Sequence[int]) -> list[RunConfig]:
    """Sixteen trials of each method on each class split: all pairs of a scale and a learning rate.

    A method with a regression loss has three lambdas as well. Each goes with five or six of the pairs, so that the
    number of trials stays the same. ReMSE has the loss value of the MSE (``equal_lambda``).

    Args:
        dataset: name of a data set.
        splits: numbers of random class splits; each has seed 0.

    Example:
        >>> configs = tuned_configs("SYNTH", splits=[1, 2])
        >>> len(configs), sorted({config.lam for config in configs if config.loss == "mse"})
        (128, [6.0, 30.0, 150.0])
    """
    base = RunConfig.study(dataset, method="cross_entropy").replace(lam=0.0)
    configs = []
    for split in splits:
        for changes in METHODS.values():
            for row, scale in enumerate(SCALES):
                for column, rate in enumerate(RATES):
                    config = base.replace(class_split=split, scale=scale, lr=rate, **changes)
                    if config.loss != "none":
                        config = config.replace(lam=LAMS[(row + column) % len(LAMS)])
                    configs.append(config)
    return configs


def tuned_row(config: RunConfig, *, gamma_from: str = "folds") -> pd.DataFrame:
    """A row of :func:`zslcore.study.experiments.rebalancing.map_row` with the learning rate ``lr``."""
    return map_row(config, gamma_from=gamma_from).assign(lr=config.lr)

"""Baselines of the literature, ESZSL and SAE: the choice of their options, and their rows in the tables."""

import itertools
import json

import pandas as pd

from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.tasks import fold_tasks
from zslcore.methods import BASELINES, display_name, study_baselines
from zslcore.study.results.tables import collect
from zslcore.training import fit_all
from zslcore.training.device import resolve_device
from zslcore.training.inputs.sources import load_inputs
from zslcore.training.protocols import validation_means
from zslcore.training.solve import solve

# Powers of ten around the scales of the matrices to which they are added. The largest eigenvalue is about 1e5 for
# standardised features, and about the number of classes for unit class vectors.
GRIDS = {
    "eszsl": {"gamma": [10.0**power for power in range(7)], "lam": [10.0**power for power in range(-3, 4)]},
    "sae": {"lam": [10.0**power for power in range(-5, 2)]},
}


def validate_baseline(dataset: str, method: str) -> pd.DataFrame:
    """Solve a baseline for every option of its grid on each fold of the seen classes, and evaluate it there.

    The test split is not used.

    Returns:
        A row for each combination of options, with the columns ``validation_T1`` and ``validation_H`` in percent, the
        means over the folds.
    """
    config = RunConfig.study(dataset, loss=BASELINES[method]["loss"])
    benchmark = load_benchmark(dataset)
    inputs = load_inputs(config, benchmark, resolve_device("auto"))
    tasks = fold_tasks(benchmark)
    rows = []
    for values in itertools.product(*GRIDS[method].values()):
        options = dict(zip(GRIDS[method], values, strict=True))
        settings = config.replace(loss_options=options)
        means = validation_means([solve(settings, benchmark, inputs, task).rows[-1] for task in tasks])
        rows.append(options | {"validation_T1": 100 * means["T1"], "validation_H": 100 * means["H"]})
    return pd.DataFrame(rows)


def best_options(frame: pd.DataFrame) -> dict[str, float]:
    """The options with the highest ``validation_H``; the first of equals.

    Example:
        >>> frame = pd.DataFrame({"lam": [0.1, 1.0, 10.0], "validation_H": [40.0, 42.0, 42.0]})
        >>> best_options(frame.assign(validation_T1=50.0))
        {'lam': 1.0}
    """
    return frame.drop(columns=["validation_T1", "validation_H"]).loc[frame["validation_H"].idxmax()].to_dict()


def with_baselines(results: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Add the rows of the baselines to results, below the other methods of each protocol.

    Missing runs are solved first. A data set for which no options were chosen has no baselines.
    """
    configs = [RunConfig.study(dataset, method=method) for method in study_baselines(dataset)]
    if not configs:
        return results
    both = pd.concat([results, collect(fit_all(configs))])
    return both.sort_values("protocol", kind="stable", ignore_index=True)


def print_choice(dataset: str) -> None:
    """Print the validation accuracies of all options, the best ones, and how a run uses them."""
    for method in BASELINES:
        frame = validate_baseline(dataset, method)
        options = best_options(frame)
        table = frame.set_index(list(options))["validation_H"].round(1)
        print(f"{display_name(method)}: H of {dataset}, mean over the folds, in percent")
        print((table.unstack() if len(options) > 1 else table.to_frame().T).to_string())
        for name, value in options.items():
            if value in (GRIDS[method][name][0], GRIDS[method][name][-1]):
                print(f"The best {name} is at the edge of its grid.")
        print(f"zslcore train --dataset {dataset} -s loss {method} -s loss_options '{json.dumps(options)}'\n")

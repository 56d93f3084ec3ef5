"""The effect of ReMSE on plain multi-output regression: test errors of each group and output, on four data sets.

``python -m zslcore.study.experiments.regression`` writes ``results/regression/errors.csv``. ``make figures`` then
writes the tables of ``docs/other_models.md`` from it.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int

from zslcore._io.extras import require
from zslcore._io.writing import new_file
from zslcore.analysis import t_interval, theil_index
from zslcore.errors import InputError
from zslcore.losses.controls import at_equal_loss, control_weights
from zslcore.study.checkout import root

DATASETS = {
    "digits": "Digits: the lower half of a picture from the upper half; groups are the ten digits",
    "breast_cancer": "Breast cancer: the largest measurements of a tumour from the mean ones; groups are the diagnoses",
    "generated": "Generated: a linear relation, and noise that differs between five groups and between outputs",
    "solar_flares": "Solar flares: how many of three kinds a region of the Sun has in a day; groups are Zurich classes",
}
MODELS = {"linear": "linear", "network": "network"}
METHODS = {  # name: p, p2, whether the weights are permuted over the cells
    "MSE": (0, 0, False),
    "ReMSE, p = 1": (1, 0, False),
    "permuted, p = 1": (1, 0, True),
    "ReMSE, p2 = 1": (0, 1, False),
    "permuted, p2 = 1": (0, 1, True),
    "ReMSE, p = p2 = 1": (1, 1, False),
    "permuted, p = p2 = 1": (1, 1, True),
}
MEASURES = {"mean": "mean", "p99": "99th percentile", "worst": "worst output", "theil": "Theil index"}
SPLITS, TEST = 10, 0.25  # number of random splits, share of test rows

Arrays = tuple[Float[np.ndarray, "n D"], Float[np.ndarray, "n A"], Int[np.ndarray, " n"]]


def load(name: str) -> Arrays:
    """Inputs, outputs and groups of a data set that scikit-learn or river bundles or generates.

    Outputs of ``digits`` are grey levels from 0 to 16, those of ``solar_flares`` are counts. All other columns have
    standard deviation 1.
    """
    from sklearn.datasets import load_breast_cancer, load_digits, make_regression

    if name == "digits":
        data = load_digits()
        outputs = data.data[:, 32:]
        return data.data[:, :32], outputs[:, outputs.std(0) > 0], data.target  # the outer columns are always empty
    if name == "breast_cancer":
        data = load_breast_cancer()
        values = data.data / data.data.std(0)
        return values[:, :10], values[:, 20:], data.target
    if name == "solar_flares":
        from river.datasets import SolarFlare

        regions, flares = (pd.DataFrame(rows) for rows in zip(*SolarFlare()))
        inputs = pd.get_dummies(regions, dtype=float).to_numpy()
        inputs = inputs[:, inputs.std(0) > 0]
        return inputs / inputs.std(0), flares.to_numpy(float), pd.factorize(regions["zurich-class"], sort=True)[0]
    rng = np.random.default_rng(0)
    inputs, outputs = make_regression(2000, 20, n_informative=15, n_targets=8, random_state=0)
    groups = rng.integers(5, size=len(inputs))
    noise = np.exp(rng.normal(size=(5, 8)))  # standard deviation in each cell
    outputs = outputs / outputs.std(0) + 0.5 * noise[groups] * rng.normal(size=outputs.shape)
    return inputs, outputs / outputs.std(0), groups


def measure(dataset: str, model: str, method: str, split: int) -> dict[str, float]:
    """Mean, 99th percentile, worst output and Theil index of the test errors after one fit.

    A cell is a group and an output; its error is the mean squared error of the test rows of the group. The worst output
    is the one with the largest mean over the groups.
    """
    from sklearn.model_selection import train_test_split

    inputs, outputs, groups = load(dataset)
    train, test = train_test_split(np.arange(len(inputs)), test_size=TEST, stratify=groups, random_state=split)
    regressor = _regressor(model, method, split)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # networks train for a fixed number of steps
        regressor.fit(inputs[train], outputs[train], groups=groups[train])
    squared = (regressor.predict(inputs[test]) - outputs[test]) ** 2
    cells = np.stack([squared[groups[test] == group].mean(0) for group in np.unique(groups)])
    worst = cells.mean(0).max()
    return {"mean": cells.mean(), "p99": np.quantile(cells, 0.99), "worst": worst, "theil": theil_index(cells)}


def _regressor(model: str, method: str, seed: int) -> object:
    """An unfitted ReMSERegressor; the control has the same weights on other cells, at an equal loss."""
    from zslcore.sklearn import ReMSERegressor

    class Permuted(ReMSERegressor):
        def _weights(self, errors: torch.Tensor, cells: object) -> torch.Tensor:
            weights = super()._weights(errors, cells)
            generator = torch.Generator().manual_seed(seed)  # the same permutation in each update
            permuted = control_weights(weights, cells.size > 0, "permuted", generator)
            return at_equal_loss(permuted, weights, errors, cells.size[:, None].expand_as(errors))

    p, p2, permuted = METHODS[method]
    kind = Permuted if permuted else ReMSERegressor
    if model == "linear":
        return kind(p=p, p2=p2)
    return kind(p=p, p2=p2, hidden=32, alpha=30.0, max_iter=300, tol=0, random_state=seed)


def experiment() -> pd.DataFrame:
    """Measures of all data sets, models, methods and splits, one row each."""
    require("regression", "sklearn", "river")
    torch.set_num_threads(1)
    rows = []
    for dataset in DATASETS:
        for model in MODELS:
            for split in range(SPLITS):
                for method in METHODS:
                    values = measure(dataset, model, method, split)
                    rows.append({"dataset": dataset, "model": model, "method": method, "split": split, **values})
    return pd.DataFrame(rows)


def changes(errors: pd.DataFrame) -> pd.DataFrame:
    """Change of each measure against the MSE of the same split, in percent, with 95 % intervals over the splits.

    The intervals are about new rows: they are wider because splits share rows, see :func:`zslcore.analysis.t_interval`.
    """
    keys = ["dataset", "model", "method"]
    plain = errors[errors["method"] == "MSE"].set_index(["dataset", "model", "split"])
    rows = []
    for key, group in errors[errors["method"] != "MSE"].groupby(keys, sort=False):
        for name in MEASURES:
            values = group.set_index(["dataset", "model", "split"])[name]
            change = 100 * (values / plain.loc[values.index, name] - 1)
            rows.append((*key, name, change.mean(), *t_interval(change, test_share=TEST)))
    return pd.DataFrame(rows, columns=[*keys, "measure", "change", "low", "high"])


def main(argv: Sequence[str] | None = None) -> Path:
    """Run the experiment and write its table."""
    prog = "python -m zslcore.study.experiments.regression"
    argparse.ArgumentParser(prog=prog, description=__doc__.split("\n")[0]).parse_args(argv)
    path = root() / "results" / "regression" / "errors.csv"
    with new_file(path) as partial:
        experiment().to_csv(partial, index=False, float_format="%.6g")
    return path


if __name__ == "__main__":
    try:
        print(main())
    except InputError as error:
        print(f"zslcore: {error}", file=sys.stderr)
        sys.exit(2)

"""Tables of results: run folders -> one row per run and protocol -> mean and spread over seeds.

Accuracies are in percent here, as the field prints them; run folders hold them as shares in [0, 1].
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from zslcore.analysis import t_interval
from zslcore.config import RunConfig, run_name
from zslcore.errors import InputError
from zslcore.methods import LOSS_NAMES, METHOD_NAMES
from zslcore.training import Run

ACCURACIES = ["T1", "U", "S", "H", "AUSUC"]
KEYS = ["dataset", "backbone", "network", "method", "protocol"]

# Ye et al., "Rebalanced Zero-shot Learning", IEEE TIP 2023: ResNet-101 fine-tuned at 448 px, AttentionNet + ReMSE
PUBLISHED = pd.DataFrame(
    [("CUB", 80.9, 72.8, 74.8, 73.8), ("AWA2", 70.9, 63.8, 85.6, 73.1), ("SUN", 63.2, 47.4, 34.8, 40.1)],
    columns=["dataset", "T1", "U", "S", "H"],
)

# What tables to be read call the columns of a results table; the others go by their own names.
COLUMN_NAMES = {
    "lam": "λ",
    "effective_lambda": "effective λ",
    "validation_H": "H, validation",
    "test_seen_mean": "mean error, seen",
    "test_seen_theil": "Theil index, seen",
}


def find_runs(root: Path | str) -> list[Path]:
    """All complete run folders below ``root``, sorted by name; temporary folders of unfinished runs are left out.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> for name in ("SYNTH/remse-seed0", "SYNTH/.partial-mse-seed0"):
    ...     (root / name).mkdir(parents=True)
    ...     (root / name / "metrics.json").touch()
    >>> [folder.name for folder in find_runs(root)]
    ['remse-seed0']
    """
    root = Path(root)
    folders = (file.parent for file in root.rglob("metrics.json"))
    return sorted(
        folder for folder in folders if not any(part.startswith(".") for part in folder.relative_to(root).parts)
    )


def collect(folders: Iterable[Path]) -> pd.DataFrame:
    """One row per run and protocol: settings that identify it, accuracies in percent, error statistics, cost.

    Rows are sorted by data set, backbone, network, protocol, method (:data:`METHOD_NAMES` first, in their order),
    lambda and seed. Raises InputError when there is no run, and for a folder that is not one.

    >>> import json, tempfile
    >>> clean = {"T1": 0.5, "U": 0.25, "S": 0.75, "H": 0.375, "AUSUC": 0.2, "gamma": 1.0, "epoch": 3}
    >>> metrics = {"protocols": {"clean": clean}, "validation": {"H": 0.4}, "errors": {"test_seen": {"gini": 0.3}}}
    >>> metrics |= {"dataset": {"fingerprint": "0123456789abcdef"}, "effective_lambda": 2.5, "cost": {"seconds": 60.0}}
    >>> metrics |= {"environment": {"device": "cpu", "torch": "2.11.0"}}
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "metrics.json").write_text(json.dumps(metrics))
    >>> _ = (folder / "config.json").write_text(json.dumps(RunConfig.study("SYNTH", method="remse").to_dict()))
    >>> _ = (folder / "history.csv").write_text("epoch,task")
    >>> collect([folder])[["method", "seed", "protocol", "H", "test_seen_gini"]].values.tolist()
    [['+ ReMSE', 0, 'clean', 37.5, 0.3]]
    """
    rows = []
    for folder in folders:
        run = Run.load(folder)
        for protocol, values in run.metrics["protocols"].items():
            rows.append(_row(run, protocol, values))
    if not rows:
        raise InputError("no finished run was found; 'make study' or 'zslcore run 04_train' makes some")
    frame = pd.DataFrame(rows)
    order = {name: position for position, name in enumerate([*METHOD_NAMES.values(), *LOSS_NAMES.values()])}
    keys = ["dataset", "backbone", "network", "protocol", "method", "lam", "seed"]
    return frame.sort_values(
        keys, key=lambda column: column.map(order) if column.name == "method" else column
    ).reset_index(drop=True)


def _row(run: Run, protocol: str, values: dict) -> dict:
    config, errors, effective = run.config, run.metrics["errors"], run.metrics["effective_lambda"]
    row = {
        "dataset": config.dataset,
        "backbone": config.backbone,
        "network": config.network,
        "method": method_name(config),
        "scale": config.scale,
        "lam": 0.0 if config.loss == "none" else config.lam,
        "p": config.p if config.loss.startswith("remse") else 0.0,
        "p2": config.p2 if config.loss.startswith("remse") else 0.0,
        "effective_lambda": float("nan") if effective is None else round(effective, 4),
        "seed": config.seed,
        "protocol": protocol,
    }
    row |= {name: round(100 * values[name], 2) for name in ACCURACIES}
    row |= {"gamma": round(values["gamma"], 4), "epoch": values["epoch"]}
    row["validation_H"] = round(100 * run.metrics["validation"]["H"], 2)
    for split, statistics in errors.items():
        known = {name: float("nan") if value is None else round(value, 6) for name, value in statistics.items()}
        row |= {f"{split}_{name}": value for name, value in known.items()}
    environment = run.metrics["environment"]
    return row | {
        "seconds": round(run.metrics["cost"]["seconds"], 1),
        "device": environment["device"],
        "torch": environment["torch"],
        "fingerprint": run.metrics["dataset"]["fingerprint"],
    }


def method_name(config: RunConfig) -> str:
    """The method of a run as tables and figures call it; a run of other settings goes by its loss.

    >>> method_name(RunConfig.study("SYNTH", method="mse_matched"))
    '+ MSE, matched λ'
    """
    method = run_name(config).rsplit("-seed", 1)[0]
    return (METHOD_NAMES | LOSS_NAMES)["cross_entropy" if method == "none" else method]


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with :data:`COLUMN_NAMES` for its columns, and for the measures in its index; the values stay.

    >>> readable(pd.DataFrame({"lam": [1.0]}, index=["test_seen_theil"]))
                         λ
    Theil index, seen  1.0
    """
    return frame.rename(columns=COLUMN_NAMES, index=COLUMN_NAMES)


def choose_lambda(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each method, the rows of the lambda with the highest mean ``validation_H``, the smallest of equals.

    ``frame`` holds one data set; no test accuracy is looked at.

    >>> rows = [("a", 1.0, 60.0), ("a", 10.0, 62.0), ("b", 1.0, 61.0)]
    >>> choose_lambda(pd.DataFrame(rows, columns=["method", "lam", "validation_H"]))["lam"].tolist()
    [10.0, 1.0]
    """
    means = frame.groupby(["method", "lam"])["validation_H"].mean()
    best = means.groupby("method").idxmax()
    return frame[[pair in set(best) for pair in zip(frame["method"], frame["lam"])]]


def summarise(frame: pd.DataFrame, values: Iterable[str] = ACCURACIES) -> pd.DataFrame:
    """Mean, standard deviation (n - 1; NaN for one run) and number of runs, per dataset, method, lambda and protocol.

    Columns are pairs (value, "mean" | "std"), and ("runs", ""). Raises InputError for two runs of one seed in a group:
    they differ in what the grouping does not see, and their spread is not one of seeds.

    >>> frame = pd.DataFrame({key: ["x", "x"] for key in KEYS} | {"lam": [1.0, 1.0], "H": [60.0, 62.0]})
    >>> summarise(frame, ["H"])["H"].round(3).to_dict("records")
    [{'mean': 61.0, 'std': 1.414}]
    """
    values = list(values)
    _check_seeds(frame, [*KEYS, "lam"])
    groups = frame.groupby([*KEYS, "lam"], sort=False)
    summary = groups[values].agg(["mean", "std"])
    summary["runs", ""] = groups.size()
    return summary


def as_table(frame: pd.DataFrame, values: Iterable[str] = ACCURACIES) -> pd.DataFrame:
    """A table to read: ``mean ± standard deviation`` over the seeds, one decimal, one row per method and protocol.

    >>> frame = pd.DataFrame({key: ["x", "x"] for key in KEYS} | {"lam": [1.0, 1.0], "H": [60.0, 62.0]})
    >>> as_table(frame, ["H"])["H"].item()
    '61.0 ± 1.4'
    """
    values = list(values)
    summary = summarise(frame, values)
    table = pd.DataFrame(index=summary.index)
    for value in values:
        mean, std = summary[value, "mean"], summary[value, "std"]
        spread = std.map(lambda number: "" if pd.isna(number) else f" ± {number:.1f}")
        table[value] = mean.map("{:.1f}".format) + spread
    table["runs"] = summary["runs", ""]
    return table.reset_index()


def paired_differences(frame: pd.DataFrame, method: str, baseline: str, value: str = "H") -> pd.Series:
    """``method`` minus ``baseline`` for each seed that both have run; index: the seeds.

    Runs of one seed share initialisation and episodes, so their difference varies less than their values. ``frame``
    holds one data set and one protocol. Raises InputError when a method has no run or the two share no seed.

    >>> frame = pd.DataFrame({"method": ["a", "b"], "seed": [0, 0], "H": [60.0, 61.5]})
    >>> paired_differences(frame, "b", "a").to_dict()
    {0: 1.5}
    """
    _check_seeds(frame, ["method"])
    values = frame.pivot(index="seed", columns="method", values=value)
    for name in (method, baseline):
        if name not in values:
            raise InputError(f"method must be one of {', '.join(values)}, got {name!r}")
    difference = (values[method] - values[baseline]).dropna()
    if difference.empty:
        raise InputError(f"{method!r} and {baseline!r} must share a seed, and share none")
    return difference.rename("difference")


def _check_seeds(frame: pd.DataFrame, keys: list[str]) -> None:
    """InputError when two rows share a seed and the keys: they differ in something else, and are not repetitions."""
    repeated = frame[frame.duplicated([*keys, "seed"])] if "seed" in frame else frame[:0]
    if len(repeated):
        method, seed = repeated.iloc[0][["method", "seed"]]
        raise InputError(
            f"results must hold one run a seed of each method, got two of {method} with seed {seed}: "
            "choose one protocol and one group of settings first"
        )


def compare(frame: pd.DataFrame, method: str, values: Iterable[str], *, confidence: float = 0.95) -> pd.DataFrame:
    """``method`` against every other method of a frame: mean paired difference, its t-interval and a verdict.

    ``frame`` holds one data set and one protocol; differences are in the unit of ``values``. The verdict is "higher" or
    "lower" when the interval leaves out 0, else "not shown"; one seed gives no interval, and so shows nothing. Not
    corrected for many comparisons. Raises InputError without another method, and as :func:`paired_differences` does.

    >>> frame = pd.DataFrame({"method": ["a"] * 3 + ["b"] * 3, "seed": [0, 1, 2] * 2, "H": [60, 65, 70, 61, 67, 71.0]})
    >>> compare(frame, "b", ["H"]).round(2).reset_index().values.tolist()  # the seeds differ by 5, b and a by 1 or 2
    [['H', 'a', 1.33, -0.1, 2.77, 'not shown']]
    """
    baselines = [name for name in dict.fromkeys(frame["method"]) if name != method]
    if not baselines:
        raise InputError(f"results must hold another method than {method!r} to compare it with")
    rows = []
    for value in values:
        for baseline in baselines:
            difference = paired_differences(frame, method, baseline, value)
            low, high = t_interval(difference, confidence=confidence)
            verdict = "higher" if low > 0 else "lower" if high < 0 else "not shown"
            row = {"measure": value, "against": baseline, "difference": difference.mean(), "low": low, "high": high}
            rows.append(row | {"verdict": verdict})
    return pd.DataFrame(rows).set_index(["measure", "against"])

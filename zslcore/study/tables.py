"""Tables of results: run folders -> one row per run and protocol -> mean and spread over seeds.

Accuracies are in percent here, as in published tables; run folders hold them as shares in [0, 1]. Frames hold the keys
of methods and measures; :func:`readable` replaces them by display names.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from zslcore.analysis import t_interval, verdict
from zslcore.config import RunConfig
from zslcore.errors import InputError
from zslcore.identity import run_name
from zslcore.losses.factory import CRITERIA
from zslcore.methods import DISPLAY_NAMES, METHODS, SAME_TARGETS, display_name
from zslcore.plots.style import measure_name
from zslcore.training import Run

ACCURACIES = ["T1", "U", "S", "H", "AUSUC"]
KEYS = ["dataset", "backbone", "network", "method", "protocol"]

# Ye et al., "Rebalanced Zero-shot Learning", IEEE TIP 2023: ResNet-101 fine-tuned at 448 px, AttentionNet + ReMSE
PUBLISHED = pd.DataFrame(
    [("CUB", 80.9, 72.8, 74.8, 73.8), ("AWA2", 70.9, 63.8, 85.6, 73.1), ("SUN", 63.2, 47.4, 34.8, 40.1)],
    columns=["dataset", "T1", "U", "S", "H"],
)


def find_runs(root: Path | str) -> list[Path]:
    """Find all complete run folders below ``root``, sorted by name; hidden folders are skipped.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("SYNTH/remse-seed0", "SYNTH/.partial-mse-seed0"):
        ...     (root / name).mkdir(parents=True)
        ...     (root / name / "metrics.json").touch()
        >>> [folder.name for folder in find_runs(root)]
        ['remse-seed0']
    """
    found = []
    for file in Path(root).rglob("metrics.json"):
        if not any(part.startswith(".") for part in file.relative_to(root).parts):
            found.append(file.parent)
    return sorted(found)


def collect(folders: Iterable[Path]) -> pd.DataFrame:
    """Read runs into a frame with one row per run and protocol: settings, accuracies, error statistics and cost.

    Args:
        folders: run folders.

    Returns:
        Accuracies in percent. Rows are sorted by data set, backbone, network, protocol, method (in the order of
        :data:`zslcore.methods.DISPLAY_NAMES`), lambda and seed.

    Raises:
        InputError: if there is no run, for a folder that is not a run, or if runs of a data set were trained on other
            pictures, features, weights or word vectors under the same names.

    Example:
        >>> import json, tempfile
        >>> clean = {"T1": 0.5, "U": 0.25, "S": 0.75, "H": 0.375, "AUSUC": 0.2, "gamma": 1.0, "epoch": 3}
        >>> metrics = {"protocols": {"clean": clean}, "validation": {"H": 0.4}, "errors": {"test_seen": {"gini": 0.3}}}
        >>> metrics |= {"dataset": {"fingerprint": "01234567"}, "effective_lambda": 2.5, "cost": {"seconds": 60.0}}
        >>> metrics |= {"environment": {"device": "cpu", "torch": "2.11.0"}}
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "metrics.json").write_text(json.dumps(metrics))
        >>> _ = (folder / "config.json").write_text(json.dumps(RunConfig.study("SYNTH", method="remse").to_dict()))
        >>> _ = (folder / "history.csv").write_text("epoch,task")
        >>> collect([folder])[["method", "seed", "protocol", "H", "test_seen_gini"]].values.tolist()
        [['remse', 0, 'clean', 37.5, 0.3]]
    """
    rows, seen = [], {}
    for folder in folders:
        run = Run.load(folder)
        _check_contents(run, seen)
        for protocol, values in run.metrics["protocols"].items():
            rows.append(_row(run, protocol, values))
    if not rows:
        raise InputError("no finished run was found; 'make study' or 'zslcore run 04_train' makes some")
    order = {key: position for position, key in enumerate(DISPLAY_NAMES)}
    keys = ["dataset", "backbone", "network", "protocol", "method", "lam", "seed"]
    return (
        pd.DataFrame(rows)
        .sort_values(keys, key=lambda column: column.map(order) if column.name == "method" else column)
        .reset_index(drop=True)
    )


def _check_contents(run: Run, seen: dict[tuple[str, ...], tuple[str, Path]]) -> None:
    """Raise InputError if a run read other contents than those ``seen`` before under the same name; add its own."""
    config = run.config
    settings = {"features": config.backbone, "weights": config.weights, "word_vectors": config.word_vectors}
    for name, digest in run.metrics.get("contents", {}).items():
        first, folder = seen.setdefault((config.dataset, name, settings.get(name, "")), (digest, run.folder))
        if digest != first:
            what = f"content of {name} of {config.dataset}"
            raise InputError(f"{folder} and {run.folder} differ in the {what}, so one table cannot hold both")


def _row(run: Run, protocol: str, values: dict) -> dict:
    config, effective = run.config, run.metrics["effective_lambda"]
    row = {
        "dataset": config.dataset,
        "backbone": config.backbone,
        "network": config.network,
        "method": method_key(config),
        "scale": config.scale,
        "lam": config.lam if config.loss in CRITERIA else 0.0,
        "p": config.p if config.loss.startswith("remse") else 0.0,
        "p2": config.p2 if config.loss.startswith("remse") else 0.0,
        "effective_lambda": float("nan") if effective is None else round(effective, 4),
        "seed": config.seed,
        "protocol": protocol,
    }
    for name in ACCURACIES:
        row[name] = float("nan") if values[name] is None else round(100 * values[name], 2)
    row["gamma"] = float("nan") if values["gamma"] is None else round(values["gamma"], 4)
    row["epoch"] = values["epoch"]
    row["validation_H"] = round(100 * run.metrics["validation"]["H"], 2)
    for split, statistics in run.metrics["errors"].items():
        for name, value in statistics.items():
            row[f"{split}_{name}"] = float("nan") if value is None else round(value, 6)
    row["seconds"] = round(run.metrics["cost"]["seconds"], 1)
    row["device"] = run.metrics["environment"]["device"]
    row["torch"] = run.metrics["environment"]["torch"]
    row["fingerprint"] = run.metrics["dataset"]["fingerprint"]
    return row


def method_key(config: RunConfig) -> str:
    """Key of a run's method; for a run that is not one of the study's, the name of its loss.

    Example:
        >>> method_key(RunConfig.study("SYNTH", method="mse_matched")), method_key(RunConfig(dataset="SYNTH", lr=0.5))
        ('mse_matched', 'remse')
    """
    method = run_name(config).rsplit("-seed", 1)[0]
    return "cross_entropy" if method == "none" else method


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace the keys of methods and measures by their display names, in columns, index and method columns.

    Example:
        >>> readable(pd.DataFrame({"method": ["mse"], "lam": [1.0]})).to_dict("records")
        [{'method': '+ MSE', 'λ': 1.0}]
    """
    frame = frame.rename(columns=_shown, index=_shown)
    for column in ("method", "against", "measure"):
        if column in frame:
            frame[column] = frame[column].map(_shown)
    return frame


def _shown(key: object) -> object:
    return measure_name(key) if isinstance(key, str) else key


def choose_lambda(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep, for each method, the rows of the lambda with the highest mean ``validation_H``; the smallest of equals.

    ``frame`` holds one data set. No test accuracy is used.

    Example:
        >>> rows = [("a", 1.0, 60.0), ("a", 10.0, 62.0), ("b", 1.0, 61.0)]
        >>> choose_lambda(pd.DataFrame(rows, columns=["method", "lam", "validation_H"]))["lam"].tolist()
        [10.0, 1.0]
    """
    means = frame.groupby(["method", "lam"])["validation_H"].mean()
    best = means.groupby("method").idxmax()
    return frame[[pair in set(best) for pair in zip(frame["method"], frame["lam"])]]


def reported(frame: pd.DataFrame, values: Iterable[str] = ACCURACIES) -> list[str]:
    """The values that some row of a frame has a number for.

    Example:
        >>> reported(pd.DataFrame({"T1": [60.0], "H": [float("nan")]}), ["T1", "H"])
        ['T1']
    """
    return [value for value in values if frame[value].notna().any()]


def absence_sentence(frame: pd.DataFrame) -> str:
    """Why a frame of one data set reports T1 alone; empty if it reports more.

    Example:
        >>> row = {"dataset": "MINE", "T1": 60.0} | dict.fromkeys(["U", "S", "H", "AUSUC"], float("nan"))
        >>> absence_sentence(pd.DataFrame([row]))
        'MINE has no test images of seen classes (test_seen_loc), so T1 is reported, and no U, S, H or AUSUC.'
    """
    if reported(frame) != ["T1"]:
        return ""
    reason = f"{frame['dataset'].iloc[0]} has no test images of seen classes (test_seen_loc)"
    return f"{reason}, so T1 is reported, and no U, S, H or AUSUC."


def summarise(frame: pd.DataFrame, values: Iterable[str] = ACCURACIES) -> pd.DataFrame:
    """Mean, standard deviation (n - 1; NaN for one run) and number of runs, per data set, method, lambda and protocol.

    Returns:
        Columns are pairs (value, "mean" | "std"), and ("runs", "").

    Raises:
        InputError: if two runs of a group have the same seed: they differ in a setting that is not grouped by.

    Example:
        >>> frame = pd.DataFrame({key: ["x", "x"] for key in KEYS} | {"lam": [1.0, 1.0], "H": [60.0, 62.0]})
        >>> summarise(frame, ["H"])["H"].round(3).to_dict("records")
        [{'mean': 61.0, 'std': 1.414}]
    """
    _check_seeds(frame, [*KEYS, "lam"])
    groups = frame.groupby([*KEYS, "lam"], sort=False)
    summary = groups[list(values)].agg(["mean", "std"])
    summary["runs", ""] = groups.size()
    return summary


def as_table(frame: pd.DataFrame, values: Iterable[str] = ACCURACIES) -> pd.DataFrame:
    """Format ``mean ± standard deviation`` over the seeds with one decimal; one row per method and protocol.

    A value that no row has a number for has no column.

    Example:
        >>> frame = pd.DataFrame({key: ["x", "x"] for key in KEYS} | {"lam": [1.0, 1.0], "H": [60.0, 62.0]})
        >>> as_table(frame, ["H"])["H"].item()
        '61.0 ± 1.4'
    """
    values = reported(frame, values)
    summary = summarise(frame, values)
    table = pd.DataFrame(index=summary.index)
    for value in values:
        spread = summary[value, "std"].map(lambda number: "" if pd.isna(number) else f" ± {number:.1f}")
        mean = summary[value, "mean"].map(lambda number: "–" if pd.isna(number) else f"{number:.1f}")
        table[value] = mean + spread
    table["runs"] = summary["runs", ""]
    return table.reset_index()


def paired_differences(frame: pd.DataFrame, method: str, baseline: str, value: str = "H") -> pd.Series:
    """``method`` minus ``baseline`` for each seed that both have run.

    Runs with the same seed share initialisation and episodes, so their difference varies less than their values.

    Args:
        frame: one data set and one protocol.
        method: key of the method.
        baseline: key of the method to compare with.
        value: column to compare.

    Returns:
        One difference per seed; the index holds the seeds.

    Raises:
        InputError: if a method has no run, or the two share no seed.

    Example:
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
        raise InputError(f"{method!r} and {baseline!r} have no seed in common")
    return difference.rename("difference")


def _check_seeds(frame: pd.DataFrame, keys: list[str]) -> None:
    """InputError if two rows share a seed and the keys: they are not repetitions."""
    repeated = frame[frame.duplicated([*keys, "seed"])] if "seed" in frame else frame[:0]
    if len(repeated):
        method, seed = repeated.iloc[0][["method", "seed"]]
        raise InputError(
            f"results must hold one run per method and seed, got two of {method} with seed {seed}: "
            "select one protocol and one group of settings first"
        )


def compare(frame: pd.DataFrame, method: str, values: Iterable[str], *, confidence: float = 0.95) -> pd.DataFrame:
    """Compare ``method`` with every other method of a frame, by paired differences over the seeds.

    Errors are not compared with those of a method that has other class vectors as targets.

    Args:
        frame: one data set and one protocol.
        method: key of the method.
        values: columns to compare; accuracies are better if higher, everything else (errors) if lower.
        confidence: level of the t-intervals, which are not corrected for their number.

    Returns:
        A row per value and other method, indexed by ``measure`` and ``against``: the ``claim`` that the method is
        better, the mean ``difference`` in the unit of the value, ``low``, ``high``, and the ``verdict`` on the claim.

    Raises:
        InputError: if there is no other method, or as :func:`paired_differences`.

    Example:
        >>> columns = {"method": ["a"] * 3 + ["b"] * 3, "seed": [0, 1, 2] * 2, "H": [60, 65, 70, 61, 67, 71.0]}
        >>> compare(pd.DataFrame(columns), "b", ["H"]).round(2).values.tolist()
        [['b has a higher H than a', 1.33, -0.1, 2.77, 'inconclusive']]
    """
    baselines = [name for name in dict.fromkeys(frame["method"]) if name != method]
    if not baselines:
        raise InputError(f"results must hold another method than {method!r} to compare it with")
    rows = []
    for value in values:
        for baseline in baselines:
            if not higher_is_better(value) and baseline in METHODS and baseline not in SAME_TARGETS:
                continue  # its errors are distances from other class vectors
            difference = paired_differences(frame, method, baseline, value)
            low, high = t_interval(difference, confidence=confidence)
            claim = comparison_claim(display_name(method), display_name(baseline), value)
            told = verdict(low, high) if higher_is_better(value) else verdict(-high, -low)
            rows.append((value, baseline, claim, difference.mean(), low, high, told))
    columns = ["measure", "against", "claim", "difference", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index(["measure", "against"])


def higher_is_better(measure: str) -> bool:
    """Whether a measure is an accuracy or one of attention; all others are errors, or measures of their unevenness."""
    return measure in (*ACCURACIES, "validation_H") or measure.endswith(("_pointing", "_energy"))


def comparison_claim(method: str, baseline: str, measure: str) -> str:
    """The claim that a method is better than a baseline, both by display name.

    Example:
        >>> comparison_claim("+ ReMSE", "+ MSE", "test_seen_theil")
        '+ ReMSE has a lower Theil index on seen classes than + MSE'
    """
    wanted = "higher" if higher_is_better(measure) else "lower"
    return f"{method} has a {wanted} {measure_name(measure).replace(', ', ' on ')} than {baseline}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that ends with a line break."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

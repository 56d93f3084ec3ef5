"""Run folders -> a frame with one row per run and protocol. Accuracies are in percent."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from zslcore.config import RunConfig
from zslcore.criteria import CRITERIA
from zslcore.errors import InputError
from zslcore.methods import DISPLAY_NAMES
from zslcore.training import Run
from zslcore.training.identity import run_name

ACCURACIES = ["T1", "U", "S", "H", "AUSUC"]


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
        >>> from zslcore._io.hashes import note_hashes
        >>> clean = {"T1": 0.5, "U": 0.25, "S": 0.75, "H": 0.375, "AUSUC": 0.2, "gamma": 1.0, "epoch": 3}
        >>> metrics = {"protocols": {"clean": clean}, "validation": {"H": 0.4}, "errors": {"test_seen": {"gini": 0.3}}}
        >>> metrics |= {"dataset": {"fingerprint": "01234567"}, "effective_lambda": 2.5, "cost": {"seconds": 60.0}}
        >>> metrics |= {"environment": {"device": "cpu", "torch": "2.11.0"}, "contents": {}}
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "metrics.json").write_text(json.dumps(metrics))
        >>> _ = (folder / "config.json").write_text(json.dumps(RunConfig.study("SYNTH", method="remse").to_dict()))
        >>> _ = (folder / "history.csv").write_text("epoch,task")
        >>> note_hashes(folder)
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
    for name, digest in run.metrics["contents"].items():
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

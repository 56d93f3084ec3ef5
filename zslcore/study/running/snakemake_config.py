"""The values of ``snakemake --config`` for a study."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from zslcore._io.locations import check_dataset_name, check_folder, data_root, runs_root, user_path
from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError
from zslcore.layout import ARCHIVE
from zslcore.methods import MAX_SEEDS, study_methods
from zslcore.settings import chosen_settings

KEYS = ("dataset", "seeds", "runs", "report")


class StudyConfig(NamedTuple):
    """Data sets, number of seeds, folder of the run folders, and folder of notebooks, tables and books."""

    datasets: list[str]
    seeds: int
    runs: Path
    report: Path


def study_config(config: Mapping[str, Any]) -> StudyConfig:
    """Check the values of ``--config``; InputError for a misspelt key or a value that means no study.

    Example:
        >>> study_config({"dataset": "SYNTH, CUB100,SYNTH", "seeds": 5})[:2]
        (['SYNTH', 'CUB100'], 5)
    """
    if unknown := [str(key) for key in config if key not in KEYS]:
        raise InputError(f"--config takes {', '.join(KEYS)}; got {', '.join(unknown)}")
    seeds = config.get("seeds", 3)
    if type(seeds) is not int or not 1 <= seeds <= MAX_SEEDS:
        raise InputError(f"seeds in --config must be a whole number from 1 to {MAX_SEEDS}, got {seeds!r:.100}")
    runs = _folder("runs", config.get("runs", runs_root()))
    return StudyConfig(
        _datasets(config.get("dataset", "SYNTH")), seeds, runs, _folder("report", config.get("report", "report"))
    )


def has_test_seen(dataset: str) -> bool:
    """Whether a data set has test images of seen classes; True for one that cannot be read, which ``check`` reports.

    Example:
        >>> has_test_seen("SYNTH")
        True
    """
    if dataset == "SYNTH":  # may not have been made yet
        return True
    try:
        return len(Benchmark.load(data_root(), dataset).split("test_seen")) > 0
    except (InputError, ImportError):
        return True


def dataset_files(dataset: str) -> list[str]:
    """The tables of a data set that are there; none for SYNTH, which is made by the study."""
    tables = [data_root() / ARCHIVE / dataset / name for name in ("att_splits.mat", "res101.mat")]
    return [str(table) for table in tables if dataset != "SYNTH" and table.is_file()]


def settings_text(dataset: str, method: str | None = None) -> str:
    """The settings chosen for a data set, and for a method, as text; if it changes, Snakemake checks the runs again.

    Example:
        >>> settings_text("CUB100", "mse_matched") != settings_text("CUB100", "mse")
        True
    """
    chosen = chosen_settings(dataset)
    return json.dumps(chosen["settings"] | chosen["methods"].get(method, {}), sort_keys=True, default=str)


def _datasets(given: object) -> list[str]:
    names = [name.strip() for name in str(given).split(",")]
    if type(given) not in (str, int) or not all(names):  # dataset=2024 is an int, and dataset= is None
        raise InputError(f"dataset in --config must be names with commas between them: SYNTH,CUB100; got {given!r}")
    for name in names:
        check_dataset_name(name)
        study_methods(name)  # InputError for a file of settings that cannot be read
    return list(dict.fromkeys(names))


def _folder(name: str, given: object) -> Path:
    """The folder, relative to the working directory if it is below it."""
    if not isinstance(given, str | int | Path):
        raise InputError(f"{name} in --config must be a folder, got {given!r:.100}")
    here = Path.cwd()
    path = here / user_path(str(given), what=f"{name} in --config")
    check_folder(f"{name} in --config", path)
    path = path.relative_to(here) if path.is_relative_to(here) else path
    if set("{}") & set(str(path)):  # Snakemake's wildcards
        raise InputError(f"{name} in --config must be a folder without {{ and }} in its path, got {path}")
    return path

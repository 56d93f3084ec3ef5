"""Grids of many small runs: several at a time, each row appended to a table as soon as it is known."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from zslcore._io.progress import progress_bar
from zslcore._io.writing import new_file
from zslcore.config import RunConfig


def run_grid(
    measure: Callable[[RunConfig], pd.DataFrame], configs: Iterable[RunConfig], file: Path, *, jobs: int = 1
) -> pd.DataFrame:
    """Measure every config, and keep the rows in a CSV file; configs that the file holds are skipped.

    Args:
        measure: a function of a module that returns the rows of a config.
        configs: the configs; they are identified by all settings except the device.
        file: the table. Rows of other configs that it holds are kept.
        jobs: number of processes, each with one thread.

    Returns:
        All rows of the configs, in their order.
    """
    wanted = {_identity(config): config for config in configs}
    parts = [pd.read_csv(file)] if file.is_file() else []
    known = set(parts[0]["settings"]) if parts else set()
    missing = [config for key, config in wanted.items() if key not in known]
    for found in progress_bar(_measured(measure, missing, jobs), total=len(missing), desc=file.stem, unit="run"):
        parts.append(found)
        _write(pd.concat(parts, ignore_index=True), file)
    rows = pd.concat(parts, ignore_index=True)
    order = [*wanted, *(key for key in rows["settings"].unique() if key not in wanted)]
    rows = rows.sort_values("settings", key=lambda keys: keys.map(order.index), kind="stable")
    _write(rows, file)
    return rows[rows["settings"].isin(wanted)].reset_index(drop=True)


def _write(rows: pd.DataFrame, file: Path) -> None:
    with new_file(file) as partial_file:
        rows.to_csv(partial_file, index=False)


def _measured(
    measure: Callable[[RunConfig], pd.DataFrame], configs: list[RunConfig], jobs: int
) -> Iterator[pd.DataFrame]:
    """The rows of each config, as they are ready."""
    if jobs == 1:
        for config in configs:
            yield _rows(measure, config)
        return
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # read by the new processes
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            for future in as_completed([pool.submit(_rows, measure, config) for config in configs]):
                yield future.result()
        finally:  # after an interrupt or an error, the other configs are not run
            pool.shutdown(cancel_futures=True)


def _rows(measure: Callable[[RunConfig], pd.DataFrame], config: RunConfig) -> pd.DataFrame:
    return measure(config).assign(settings=_identity(config))


def _identity(config: RunConfig) -> str:
    """The data set and the settings that are not defaults, as text."""
    plain = RunConfig(dataset=config.dataset).to_dict() | {"dataset": None, "device": config.device}
    return " ".join(f"{name}={value}" for name, value in config.to_dict().items() if value != plain[name])

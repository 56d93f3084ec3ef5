"""A grid of small runs, as the workflow starts them, against the arithmetic of their steps."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.harness import Row, Timing, measure
from benchmarks.training import plain_loop, steps_of_run
from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.methods import METHODS
from zslcore.training.inputs.sources import load_features

DATASET, SEEDS, CORES = "SYNTH", 5, 2
STEPS = 100  # of the plain loop that are measured


def rows(device: str) -> Iterator[Row]:
    """All methods of the study with five seeds each, two processes at a time, on the CPU."""
    if device != "cpu":
        return
    benchmark, config = load_benchmark(DATASET), RunConfig.study(DATASET, method="remse")
    load_features(config, benchmark)  # into the cache
    loop = plain_loop(config, benchmark, device)
    plain = measure(device, 5, plain=lambda: loop(STEPS))["plain"]
    runs = len(METHODS) * SEEDS
    plain = plain.scaled(runs * steps_of_run(config, benchmark) / STEPS / CORES)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(CORES) as pool:
        for done in pool.map(lambda method: _train(method, folder), METHODS):
            done.check_returncode()
    seconds = time.perf_counter() - start
    yield Row(
        what="grid of small runs",
        size=f"{DATASET}, {len(METHODS)} methods × {SEEDS} seeds, {CORES} processes at a time",
        ours=Timing([seconds]),
        plain=plain,
        target="3 times the arithmetic",
        met=seconds <= 3 * plain.median,
        note=f"plain: the steps alone, in torch, on {CORES} cores; {seconds / plain.median:.1f} times that; one "
        "process a method, with its start, the checks of the data, evaluation and files",
        device=device,
    )


def _train(method: str, folder: str) -> subprocess.CompletedProcess:
    words = ["train", "--dataset", DATASET, "--method", method, "--seeds", str(SEEDS)]
    variables = os.environ | {"ZSLCORE_RUNS": folder, "TQDM_DISABLE": "1"}
    command = [sys.executable, "-m", "zslcore", *words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

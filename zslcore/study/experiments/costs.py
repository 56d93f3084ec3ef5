"""Peak memory of a short epoch of each experiment: ``python -m zslcore.study.experiments.costs CUB100 SYNTH``.

It writes ``results/memory.csv``. One config of each experiment is trained for one epoch of ten steps, in a process of
its own.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pandas as pd

from zslcore._io.progress import progress_bar
from zslcore._io.writing import new_file
from zslcore.config import RunConfig
from zslcore.errors import InputError
from zslcore.study.checkout import root
from zslcore.study.experiments.configs import FINE_TUNED, configs_of, measure_of
from zslcore.training.device import resolve_device
from zslcore.training.run import environment

EXPERIMENTS = ("map", "attention", *FINE_TUNED, "vectors", "tuned", "image_training")


def peak_memory(measure: Callable[[RunConfig], object], config: RunConfig) -> float:
    """Most memory that this process has had at any time, in gigabytes, after measuring a config."""
    import resource  # not on Windows

    measure(config)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main(datasets: Sequence[str]) -> None:
    """Write ``results/memory.csv`` for the experiments that have results."""
    results, rows = root() / "results", []
    present = [(dataset, name) for dataset in datasets for name in EXPERIMENTS]
    present = [(dataset, name) for dataset, name in present if (results / dataset / f"{name}.csv").is_file()]
    if not present:
        raise InputError(f"zslcore.study.experiments.costs needs data sets with results in {results}, such as SYNTH")
    device = environment(resolve_device("auto"))["device"]
    for dataset, name in progress_bar(present, desc="memory", unit="experiment"):
        config = configs_of(name, dataset, [1])[-1].replace(epochs=1, episodes=10)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            gigabytes = pool.submit(peak_memory, measure_of(name), config).result()
        rows.append({"dataset": dataset, "experiment": name, "gigabytes": round(gigabytes, 1), "device": device})
    with new_file(results / "memory.csv") as partial:
        pd.DataFrame(rows).to_csv(partial, index=False)
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        print(f"zslcore: {error}", file=sys.stderr)
        sys.exit(2)

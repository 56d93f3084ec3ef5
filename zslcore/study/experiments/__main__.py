"""The command ``python -m zslcore.study.experiments DATASET NAME --splits 20 --jobs 2 --output results``.

It adds the rows that ``results/DATASET/NAME.csv`` lacks, one by one.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from zslcore._io.exit_status import exit_status
from zslcore.study.experiments.configs import NAMES, run_experiment
from zslcore.study.experiments.rebalancing import GAMMA_FROM


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m zslcore.study.experiments", description=__doc__.split("\n")[0])
    parser.add_argument("dataset")
    parser.add_argument("name", help=", ".join(NAMES))
    parser.add_argument("--splits", type=int, default=20, help="number of random class splits")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with one thread")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    gammas = "what chooses gamma in map, attention, fine_tuned*, vectors and tuned: three folds or one validation split"
    parser.add_argument("--gamma-from", choices=GAMMA_FROM, default="folds", help=gammas)
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder of the tables")
    given = parser.parse_args(arguments)
    if status := exit_status(lambda: _run(given)):
        sys.exit(status)


def _run(given: argparse.Namespace) -> int:
    rows = run_experiment(
        given.name,
        given.dataset,
        splits=given.splits,
        output=given.output,
        jobs=given.jobs,
        device=given.device,
        gamma_from=given.gamma_from,
    )
    print(f"{len(rows)} rows in {given.output / given.dataset / given.name}.csv")
    return 0


if __name__ == "__main__":
    main()

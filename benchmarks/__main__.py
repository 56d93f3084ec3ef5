"""``python -m benchmarks [SUBJECT ...]`` measures subjects, all by default, and writes the results.

All figures of a report are of one run, so a report of some subjects holds these alone. ``--output FOLDER`` keeps it
apart from the committed one.
"""

import argparse
import importlib
import os
import time
from pathlib import Path

import torch

from benchmarks.report import read_csv, write_csv, write_page

SUBJECTS = ("remse", "curve", "attention", "extraction", "training", "grid", "study")


def main() -> None:
    """Measure, and write ``results.csv`` and ``results.md``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", help=", ".join(SUBJECTS))
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=Path(__file__).parent, help="of the report")
    given = parser.parse_args()
    chosen, output = given.subjects or SUBJECTS, given.output
    if unknown := set(chosen) - set(SUBJECTS):
        parser.error(f"SUBJECT must be one of {', '.join(SUBJECTS)}, got {', '.join(sorted(unknown))}")
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # of the processes that are started
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(1)
    rows = []
    for subject in chosen:
        start = time.perf_counter()
        for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
            rows += importlib.import_module(f"benchmarks.{subject}").rows(device)
        print(f"{subject}: {time.perf_counter() - start:.0f} s", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    write_csv(rows, output / "results.csv")
    command = " ".join(["python -m benchmarks", *given.subjects]) if given.subjects else "make bench"
    write_page(read_csv(output / "results.csv"), output / "results.md", command)
    print(output / "results.md")


if __name__ == "__main__":
    main()

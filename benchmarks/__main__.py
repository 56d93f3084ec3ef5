"""``python -m benchmarks [SUBJECT ...]`` measures subjects, all by default, and writes the results.

All figures of a device are of one run, so a report of some subjects holds these alone. The figures of other devices
stay: ``--device cuda`` adds those of a GPU to a report that was made elsewhere. ``--output FOLDER`` keeps a report
apart from the committed one.
"""

import argparse
import importlib
import os
import time
from pathlib import Path

import torch

from benchmarks.report import line_of, read_csv, write_csv, write_page

SUBJECTS = ("remse", "curve", "attention", "extraction", "training", "grid", "study")


def main() -> None:
    """Measure, and write ``results.csv`` and ``results.md``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", help=", ".join(SUBJECTS))
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=Path(__file__).parent, help="of the report")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="by default the CPU, and the GPU if there is one")
    given = parser.parse_args()
    chosen, output = given.subjects or SUBJECTS, given.output
    if unknown := set(chosen) - set(SUBJECTS):
        parser.error(f"SUBJECT must be one of {', '.join(SUBJECTS)}, got {', '.join(sorted(unknown))}")
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # of the processes that are started
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(1)
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    if given.device:
        devices = (given.device,)
    output.mkdir(parents=True, exist_ok=True)
    table = output / "results.csv"
    lines = [row for row in read_csv(table) if row["device"] not in devices] if table.exists() else []
    words = [*given.subjects, *(["--device", given.device] if given.device else [])]
    command = " ".join(["python -m benchmarks", *words]) if words else "make bench"
    for subject in chosen:
        start = time.perf_counter()
        for device in devices:
            lines += [line_of(row, command) for row in importlib.import_module(f"benchmarks.{subject}").rows(device)]
        write_csv(lines, table)  # after each subject, since a lent GPU may be taken back
        write_page(lines, output / "results.md")
        print(f"{subject}: {time.perf_counter() - start:.0f} s", flush=True)
    print(output / "results.md")


if __name__ == "__main__":
    main()

"""``python -m benchmarks [SUBJECT ...]`` measures subjects, all by default, and writes the results.

All results of a subject on a device are from one run. The report keeps the results of other subjects and of other
devices, so ``--device cuda`` adds those of a GPU to a report that was made on another machine. ``--output FOLDER``
writes to another folder than that of the committed report.
"""

import argparse
import importlib
import os
import time
from pathlib import Path

import torch

from benchmarks.report import line_of, read_csv, write_csv, write_page

SUBJECTS = ("remse", "curve", "attention", "extraction", "training", "grid", "study")
DEVICES = ("cpu", "cuda")


def main() -> None:
    """Measure, and write ``results.csv`` and ``results.md``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("subjects", metavar="SUBJECT", nargs="*", help=", ".join(SUBJECTS))
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=Path(__file__).parent, help="of the report")
    parser.add_argument("--device", choices=DEVICES, help="by default the CPU, and the GPU if there is one")
    given = parser.parse_args()
    chosen, output = given.subjects or SUBJECTS, given.output
    if unknown := set(chosen) - set(SUBJECTS):
        parser.error(f"SUBJECT must be one of {', '.join(SUBJECTS)}, got {', '.join(sorted(unknown))}")
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # of the processes that are started
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(1)
    devices = DEVICES if torch.cuda.is_available() else DEVICES[:1]
    if given.device:
        devices = (given.device,)
    output.mkdir(parents=True, exist_ok=True)
    table = output / "results.csv"
    lines = read_csv(table) if table.exists() else []
    words = [*given.subjects, *(["--device", given.device] if given.device else [])]
    command = " ".join(["python -m benchmarks", *words]) if words else "make bench"
    for subject in chosen:
        start = time.perf_counter()
        for device in devices:
            lines = [line for line in lines if (line["subject"], line["device"]) != (subject, device)]
            for row in importlib.import_module(f"benchmarks.{subject}").rows(device):
                lines.append(line_of(row, subject, command))
                lines.sort(key=lambda line: (DEVICES.index(line["device"]), SUBJECTS.index(line["subject"])))
                write_csv(lines, table)  # after each row, so that an interrupted run keeps its results
                write_page(lines, output / "results.md")
        print(f"{subject}: {time.perf_counter() - start:.0f} s", flush=True)
    print(output / "results.md")


if __name__ == "__main__":
    main()

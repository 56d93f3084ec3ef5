"""``python -m tests.torture``: run all parts, print their outcome, and write it into ``tests/README.md``."""

import argparse
import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INSIDE = "ZSLCORE_TORTURE_INSIDE"  # set in a process that may mount


def main() -> int:
    """Run the parts that are asked for; 1 if a trial went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__, allow_abbrev=False)
    parser.add_argument("--short", action="store_true", help="a few trials, in seconds; tests/README.md stays")
    parser.add_argument("--parts", nargs="+", choices=("kills", "disks", "starts", "flips"), help="default all")
    arguments = parser.parse_args()
    _enter_namespace()
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

    from . import disks, flips, kills, outcomes, starts
    from .study import Study

    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    if arguments.short:
        plans = {
            "kills": (kills.run, kills.SHORT),
            "disks": (disks.run, disks.SHORT),
            "starts": (starts.run, starts.SHORT),
            "flips": (flips.run, flips.SHORT, flips.SHORT_FORMATS),
        }
    else:
        plans = {
            "kills": (kills.run, kills.KILLS),
            "disks": (disks.run, disks.SIZES),
            "starts": (starts.run, starts.STARTS),
            "flips": (flips.run,),
        }
    chosen = {part: plans[part] for part in arguments.parts or plans}
    study, rows = Study(folder), []
    for run, *settings in chosen.values():
        rows += run(study, *settings)
    faults = [fault for row in rows for fault in row.faults]
    lines = [*outcomes.table(rows), "", _summary(rows, time.monotonic() - begun)]
    print(*lines, *faults, sep="\n")
    if faults:
        print(f"the folders of the trials that went wrong are in {folder}")
        return 1
    shutil.rmtree(folder)
    if not arguments.short and not arguments.parts:
        outcomes.write_result(Path(__file__).resolve().parents[1] / "README.md", lines)
    return 0


def _enter_namespace() -> None:
    """Start this program again as root of its own name space, where it may mount, if the system allows that."""
    if INSIDE in os.environ:
        return
    os.environ[INSIDE] = "1"
    with contextlib.suppress(OSError):  # no unshare
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0:
            os.execvp("unshare", ["unshare", "-rm", sys.executable, "-m", "tests.torture", *sys.argv[1:]])


def _summary(rows: list, seconds: float) -> str:
    """When and where, and how many trials went wrong."""
    import torch

    from zslcore.training.run import environment

    found = environment(torch.device("cpu"))
    faults = sum(len(row.faults) for row in rows)
    trials = sum(row.outcomes.total() for row in rows)
    machine = f"{found['cpus']} cores of {found['device']}, {platform.system()}, Python {found['python']}, torch"
    return (
        f"{time.strftime('%Y-%m-%d')}, `python -m tests.torture`, {machine} {found['torch']}: {trials} trials in "
        f"{seconds / 60:.0f} minutes, {faults} faults."
    )


if __name__ == "__main__":
    sys.exit(main())

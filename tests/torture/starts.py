"""Simultaneous starts: several processes start the same command at once.

At least one must end well; each of the others ends well too, having waited, or refuses with one sentence. What is left
are the files and digits of a single run.
"""

import shutil
from pathlib import Path

from tqdm import tqdm

from . import processes
from .outcomes import Row
from .study import Stage, Study, difference, digits

STARTS = {"generation": 2, "data make": 2, "features": 1, "frozen training": 1, "fine-tuning": 1, "grid": 1}
SHORT = {"generation": 1}
PROCESSES = 4


def run(study: Study, starts: dict[str, int]) -> list[Row]:
    """Start each stage so many times, each time several processes at once."""
    rows, bar = [], tqdm(total=sum(starts.values()), desc="starts", unit="start")
    for name, count in starts.items():
        row = Row("starts", f"{name}, {PROCESSES} at once")
        for _ in range(count):
            row.add("one result, the same digits", _trial(study, study.stage(name)))
            bar.update()
        rows.append(row)
    bar.close()
    return rows


def _trial(study: Study, stage: Stage) -> str:
    """What went wrong."""
    folder = study.folder(stage.before)
    logs = [folder.with_suffix(f".{number}.log") for number in range(PROCESSES)]
    started = [stage.start(folder, log) for log in logs]
    statuses = [processes.wait(pid) for pid in started]
    for pid in started:
        processes.kill(pid)
    if 0 not in statuses:
        return f"no process ended well ({folder})"
    for status, log in zip(statuses, logs):
        if status != 0 and (fault := _unexplained(stage, status, log)):
            return f"{fault} ({folder})"
    found = difference(digits(folder), stage.digits)
    if found:
        return f"{found} ({folder})"
    shutil.rmtree(folder)
    return ""


def _unexplained(stage: Stage, status: int | None, log: Path) -> str:
    """The fault of a process that did not end well; empty if it said why in a sentence."""
    if status is None:
        return "a process hung"
    if stage.name == "grid":  # Snakemake explains its lock in lines of its own
        return (
            "" if "cannot be locked" in log.read_text() else f"Snakemake ended with {status} without a word on its lock"
        )
    try:
        processes.refusal(status, log)
    except ValueError as error:
        return str(error)
    return ""

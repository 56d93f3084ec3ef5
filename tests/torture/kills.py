"""Kills: each stage is killed twice or more at random moments, then run to its end.

The moments are spread over the time that the stage takes. In every second trial SIGKILL hits the whole process group,
as when a job is cancelled; in the others only the command itself, as when memory runs out. A trial passes if the last
run ends well, with the digits of the undisturbed stage and no file beside its files.
"""

import random
import shutil

from tqdm import tqdm

from . import processes
from .outcomes import Row
from .study import Stage, Study, difference, digits

KILLS = {"generation": 26, "data make": 24, "features": 16, "frozen training": 24, "fine-tuning": 6, "grid": 8}
SHORT = {"generation": 1, "frozen training": 1}
IN_A_ROW = {"grid": 4}  # of the other stages 2


def run(study: Study, kills: dict[str, int]) -> list[Row]:
    """Kill each stage so many times."""
    rows, bar = [], tqdm(total=sum(kills.values()), desc="kills", unit="kill")
    for name, wanted in kills.items():
        row, rng = Row("kills", name), random.Random(name)
        trials = 0
        while row.outcomes.total() < wanted:
            killed, fault = _trial(study, study.stage(name), rng, group=trials % 2 == 0, most=wanted)
            for _ in range(killed):
                row.add("same digits", fault)
                fault = ""
            bar.update(killed)
            trials += 1
            if trials > 5 * wanted:
                raise RuntimeError(f"{name} always ends before it is killed")
        rows.append(row)
    bar.close()
    return rows


def _trial(study: Study, stage: Stage, rng: random.Random, *, group: bool, most: int) -> tuple[int, str]:
    """How often the command was killed, and what went wrong."""
    folder, killed, status = study.folder(stage.before), 0, None
    for _ in range(min(IN_A_ROW.get(stage.name, 2), most)):
        pid = stage.start(folder)
        status = processes.wait(pid, rng.uniform(0, stage.seconds))
        processes.kill(pid, group=group or status is not None)
        if status is not None:
            break
        killed += 1
    if status is None:
        status = stage.run(folder)
    fault = difference(digits(folder), stage.digits)
    if status != 0 and (fault or status != 2):  # 2: a data set was whole before the kill, and is not written twice
        lines = folder.with_suffix(".log").read_text(errors="replace").splitlines() or ["nothing"]
        fault = f"exit status {status}, {lines[-1]:.200}, {fault}"
    if fault:
        return max(1, killed), f"after {killed} kills: {fault} ({folder})"
    shutil.rmtree(folder)
    return killed, ""

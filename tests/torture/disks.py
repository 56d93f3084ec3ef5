"""Full disks: each stage runs on disks of several sizes, from no room at all to more than enough.

On each disk the stage ends well with the same digits, or with one sentence that names a file on the disk, and leaves no
file that is half written. Once the disk has been enlarged it must end well, with the same digits and no litter.
"""

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import processes
from .outcomes import Row
from .study import Stage, Study, difference, digits

SIZES = {"generation": 6, "data make": 6, "features": 5, "frozen training": 5, "fine-tuning": 5}
SHORT = {"generation": 3}
PAGE = 4096


def run(study: Study, sizes: dict[str, int]) -> list[Row]:
    """Run each stage on disks of so many sizes."""
    mount_point = study.root / "disk"
    mount_point.mkdir()
    try:
        _mount(mount_point, PAGE)
        _unmount(mount_point)
    except (OSError, subprocess.CalledProcessError):
        row = Row("disks", "not run: needs the right to mount (root, or unshare -rm)")
        return [row]
    rows, bar = [], tqdm(total=sum(sizes.values()), desc="disks", unit="disk")
    for name, count in sizes.items():
        row, stage = Row("disks", name), study.stage(name)
        taken, left = _blocks(stage.before), _blocks(study.after(name))
        # until a run ends it holds a state of each of its four trainings, and one that is being written; a state has
        # two tensors for each weight of the model that is left
        enough = 12 * (left - taken) + (1 << 20)
        rooms = [0, *np.geomspace(PAGE, enough, count - 1).astype(int).tolist()]
        for room in rooms:
            outcome, fault = _trial(stage, mount_point, taken, room, enough)
            row.add(outcome, fault and f"{fault} (room for {room} bytes)")
            bar.update()
        if not row.outcomes["the same digits at once"]:
            row.faults.append(f"disks, {name}: no disk was large enough")
        rows.append(row)
    bar.close()
    return rows


def _trial(stage: Stage, mount_point: Path, taken: int, room: int, enough: int) -> tuple[str, str]:
    """The outcome, and what went wrong."""
    _mount(mount_point, max(PAGE, taken + room))
    try:
        folder = mount_point / "study"
        shutil.copytree(stage.before, folder)
        log = mount_point.with_suffix(".log")  # on another disk
        status = processes.run(lambda: stage.work(folder), log)
        if status == 0:
            return "the same digits at once", difference(digits(folder), stage.digits)
        try:
            sentence = processes.refusal(status, log)
        except ValueError as error:
            return "", str(error)
        if str(mount_point) not in sentence:
            return "", f"no file is named: {sentence}"
        if partial := _partial(folder, stage):
            return "", f"{partial} is left on the full disk"
        subprocess.run(["mount", "-o", f"remount,size={taken + enough}", str(mount_point)], check=True)
        status = processes.run(lambda: stage.work(folder), log)
        if status != 0:
            return "", f"exit status {status} after the disk was enlarged: {log.read_text().strip():.200}"
        return "a sentence, then the same digits", difference(digits(folder), stage.digits)
    finally:
        _unmount(mount_point)


def _partial(folder: Path, stage: Stage) -> str:
    """A file of an unsuccessful run that is not whole; a state of a training is proved by the run that resumes."""
    before = digits(stage.before)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name in before or path.parent.name.startswith("epoch-"):
            continue
        if digits(path.parent)[path.name] != stage.digits.get(name):
            return name
    return ""


def _blocks(folder: Path) -> int:
    """Bytes that the files of a folder take on a disk of whole pages."""
    return sum(math.ceil(path.stat().st_size / PAGE) * PAGE for path in folder.rglob("*") if path.is_file())


def _mount(folder: Path, size: int) -> None:
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(words, check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)

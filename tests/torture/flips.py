"""Bit flips: one bit of one file is changed, then a command reads the file.

Allowed are a refusal with one sentence, the same digits, and the same digits after the file was computed again. A
crash, a traceback and other digits are faults. Half of the bits lie anywhere in the file, half within 256
bytes of its ends, where most formats describe themselves.

Data of a user, such as a picture or ``att_splits.mat``, hold no hash of themselves, so other data are read as they are
the first time. There the command is a training that was finished before: it must refuse because of the other data, or
end well. If it ends well, a training from scratch on the same file must give the same digits, or refuse: otherwise the
finished run has not noticed a change that matters. (A changed file has other times. Where a disk changes bits and keeps
the times, states and runs notice it; large files in the cache are read again only if their size or times changed.)
"""

import random
import shutil
from pathlib import Path

from tqdm import tqdm

from . import processes
from .formats import FORMATS, Format, build_worlds
from .outcomes import Row
from .study import Study, difference, digits

FLIPS, SHORT = 12, 2  # of each format
SHORT_FORMATS = ("ground truth and stamp of SynthBirds, npz, json",)
EDGE = 256


def run(study: Study, flips: int = FLIPS, names: tuple[str, ...] = ()) -> list[Row]:
    """Flip so many bits of each format, by default of all formats."""
    chosen = [one for one in FORMATS if not names or one.name in names]
    worlds = build_worlds(study, {one.world for one in chosen})
    rows, bar = [], tqdm(total=flips * len(chosen), desc="flips", unit="flip")
    for one in chosen:
        row, rng = Row("flips", one.name), random.Random(one.name)
        expected = _result(study, one, study.folder(worlds[one.world], hardlinks=True))
        if expected[0] != 0:
            raise RuntimeError(f"{one.name}: exit status {expected[0]} undisturbed")
        for _ in range(flips):
            row.add(*_trial(study, one, worlds, rng, expected))
            bar.update()
        rows.append(row)
    bar.close()
    return rows


def _trial(study: Study, one: Format, worlds: dict[str, Path], rng: random.Random, expected: tuple) -> tuple[str, str]:
    """The outcome, and what went wrong."""
    folder = study.folder(worlds[one.world], hardlinks=True)
    file = rng.choice(sorted(path for path in folder.glob(one.pattern) if path.is_file()))
    bit = _bit(file.stat().st_size, rng)
    before, name = digits(folder / "cache"), file.relative_to(folder)
    flip(file, bit)
    try:
        status, *found = _result(study, one, folder)
        if status != 0:
            processes.refusal(status, folder.with_suffix(".log"))
            outcome, fault = "refused", ""
        else:
            fault = "other digits" if found != list(expected[1:]) else ""
            outcome = "same digits" if digits(folder / "cache") == before else "recomputed"
            if not fault and one.world == "finished" and name.parts[0] in ("data", "source"):
                fault = _unnoticed(study, one, worlds, name, bit, expected)
    except (ValueError, TimeoutError) as error:
        outcome, fault = "", str(error)
    if fault:
        return "", f"{fault}: bit {bit} of {name} ({folder})"
    shutil.rmtree(folder)
    return outcome, ""


def _result(study: Study, one: Format, folder: Path) -> tuple[int, str, dict[str, str]]:
    """Exit status, text and run folders that the command leaves."""
    log = folder.with_suffix(".log")
    status = processes.run(lambda: one.work(folder), log)
    text = log.with_suffix(".out").read_text()
    return status, text.replace(str(folder), ""), digits(folder / "runs")


def _unnoticed(study: Study, one: Format, worlds: dict[str, Path], name: Path, bit: int, expected: tuple) -> str:
    """A fault if a training from scratch on the changed file gives other digits than the finished one holds."""
    folder = study.folder(worlds["raw"], hardlinks=True)
    flip(folder / name, bit)
    status, _, runs = _result(study, one, folder)
    if status != 0:
        processes.refusal(status, folder.with_suffix(".log"))
        return ""
    if any(expected[2].get(path) != digest for path, digest in runs.items()):
        found = difference(runs, {path: expected[2].get(path, "") for path in runs})
        return f"a finished run did not notice a change that gives {found}"
    shutil.rmtree(folder)
    return ""


def _bit(size: int, rng: random.Random) -> int:
    """The position of a bit in a file of so many bytes."""
    place = rng.choice(("anywhere", "anywhere", "begin", "end"))
    first = max(0, size - EDGE) if place == "end" else 0
    last = min(EDGE, size) if place == "begin" else size
    return rng.randrange(8 * first, 8 * last)


def flip(file: Path, bit: int) -> None:
    """Change one bit of a file, which may be a hard link to a file that stays as it is."""
    content = bytearray(file.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    file.unlink()
    file.write_bytes(content)

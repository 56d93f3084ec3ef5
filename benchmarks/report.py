"""The report of the benchmarks: a CSV file with all numbers, and a page made from it."""

import csv
import os
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import Row
from zslcore.training.run import environment

FIELDS = [
    *("subject", "what", "size", "device", "repeats", "median_s", "quartile1_s", "quartile3_s", "plain_s"),
    *("plain_over_ours", "floor_s", "ours_over_floor", "memory_bytes", "target", "met", "note", "machine", "command"),
]
NO_GPU = "No GPU was at hand, so the columns of the GPU are empty."


def line_of(row: Row, subject: str, command: str) -> dict[str, str]:
    """The line of the CSV file for a row of a subject that a command measured, as text."""
    first, third = row.ours.quartiles
    return {
        "subject": subject,
        "what": row.what,
        "size": row.size,
        "device": row.device,
        "repeats": str(len(row.ours.seconds)),
        "median_s": f"{row.ours.median:.4g}",
        "quartile1_s": f"{first:.4g}",
        "quartile3_s": f"{third:.4g}",
        "plain_s": f"{row.plain.median:.4g}" if row.plain else "",
        "plain_over_ours": f"{row.gain:.3g}" if row.plain else "",
        "floor_s": f"{row.floor.median:.4g}" if row.floor else "",
        "ours_over_floor": f"{row.over_floor:.3g}" if row.floor else "",
        "memory_bytes": "" if row.memory is None else str(row.memory),
        "target": row.target,
        "met": "" if row.met is None else ("yes" if row.met else "no"),
        "note": row.note,
        "machine": machine(row.device),
        "command": command,
    }


def write_csv(lines: Sequence[dict[str, str]], file: Path) -> None:
    """All numbers, one line a row."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def machine(device: str) -> str:
    """Processor, cores, memory, versions, the GPU that was used, and the date."""
    facts = environment(torch.device("cpu"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = f"{torch.cuda.get_device_name()}, " if device == "cuda" else ""
    return (
        f"{gpu}{facts['cpus']} cores of {facts['device']}, {memory:.0f} GB, {platform.system()}, Python "
        f"{facts['python']}, torch {facts['torch']}; {date.today()}"
    )


def write_page(rows: list[dict[str, str]], file: Path) -> None:
    """Write the page from the lines of the CSV file: one line per measurement, with CPU and GPU side by side."""
    on_gpu = {(row["what"], row["size"]): row for row in rows if row["device"] == "cuda"}
    on_cpu = {(row["what"], row["size"]): row for row in rows if row["device"] == "cpu"}
    machines = []
    for name, found in (("CPU", on_cpu), ("GPU", on_gpu)):
        runs = dict.fromkeys((row["machine"], row["command"]) for row in found.values())
        machines += [f"{name}: {machine}, by `{command}`." for machine, command in runs]
    header = [
        "what",
        "size",
        "median (quartiles)",
        "repeats",
        "plain / ours",
        "ours / floor",
        "memory",
        "target",
        "met",
    ]
    header += [f"GPU: {name}" for name in ("median", "plain / ours", "ours / floor", "memory", "met")]
    lines = [
        "# Benchmarks",
        "",
        "Made by `python -m benchmarks` from `results.csv`. Do not edit.",
        "",
        "  \n".join(machines),
        "",
        "*Ours* is zslcore. *Plain* is a simple implementation in this folder. *Floor* is a lower bound of the "
        "time on this machine: a matrix product with the same number of operations, or a copy of the same bytes. Each "
        "ratio comes from one run on one machine, which calls the functions in turn. On the CPU the functions run on "
        "one thread, and times are processor times. Grids, extraction and the study run in several processes, and "
        "their times are wall-clock times.",
        *([] if on_gpu else ["", NO_GPU]),
        "",
        _line(header),
        _line(["---"] * len(header)),
    ]
    for key in dict.fromkeys([*on_cpu, *on_gpu]):
        cpu, gpu = on_cpu.get(key, {}), on_gpu.get(key, {})
        spread = f"{_seconds(cpu, 'median_s')} ({_seconds(cpu, 'quartile1_s')} to {_seconds(cpu, 'quartile3_s')})"
        cells = [*key, spread if cpu else "", cpu.get("repeats", ""), *_ratios(cpu)]
        target = cpu.get("target", gpu.get("target", ""))
        cells += [target, cpu.get("met", ""), _seconds(gpu, "median_s"), *_ratios(gpu), gpu.get("met", "")]
        if gpu and gpu["target"] != target:
            cells[-1] += f" ({gpu['target']})"
        lines.append(_line(cells))
    lines += ["", "What was compared:", ""]
    lines += [f"- {row['what']}, {row['size']} ({row['device']}): {row['note']}." for row in rows if row["note"]]
    lines += ["", "Not measured here: `make test`, which prints its own times, and installations.", ""]
    file.write_text("\n".join(lines), encoding="utf-8")


def read_csv(file: Path) -> list[dict[str, str]]:
    """The lines of the CSV file."""
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _ratios(row: dict[str, str]) -> list[str]:
    memory = row.get("memory_bytes", "")
    return [
        row.get("plain_over_ours", ""),
        row.get("ours_over_floor", ""),
        f"{int(memory) / 1e6:.0f} MB" if memory else "",
    ]


def _seconds(row: dict[str, str], name: str) -> str:
    """A time with three digits and a fitting unit."""
    if name not in row:
        return ""
    value = float(row[name])
    factor, unit = (1, "s") if value >= 1 else (1e3, "ms") if value >= 1e-3 else (1e6, "µs")
    return f"{np.format_float_positional(float(f'{factor * value:.3g}'), trim='-')} {unit}"

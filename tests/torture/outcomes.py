"""Counts of outcomes, as lines of a table."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

BEGIN, END = "<!-- torture -->", "<!-- /torture -->"


@dataclass
class Row:
    """The trials of one kind: how often each outcome came about, and every trial that went wrong, in a sentence."""

    part: str
    what: str
    outcomes: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, outcome: str, fault: str = "") -> None:
        """Count a trial."""
        self.outcomes["FAULT" if fault else outcome] += 1
        if fault:
            self.faults.append(f"{self.part}, {self.what}: {fault}")


def table(rows: list[Row]) -> list[str]:
    """The rows as a Markdown table."""
    lines = ["| part | of | trials | outcome |", "| --- | --- | --- | --- |"]
    for row in rows:
        outcomes = ", ".join(f"{count} {name}" for name, count in row.outcomes.items())
        lines.append(f"| {row.part} | {row.what} | {row.outcomes.total()} | {outcomes} |")
    return lines


def write_result(page: Path, lines: list[str]) -> None:
    """Put lines between the markers of a page."""
    before, found, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise RuntimeError(f"{page} must hold the lines {BEGIN} and {END}")
    page.write_text(before + "\n".join([BEGIN, *lines, END]) + after, encoding="utf-8")

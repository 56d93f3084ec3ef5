"""The table of bad inputs in ``tests/README.md``."""

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bad_inputs.cases import Case

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- bad inputs -->\n", "<!-- /bad inputs -->\n"
LONGEST = 240  # characters of a message in the table


def row(case: Case, shown: str, message: str) -> str:
    """The line of the table for a case."""
    message = message if len(message) <= LONGEST else f"{message[:LONGEST]}..."
    return f"| {_text(case.what)} | <code>{_text(shown)}</code> | {_text(message)} |"


def stored_rows() -> dict[str, list[str]]:
    """The lines of the committed tables, by heading."""
    content = README.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    tables = {}
    for part in content.split("\n### ")[1:]:
        heading, _, lines = part.partition("\n")
        tables[heading] = [line for line in lines.splitlines() if line.startswith("| ")][2:]
    return tables


def write_rows(cases: Sequence[Case], rows: Mapping[Case, str]) -> None:
    """Write the tables again."""
    lines = [f"{len(cases)} bad inputs.", ""]
    for group in dict.fromkeys(case.group for case in cases):
        of_group = [rows[case] for case in cases if case.group == group]
        lines += [f"### {group}", "", "| bad input | command or call | message |", "| --- | --- | --- |", *of_group, ""]
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def _text(text: str) -> str:
    """Text as Markdown shows it unchanged."""
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return re.sub(r"([\\*_`|\[\]~])", r"\\\1", html.escape(shown, quote=False))

"""The pages on data name a test for each variant of the files, and these tests exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("data.md", "data_variants.md")]
PAGE = "\n".join(PAGES)
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_exists(file, test):
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_row_about_variants_names_its_test():
    blocks = [block.splitlines() for block in PAGE.split("\n\n") if block.startswith("|")]
    rows = [row for block in blocks if block[0].endswith("| test |") for row in block[2:]]
    assert len(rows) > 30
    for row in rows:
        assert re.search(r"\| `tests/[\w/]+\.py::\w+` \|$", row), row

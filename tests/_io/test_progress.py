"""Progress bars in a terminal and in a notebook, with and without TQDM_DISABLE."""

import io

import pytest
import tqdm.notebook

from zslcore._io import progress
from zslcore._io.progress import progress_bar


@pytest.mark.parametrize(("value", "shown"), [(None, True), ("", True), ("0", True), ("1", False), ("true", False)])
def test_variable_decides(monkeypatch, value, shown):
    if value is None:
        monkeypatch.delenv("TQDM_DISABLE", raising=False)
    else:
        monkeypatch.setenv("TQDM_DISABLE", value)
    text = io.StringIO()
    assert list(progress_bar(range(3), desc="epochs", file=text)) == [0, 1, 2]
    assert ("epochs" in text.getvalue()) is shown


def test_variable_decides_in_a_notebook(monkeypatch):
    """tqdm's own bar for notebooks is made whatever the variable says."""
    monkeypatch.setattr(progress, "tqdm", tqdm.notebook.tqdm)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr(tqdm.notebook, "display", lambda *_: pytest.fail("a bar was shown"))
    assert list(progress_bar(range(3))) == [0, 1, 2]


def test_caller_may_switch_it_off(monkeypatch, capsys):
    monkeypatch.setenv("TQDM_DISABLE", "0")
    assert list(progress_bar(range(3), hidden=True)) == [0, 1, 2]
    assert capsys.readouterr().err == ""

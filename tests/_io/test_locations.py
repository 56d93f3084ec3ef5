"""Where files are: folders named by environment variables."""

import pytest

from zslcore._io.locations import runs_root


@pytest.mark.parametrize("around", ["{}", " {} ", "{}\r\n", "{}/"])
def test_blanks_around_a_folder_in_a_variable_are_dropped(monkeypatch, tmp_path, around):
    monkeypatch.setenv("ZSLCORE_RUNS", around.format(tmp_path / "my runs"))
    assert runs_root() == tmp_path / "my runs"


@pytest.mark.parametrize("text", ["", "  "])
def test_a_variable_without_a_folder_is_as_none(monkeypatch, text):
    monkeypatch.delenv("ZSLCORE_RUNS", raising=False)
    default = runs_root()
    monkeypatch.setenv("ZSLCORE_RUNS", text)
    assert runs_root() == default

"""Notebooks are found by name; the parameters cell is read and checked; texts become values of its types."""

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zslcore._io.text_values import text_value
from zslcore.errors import InputError
from zslcore.study.running import notebook_runner
from zslcore.study.running.notebook_runner import (
    Parameter,
    bind,
    find_notebook,
    notebook_titles,
    output_path,
    read_parameters,
)

CELL = """\
dataset: str = "SYNTH"  # name of the benchmark
epochs: int = 3  # passes over the data
lr: float = 1  # step size, λ in text
augment: bool = False
seeds: list[int] = [0, 1]  # one run each
"""


def _write(path, *sources):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_names_types_defaults_and_help_are_read(tmp_path):
    read = read_parameters(_write(tmp_path / "a.ipynb", CELL))
    assert list(read.values()) == [
        Parameter("dataset", "str", "SYNTH", "name of the benchmark"),
        Parameter("epochs", "int", 3, "passes over the data"),
        Parameter("lr", "float", 1.0, "step size, λ in text"),
        Parameter("augment", "bool", False, ""),
        Parameter("seeds", "list[int]", [0, 1], "one run each"),
    ]
    assert isinstance(read["lr"].default, float)


def test_whole_numbers_among_the_default_numbers_of_a_list(tmp_path):
    (parameter,) = read_parameters(_write(tmp_path / "a.ipynb", "lams: list[float] = [1, -2.5]")).values()
    assert list(map(repr, parameter.default)) == ["1.0", "-2.5"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("epochs = 3", "every line .* must be 'name: type = value"),
        ("epochs: int", "every line .* must be 'name: type = value"),
        ("epochs: int = 2 + n", r"default of epochs must be int, got 2 \+ n"),
        ("epochs: int = 2  # n = 2", "no = in the help"),
        ("epochs: int | None = 3", "every line .* must be 'name: type = value"),
        ("seeds: list[int] = [\n  0]", "every line .* must be 'name: type = value"),
        ("import os", "every line .* must be 'name: type = value"),
        ("epochs: int = 3.5", r"default of epochs must be int, got 3\.5"),
        ("epochs: int = True", "default of epochs must be int, got True"),
        ("seeds: list[int] = ['a']", r"default of seeds must be list\[int\]"),
        ("epochs: int = ", "default of epochs must be int, got"),
    ],
)
def test_other_lines_are_refused(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        read_parameters(_write(tmp_path / "a.ipynb", line))


@pytest.mark.parametrize("sources", [(), ("a: int = 1", "b: int = 2")])
def test_there_must_be_one_parameters_cell(tmp_path, sources):
    with pytest.raises(InputError, match=rf"one cell tagged 'parameters', but has {len(sources)}"):
        read_parameters(_write(tmp_path / "a.ipynb", *sources))


@pytest.mark.parametrize("content", ["", "not json", '{"cells": 1}', "[]", '{"nbformat": 4, "nbformat_minor": 5}'])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, content):
    (tmp_path / "a.ipynb").write_text(content)
    with pytest.raises(InputError, match=r"a\.ipynb"):
        read_parameters(tmp_path / "a.ipynb")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "-7", -7),
        ("float", "1e-2", 0.01),
        ("float", "3", 3.0),
        ("bool", "True", True),
        ("bool", "false", False),
        ("str", "3", "3"),
        ("str", "a=b c", "a=b c"),
        ("list[int]", "1,2", [1, 2]),
        ("list[float]", "[0.5, 1]", [0.5, 1.0]),
        ("list[str]", "['CUB', SUN]", ["CUB", "SUN"]),
        ("list[int]", "[]", []),
    ],
)
def test_texts_become_values_of_the_type(kind, text, value):
    converted = text_value("x", kind, text)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", "ten"),
        ("int", "1.5"),
        ("int", "1e3"),
        ("int", ""),
        ("float", "nan"),
        ("float", "inf"),
        ("bool", "1"),
        ("bool", "yes"),
        ("list[int]", "1,,2"),
        ("list[int]", ","),
        ("list[int]", "1;2"),
    ],
)
def test_texts_of_another_type_are_refused(kind, text):
    with pytest.raises(InputError) as caught:
        text_value("x", kind, text)
    assert str(caught.value).startswith(f"x must be {kind}")
    assert str(caught.value).endswith(f"got {text!r}")


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_what_python_prints_is_read_back(value):
    assert text_value("x", type(value).__name__, repr(value)) == value


def test_unknown_and_repeated_names_are_refused():
    known = {"epochs": Parameter("epochs", "int", 3, ""), "lr": Parameter("lr", "float", 0.1, "")}
    message = r"^no parameter 'epcohs' \(did you mean epochs\?\); there are: epochs \(int\), lr \(float\)$"
    with pytest.raises(InputError, match=message):
        bind(known, [("epcohs", "1")])
    with pytest.raises(InputError, match="'lr' is given twice"):
        bind(known, [("lr", "1"), ("lr", "2")])


def test_notebooks_are_found_by_path_name_and_prefix(tmp_path, monkeypatch):
    folder, elsewhere = tmp_path / "notebooks", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    for name in ("01_data", "02_imbalance", "02_imbalance_more"):
        (folder / f"{name}.ipynb").touch()
    (elsewhere / "mine.ipynb").touch()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(notebook_runner, "notebooks_root", lambda: folder)
    assert find_notebook("mine.ipynb") == elsewhere / "mine.ipynb"
    for name in ("01", "01_data", "01_data.ipynb"):
        assert find_notebook(name) == folder / "01_data.ipynb"
    assert find_notebook("02_imbalance") == folder / "02_imbalance.ipynb"
    with pytest.raises(InputError, match="'02' could be any of: 02_imbalance, 02_imbalance_more"):
        find_notebook("02")
    with pytest.raises(InputError, match=r"^notebook must not be empty"):
        find_notebook("")
    for name in ("9", "other.ipynb"):
        with pytest.raises(InputError, match="there are: 01_data, 02_imbalance"):
            find_notebook(name)


def test_the_installed_package_says_where_the_notebooks_are(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook_runner, "notebooks_root", lambda: tmp_path / "notebooks")
    with pytest.raises(InputError, match=r"^no notebook '04_train', and none of the study in .*: they are in"):
        find_notebook("04_train")
    with pytest.raises(InputError, match=r"^no notebook of the study in .*notebooks: they are in the repository"):
        notebook_titles()


def test_a_byte_order_mark_is_named(tmp_path):
    path = tmp_path / "mine.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + find_notebook("04_train").read_bytes())
    with pytest.raises(InputError, match=r"\(it starts with a byte order mark: save it as UTF-8 without one\)$"):
        read_parameters(path)


def test_default_outputs_differ_by_parameters_not_by_their_order(tmp_path):
    paths = [output_path(tmp_path / "a.ipynb", v, tmp_path) for v in ({"x": 1, "y": 2}, {"y": 2, "x": 1}, {"x": 2}, {})]
    assert paths[0] == paths[1]
    assert len(set(paths)) == 3


def test_a_relative_output_is_relative_to_the_current_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {"output": Parameter("output", "str", "", "")}
    assert bind(known, [("output", "figures")]) == {"output": str(tmp_path / "figures")}
    assert bind(known, [("output", str(tmp_path))]) == {"output": str(tmp_path)}
    assert bind(known, [("output", "")]) == {"output": ""}


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ('{"lam":1, "weights":"w.pth"}', '{"lam": 1, "weights": "HERE/w.pth"}'),
        ('{"word_vectors": "~/w.pth"}', '{"word_vectors": "HERE/w.pth"}'),
        ('{"weights":"random"}', '{"weights":"random"}'),  # as it is, since it names the output
        ('{"weights":"absent.pth"}', '{"weights":"absent.pth"}'),
        ('{"weights": 3', '{"weights": 3'),
    ],
)
def test_relative_files_in_settings_are_relative_to_the_current_directory(tmp_path, monkeypatch, given, bound):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "w.pth").touch()
    known = {"settings": Parameter("settings", "str", "{}", "")}
    assert bind(known, [("settings", given)]) == {"settings": bound.replace("HERE", str(tmp_path))}


def test_every_notebook_has_a_title():
    titles = notebook_titles()
    assert "04_train" in titles
    assert all(titles.values())

"""Figures on disk: their metadata, the list of them, and folders that cannot hold them."""

import shlex
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from PIL import Image

from zslcore import InputError, cli
from zslcore._io import writing
from zslcore.study.results.figure_files import notebook_command, save_figure
from zslcore.study.running.notebook_runner import Parameter, bind

COMMAND = "zslcore run 07_figures -p dataset SYNTH -p seed 0 -p output 'my figures'"


@pytest.fixture
def figure():
    # the defaults, whatever style another test has set: a constrained layout moves a little at every drawing
    with mpl.rc_context({**mpl.rcParamsDefault, "backend": "Agg"}):
        figure, axis = plt.subplots(figsize=(2, 2))
        axis.plot([0, 1], [1, 0])
        axis.set(xlabel="label value", title="λ")
        yield figure
        plt.close(figure)


def rows(folder):
    return pd.read_csv(folder / "figures.csv", dtype=str, keep_default_na=False).to_dict("records")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_both_files_know_their_command(figure, tmp_path):
    png, pdf = save_figure(figure, tmp_path, "errors", COMMAND, caption="Errors at λ = 10.")
    with Image.open(png) as image:
        assert image.format == "PNG"
        assert image.info["Software"] == COMMAND
        assert image.info["Title"] == "errors"
        assert image.info["Description"] == "Errors at λ = 10."
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    assert f"/Creator ({COMMAND})".encode() in content
    assert "λ = 10".encode("utf-16-be") in content
    assert b"/Type3" not in content


def test_same_figure_gives_the_same_bytes(figure, tmp_path):
    first, second = (save_figure(figure, tmp_path / name, "errors", COMMAND) for name in "ab")
    for one, other in zip(first, second):
        assert one.read_bytes() == other.read_bytes()


def test_makes_the_folder_and_leaves_nothing_else(figure, tmp_path):
    save_figure(figure, tmp_path / "new" / "deep", "errors", COMMAND)
    assert names(tmp_path / "new" / "deep") == ["errors.pdf", "errors.png", "figures.csv"]


def test_list_is_sorted_and_keeps_the_latest_of_each_name(figure, tmp_path):
    """Notebooks that run side by side write in any order."""
    save_figure(figure, tmp_path, "a", "first", caption='With "quotes", a comma\nand a line.')
    save_figure(figure, tmp_path, "NA", "second")
    save_figure(figure, tmp_path, "a", "third", caption="new")
    assert rows(tmp_path) == [
        {"name": "NA", "command": "second", "caption": ""},
        {"name": "a", "command": "third", "caption": "new"},
    ]


def test_caption_of_any_text_comes_back(figure, tmp_path):
    caption = 'With "quotes", a comma\nand a line (in brackets \\).'
    png, _ = save_figure(figure, tmp_path, "a", COMMAND, caption=caption)
    save_figure(figure, tmp_path, "b", COMMAND)
    assert rows(tmp_path)[0]["caption"] == caption
    with Image.open(png) as image:
        assert image.info["Description"] == caption


def test_saving_again_replaces_the_picture(figure, tmp_path):
    png, pdf = save_figure(figure, tmp_path, "a", "first")
    old = png.read_bytes(), pdf.read_bytes()
    figure.axes[0].set_title("another")
    save_figure(figure, tmp_path, "a", "first")
    assert png.read_bytes() != old[0]
    assert pdf.read_bytes() != old[1]


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".csv"])
def test_failure_leaves_the_earlier_file_whole(figure, tmp_path, monkeypatch, suffix):
    save_figure(figure, tmp_path, "a", "first")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    replace = writing.os.replace

    def full_disk(source, target):
        if target.suffix == suffix:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(writing.os, "replace", full_disk)
    with pytest.raises(InputError, match=r"cannot be saved in .*No space left"):
        save_figure(figure, tmp_path, "a", "second")
    assert names(tmp_path) == sorted(before)
    kept = next(name for name in before if name.endswith(suffix))
    assert (tmp_path / kept).read_bytes() == before[kept]


@pytest.mark.parametrize("place", ["file", "file/inside"])
def test_refuses_a_folder_that_is_a_file(figure, tmp_path, place):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="figures cannot be saved in"):
        save_figure(figure, tmp_path / place, "a", COMMAND)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "content", [b"", b"mine\n1\n", b"name,command\na,b\n", b"\xff\xfe\x00", b'name,command,caption\n"']
)
def test_refuses_another_list_before_writing(figure, tmp_path, content):
    (tmp_path / "figures.csv").write_bytes(content)
    with pytest.raises(InputError, match="must be a list of figures"):
        save_figure(figure, tmp_path, "a", COMMAND)
    assert names(tmp_path) == ["figures.csv"]
    assert (tmp_path / "figures.csv").read_bytes() == content


@pytest.mark.parametrize("name", ["", "../a", "a/b", "a.png", "a b", "ä", "a\n"])
def test_refuses_a_name_that_is_no_plain_word(figure, tmp_path, name):
    with pytest.raises(InputError, match="letters, digits"):
        save_figure(figure, tmp_path, name, COMMAND)
    assert names(tmp_path) == []


def test_command_joins_lists():
    command = notebook_command("x", a=[], b=["mse", "mae"], c=[0.5, 1.0])
    assert command == "zslcore run x -p a '[]' -p b mse,mae -p c 0.5,1.0"


def test_command_is_read_back_as_the_parameters_it_was_made_of():
    values = {"dataset": "SYNTH", "seed": -3, "title": "my 'figures' $HOME", "empty": "", "share": 0.25, "fast": True}
    known = {name: Parameter(name, type(value).__name__, value, "") for name, value in values.items()}
    words = shlex.split(notebook_command("07_figures", **values))
    assert words[0] == "zslcore"
    arguments = cli._parser().parse_args(cli._joined(words[1:]))
    assert arguments.notebook == "07_figures"
    assert bind(known, cli.given_values(arguments.parameter)) == values


def test_two_processes_may_write_to_one_folder(tmp_path):
    script = """
import sys
import matplotlib.pyplot as plt
from zslcore.study.results.figure_files import save_figure
for number in range(6):
    save_figure(plt.figure(figsize=(1, 1)), sys.argv[1], f"{sys.argv[2]}{number}", "command")
"""
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in "ab"]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    listed = pd.read_csv(tmp_path / "figures.csv")["name"]
    assert listed.tolist() == [f"{name}{number}" for name in "ab" for number in range(6)]

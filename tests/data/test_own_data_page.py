"""The page docs/own_data.md: its code runs as it stands, and prints what the page shows."""

import re
import shlex
from pathlib import Path

import pytest

from zslcore import cli

PAGE = (Path(__file__).parents[2] / "docs" / "own_data.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def commands():
    return [shlex.split(block.removeprefix("$ zslcore ")) for block in blocks("console")]


def test_a_data_set_is_made_and_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for part in ("DATA", "CACHE", "RUNS"):
        monkeypatch.setenv(f"ZSLCORE_{part}", str(tmp_path / part))
    pictures, training = blocks("python")
    assert len(pictures.split("\n\n", 1)[1].splitlines()) <= 10  # after the imports
    exec(compile(pictures, "own_data.md", "exec"), {})
    assert cli.main(commands()[0]) == 0
    assert capsys.readouterr().out.split("\n", 1)[1] == blocks("text")[2]
    exec(compile(training, "own_data.md", "exec"), {})
    assert float(capsys.readouterr().out) > 0.4


@pytest.mark.parametrize("command", ["make", "subset"])
def test_options_are_those_of_the_command(command, capsys):
    with pytest.raises(SystemExit):
        cli.main(["data", command, "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--name"}
    table = PAGE.split("## A smaller data set")[command == "subset"].split("| option |")[1]
    shared = {"--root", "--seed", "--images"} if command == "subset" else set()
    assert options - shared == set(re.findall(r"^\| `(--[a-z-]+)", table, re.MULTILINE))


def test_commands_are_valid():
    for words in commands():
        assert cli._parser().parse_args(words).name in ("COLOURS", "CUB100")

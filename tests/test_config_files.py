"""Settings from a command line and from files: what is read, and what is refused in one sentence."""

import json
import re

import numpy as np
import pytest
import yaml

from zslcore import InputError
from zslcore._io.mappings import unique_yaml
from zslcore.config import RunConfig

SYNTH = RunConfig(dataset="SYNTH")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("epochs", "3", 3), ("lr", "1e-3", 0.001), ("unit_mean", "true", True), ("network", "gem", "gem")],
)
def test_settings_read_from_a_command_line(name, text, value):
    assert RunConfig.parse(name, text) == value
    assert RunConfig.parse("loss_options", '{"delta": 0.5}') == {"delta": 0.5}


def test_what_a_command_line_cannot_mean():
    with pytest.raises(InputError, match=r"^epochs must be int, got 'ten'$"):
        RunConfig.parse("epochs", "ten")
    with pytest.raises(InputError, match="did you mean 'epochs'"):
        RunConfig.parse("epoch", "3")
    for text in ("{", "[" * 100_000, "9" * 5000):
        with pytest.raises(InputError, match=r"^loss_options must be a JSON object, got '[{\[9]+'?$"):
            RunConfig.parse("loss_options", text)


@pytest.mark.parametrize("text", ["[1]", "a: [", "3", "[" * 100_000, '{"a":' * 100_000], ids=lambda text: text[:8])
@pytest.mark.parametrize("name", ["config.yml", "config.json"])
def test_files_that_hold_no_settings(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=rf"{name} (must hold settings by name|cannot be read as a config)"):
        RunConfig.read(path)


@pytest.mark.parametrize(("text", "key"), [("1: 2", "1"), ("null: 2", "None"), ("{dataset: SYNTH, 1.5: 2}", "1.5")])
@pytest.mark.usefixtures("unchecked")
def test_keys_of_a_file_are_text(tmp_path, text, key):
    (tmp_path / "config.yml").write_text(text)
    with pytest.raises(InputError, match=rf"config.yml: names of settings must be text, got {re.escape(key)}$"):
        RunConfig.read(tmp_path / "config.yml")


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("config.json", '{"dataset": "SYNTH", "lam": 1, "lam": 2}', "lam"),
        ("config.json", '{"dataset": "SYNTH", "loss_options": {"delta": 1, "delta": 2}}', "delta"),
        ("config.yml", "dataset: SYNTH\nlam: 1\nlam: 2\n", "lam"),
        ("config.yml", 'dataset: SYNTH\nloss_options: {delta: 1, "delta": 2}\n', "delta"),
    ],
)
def test_a_key_that_is_given_twice(tmp_path, name, text, key):
    """The last one was taken, without a word."""
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path / name))}: '{key}' is given twice$"):
        RunConfig.read(tmp_path / name)


def test_a_key_that_is_given_twice_on_a_command_line():
    with pytest.raises(InputError, match=r"^loss_options: 'delta' is given twice$"):
        RunConfig.parse("loss_options", '{"delta": 1, "delta": 2}')


@pytest.mark.usefixtures("unchecked")
def test_a_wrong_value_in_a_file_names_the_file(tmp_path):
    """Of 25 runs, which one?"""
    (tmp_path / "config.json").write_text('{"dataset": "SYNTH", "epochs": "3"}')
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path))}/config.json: epochs must be .*, got '3'$"):
        RunConfig.read(tmp_path / "config.json")


def test_yaml_and_json_read_alike(tmp_path):
    config = SYNTH.replace(lr=0.001, loss_options={"decay": 0.5})
    for name, dump in (("c.yml", yaml.safe_dump), ("c.json", json.dumps)):
        (tmp_path / name).write_text(dump(config.to_dict()))
        assert RunConfig.read(tmp_path / name) == config


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        *(("c.yml", f"{{dataset: SYNTH, lam: {text}}}", float(text)) for text in ("1e-3", "1E3", "+.5e1", "2.e+0")),
        ("c.JSON", '{"dataset": "SYNTH", "lam": 1e-05}', 1e-05),
        ("c.json", '\ufeff{"dataset": "SYNTH", "lam": 2}', 2.0),
        ("c.yml", "\ufeffdataset: SYNTH\r\nlam: 2\r\n", 2.0),
        ("c.yml", "dataset: SYNTH\nlam: 010\n", 10.0),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])  # PowerShell writes the second
@pytest.mark.parametrize("home", ["~", None])
def test_files_as_editors_and_people_write_them(tmp_path, monkeypatch, home, encoding, name, text, value):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / name).write_bytes((text.removeprefix("\ufeff") if encoding == "utf-16" else text).encode(encoding))
    assert RunConfig.read(f"{home or tmp_path}/{name}").lam == value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("010", 10), ("08", 8), ("0", 0), ("-5", -5), ("+3", 3), ("1_000", 1000), ("0x1F", 31), ("0o17", 15)),
        *((".5", 0.5), ("5.", 5.0), ("1_000.5", 1000.5), ("1e3", 1000.0), (".inf", np.inf), ("-.INF", -np.inf)),
    ],
)
def test_numbers_are_those_of_yaml_1_2(text, number):
    """In YAML 1.1, which PyYAML reads, 010 is 8."""
    (value,) = unique_yaml(f"- {text}")
    assert (value, type(value)) == (number, type(number))


@pytest.mark.parametrize("text", ["1e", "e3", "1e-3x", "1e-3 GB", "'1e-3'", "-e3", ".", "1:30", "1:30.5", "1__0", "_1"])
def test_other_words_of_yaml_are_text(text):
    assert unique_yaml(f"- {text}") == [text.strip("'")]

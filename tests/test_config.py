"""Settings of a run: what is refused and how, the settings of the study, and the names of runs."""

import argparse
import dataclasses
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from other_values import CHOICES, FIELDS, SYNTH, another

from zslcore import InputError
from zslcore.config import RunConfig, setting_table
from zslcore.criteria import CRITERIA, criterion_options
from zslcore.loss_options import OPTION_FIELDS, reference_value
from zslcore.training.identity import run_name

AT_LEAST_ONE = ["epochs", "episodes", "ways", "shots", "image_size", "lr_step", "key_dim"]
AT_LEAST_ZERO = [
    *("lam", "p", "p2", "momentum", "weight_decay", "hidden", "ratio", "seed"),
    *("decorrelation", "compactness", "clip", "lam_cls", "class_split"),
]
ABOVE_ZERO = ["scale", "lr", "lr_decay", "resize_ratio", "train_resize_ratio"]
ALLOWED = {name: allowed for name, _, allowed, _ in setting_table()}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.usefixtures("unchecked")
def test_value_of_another_type_is_refused(name):
    wrong = {int: 1.0, float: "1.0", str: None, bool: 1, dict: "{}"}[FIELDS[name]]
    with pytest.raises(InputError, match=f"^{re.escape(f'{name} must be {ALLOWED[name]}, got {wrong!r}')}$"):
        SYNTH.replace(**{name: wrong})


@pytest.mark.parametrize("name", [name for name, kind in FIELDS.items() if kind in (int, float)])
@pytest.mark.usefixtures("unchecked")
def test_a_bool_is_no_number(name):
    with pytest.raises(InputError, match=f"^{re.escape(f'{name} must be {ALLOWED[name]}, got True')}$"):
        SYNTH.replace(**{name: True})


@pytest.mark.parametrize("name", [name for name, kind in FIELDS.items() if kind is float])
def test_an_integer_is_a_float(name):
    value = 0 if name == "momentum" else 1
    changed = SYNTH.replace(**{name: value})
    assert type(getattr(changed, name)) is float
    assert changed == SYNTH.replace(**{name: float(value)})
    assert run_name(changed) == run_name(SYNTH.replace(**{name: float(value)}))


@pytest.mark.parametrize(
    ("name", "limit"), [*((name, 1) for name in AT_LEAST_ONE), *((name, 0) for name in AT_LEAST_ZERO)]
)
def test_values_start_at_their_limit(name, limit):
    limit = FIELDS[name](limit)
    assert getattr(SYNTH.replace(**{name: limit}), name) == limit
    with pytest.raises(InputError, match=rf"^{name} must be an? \w+ of at least {int(limit)}.*, got {limit - 1}$"):
        SYNTH.replace(**{name: limit - 1})


@pytest.mark.parametrize("name", ABOVE_ZERO)
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_positive_settings_are_above_zero(name, value):
    assert getattr(SYNTH.replace(**{name: 1e-9}), name) == 1e-9
    with pytest.raises(InputError, match=rf"^{name} must be a number above 0.*, got {value}$"):
        SYNTH.replace(**{name: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", [name for name, kind in FIELDS.items() if kind is float])
def test_numbers_are_finite(name, value):
    with pytest.raises(InputError, match=f"^{name} must be a number"):
        SYNTH.replace(**{name: value})


def test_a_seed_is_one_that_torch_takes():
    assert SYNTH.replace(seed=2**63 - 1).seed == 2**63 - 1
    for seed in (2**63, 2**64):
        with pytest.raises(InputError, match=rf"^seed must be an integer of at least 0 and below {2**63}, got {seed}$"):
            SYNTH.replace(seed=seed)


@pytest.mark.parametrize("name", ["image_size", "episodes", "epochs", "shots", "ways", "hidden", "key_dim", "lr_step"])
@pytest.mark.parametrize("value", [10**12, 10**400], ids=["10^12", "10^400"])
def test_absurd_sizes_are_refused_when_the_config_is_made(name, value):
    """They were refused by the memory, after the data were read; an integer of 400 digits is no float either."""
    with pytest.raises(
        InputError, match=rf"^{name} must be an integer of at least . and at most \d+, got 10{{12,99}}$"
    ):
        SYNTH.replace(**{name: value})


@pytest.mark.parametrize("name", ["", "..", "../../x", "a/b", "a b", "a;b", "-CUB", ".CUB", "C\nB", "C\0B", "C" * 101])
def test_a_dataset_has_a_name_that_is_one_folder(name):
    with pytest.raises(
        InputError, match=r"^dataset must (be a name such as my-birds|have no control characters)"
    ) as caught:
        RunConfig(dataset=name)
    assert str(caught.value).isprintable()
    assert RunConfig(dataset="my-birds.v2").dataset == "my-birds.v2"


def test_momentum_is_below_one():
    with pytest.raises(InputError, match=r"^momentum must be a number of at least 0 and below 1, got 1\.0$"):
        SYNTH.replace(momentum=1)


@pytest.mark.parametrize(
    ("name", "value"), [("p", np.float64(0.5)), ("p", np.float32(0.5)), ("p", np.int64(2)), ("epochs", np.int32(2))]
)
@pytest.mark.usefixtures("unchecked")
def test_numbers_of_numpy_become_those_of_python(name, value):
    config = SYNTH.replace(**{name: value})
    assert getattr(config, name) == value
    assert type(getattr(config, name)) is FIELDS[name]
    assert json.dumps(config.to_dict())


@pytest.mark.parametrize(
    ("loss", "options"),
    [("huber", {"delta": np.float32(0.5)}), ("lds", {"bins": np.int64(9)}), ("eszsl", {"gamma": np.logspace(0, 3)[9]})],
)
def test_options_of_a_loss_may_be_numbers_of_numpy(loss, options):
    config = SYNTH.replace(loss=loss, loss_options=options)
    assert config.loss_options == options
    assert json.loads(json.dumps(config.to_dict())) == config.to_dict()


@pytest.mark.parametrize(("name", "value"), [("epochs", np.float64(2)), ("epochs", np.bool_(True)), ("lr", 10**400)])
@pytest.mark.usefixtures("unchecked")
def test_other_numbers_are_refused(name, value):
    with pytest.raises(InputError, match=f"^{name} must be an? "):
        SYNTH.replace(**{name: value})


def test_the_table_has_a_row_with_help_for_every_setting():
    table = setting_table()
    assert [row[0] for row in table] == list(FIELDS)
    assert all(help for _, _, _, help in table)
    assert table[0][1] == "required"
    for name, default, _, _ in table[1:]:
        assert RunConfig.parse(name, default) == getattr(RunConfig(dataset="SYNTH"), name)


def test_a_config_is_made_without_fcntl():
    """Windows has no fcntl."""
    code = "import sys; sys.modules['fcntl'] = None; import zslcore.config as c; print(c.RunConfig(dataset='CUB').lam)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0.25\n"), done.stderr


def test_every_number_has_a_range():
    numbers = {name for name, kind in FIELDS.items() if kind in (int, float)}
    assert numbers == {*AT_LEAST_ONE, *AT_LEAST_ZERO, *ABOVE_ZERO}


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_named(name):
    for value in CHOICES[name]:
        assert getattr(SYNTH.replace(**{name: value}), name) == value
    with pytest.raises(InputError, match=f"^{name} must be one of {', '.join(CHOICES[name])}, got 'other'$"):
        SYNTH.replace(**{name: "other"})


@pytest.mark.parametrize(("name", "meant"), [("epoch", "epochs"), ("lamb", "lam"), ("Seed", "seed"), ("shot", "shots")])
def test_unknown_name_suggests_the_closest(name, meant):
    with pytest.raises(InputError, match=f"^unknown setting '{name}'; did you mean '{meant}'\\?$"):
        SYNTH.replace(**{name: 1})


@pytest.mark.parametrize("reference", ["min", "mean", "median", "0.1", "1e-3"])
@pytest.mark.usefixtures("unchecked")
def test_a_reference_is_a_name_or_a_quantile(reference):
    assert SYNTH.replace(reference=reference).reference == reference
    wanted = reference if reference.isalpha() else float(reference)
    assert reference_value(reference) == wanted
    assert SYNTH.replace(reference=wanted) == SYNTH.replace(reference=str(wanted))  # a number too, as for ReMSE


@pytest.mark.parametrize("reference", ["max", "0", "1.0", "nan", "", 0, 1.5, np.float32(2)])
@pytest.mark.usefixtures("unchecked")
def test_other_references_are_refused(reference):
    with pytest.raises(
        InputError, match=r"^reference must be one of min, mean, median, or a quantile in \(0, 1\), got"
    ):
        SYNTH.replace(reference=reference)


def test_options_of_a_loss_are_those_it_has():
    assert SYNTH.replace(loss="huber", loss_options={"delta": 0.5}).loss_options == {"delta": 0.5}
    with pytest.raises(InputError, match=r"^loss_options of huber must be among: delta; got 'sigma'$"):
        SYNTH.replace(loss="huber", loss_options={"sigma": 0.5})
    with pytest.raises(InputError, match=r"^loss_options of remse must be among: .*; got 'p'$"):
        SYNTH.replace(loss="remse", loss_options={"p": 1.0})  # a setting of its own
    with pytest.raises(InputError, match=r"^loss_options of none must be among: none; got 'delta'$"):
        SYNTH.replace(loss="none", loss_options={"delta": 1.0})


@pytest.mark.parametrize(
    ("loss", "option", "wrong", "kind"),
    [
        *(("huber", "delta", wrong, "a finite number") for wrong in ("a", None, True, [1.0])),
        *(("lds", "bins", wrong, "a whole number of at most 100000") for wrong in (2.5, "20", True)),
        ("remse", "kind", 1, "str"),
        ("remse_random", "seed", 0.0, "a whole number of at most 100000"),
    ],
)
def test_options_of_a_loss_have_the_types_of_their_defaults(loss, option, wrong, kind):
    with pytest.raises(InputError, match=rf"^{option} in loss_options must be {kind}, got {re.escape(repr(wrong))}$"):
        SYNTH.replace(loss=loss, loss_options={option: wrong})


def test_every_option_of_every_loss_can_be_given_as_its_default_is():
    for loss in CRITERIA:
        options = {name: value for name, value in criterion_options(loss).items() if name not in OPTION_FIELDS}
        assert SYNTH.replace(loss=loss, loss_options=options).loss_options == options
    assert SYNTH.replace(loss="huber", loss_options={"delta": 1}).loss_options == {"delta": 1}  # a whole number too


def test_fine_tuning_standardises_no_features():
    with pytest.raises(InputError, match=r"^standardize must be False with fine_tune"):
        RunConfig(dataset="SYNTH", fine_tune=True)


def test_unknown_name_far_from_all_lists_the_known_ones():
    with pytest.raises(InputError, match=r"^unknown setting 'zzzzz'; the known ones are dataset, .*device$"):
        RunConfig.from_dict({"dataset": "SYNTH", "zzzzz": 1})


def test_dataset_is_required():
    with pytest.raises(InputError, match="needs the setting 'dataset'"):
        RunConfig.from_dict({"epochs": 3})


def test_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SYNTH.seed = 3


@pytest.mark.parametrize("name", FIELDS)
def test_replace_changes_one_setting_and_keeps_the_original(name):
    before, value = SYNTH.to_dict(), another(name)
    changed = SYNTH.replace(**{name: value})
    assert changed.to_dict() == before | {name: value}
    assert SYNTH.to_dict() == before


@pytest.mark.parametrize("name", FIELDS)
def test_json_round_trip(name, tmp_path):
    config = SYNTH.replace(**{name: another(name)})
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    assert RunConfig.read(tmp_path / "config.json") == config


def test_settings_are_read_as_utf_8_whatever_the_locale():
    """The files of settings hold ±, which ASCII and cp1252 cannot read."""
    script = "from zslcore import RunConfig; print(RunConfig.study('SYNTH').lam, RunConfig.published('CUB').lam)"
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", script]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert shown.stdout.split() == ["10.0", "0.25"], shown.stderr


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("values", [None, ["dataset"], "SYNTH", argparse.Namespace(dataset="SYNTH")], ids=repr)
def test_settings_are_a_dictionary(values):
    with pytest.raises(InputError, match=f"^settings must be a dictionary, got {type(values).__name__}$"):
        RunConfig.from_dict(values)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["weights", "word_vectors"])
def test_a_file_may_be_given_as_a_path(name, tmp_path):
    config = RunConfig(dataset="SYNTH", **{name: tmp_path / "file"})
    assert config == RunConfig(dataset="SYNTH", **{name: str(tmp_path / "file")})

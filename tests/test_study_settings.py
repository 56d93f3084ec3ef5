"""The settings that the study chose for a data set and a method."""

import re
from importlib import resources

import pytest
import yaml
from other_values import FIELDS

from zslcore import InputError
from zslcore.config import RunConfig, study_settings
from zslcore.methods import BASELINES, CHOSEN_SETTINGS, METHODS, study_methods
from zslcore.training.fit import default_folder
from zslcore.training.identity import run_name

SETTINGS_FILES = [file for file in (resources.files("zslcore") / "settings").iterdir() if file.name.endswith(".yml")]


@pytest.mark.parametrize("method", [*METHODS, *BASELINES])
@pytest.mark.parametrize("dataset", [yaml.safe_load(file.read_text())["dataset"] for file in SETTINGS_FILES])
def test_settings_of_the_study(dataset, method):
    """Every file is valid for every method, by its own words over the defaults, and names the runs by method."""
    file = study_settings()[dataset]
    config = RunConfig.study(dataset, method=method, seed=7)
    expected = RunConfig(dataset=file["dataset"]).to_dict() | file["settings"]
    expected |= (METHODS | BASELINES)[method] | file["methods"].get(method, {}) | {"dataset": dataset, "seed": 7}
    assert config.to_dict() == expected
    assert run_name(config) == f"{method}-seed7"


@pytest.mark.parametrize("file", SETTINGS_FILES, ids=lambda file: file.name)
def test_settings_files_hold_nothing_that_is_not_read(file):
    content = yaml.safe_load(file.read_text())
    assert set(content) == {"dataset", "settings", "methods"}
    assert set(content["methods"]) <= {*METHODS, *BASELINES}
    assert study_settings()[content["dataset"]] == content
    for method, settings in [(None, content["settings"]), *content["methods"].items()]:
        assert not {"dataset", "seed", "loss"} & set(settings)
        RunConfig(dataset=content["dataset"], **settings, **BASELINES.get(method, {}))


def test_the_methods_of_a_data_set_are_different_runs():
    for dataset in study_settings():
        assert len({RunConfig.study(dataset, method=method) for method in METHODS}) == len(METHODS)


def test_methods_differ_from_each_other_only_as_they_say():
    remse, mse, matched, plain, tuned, centred = (
        RunConfig.study("SYNTH", method=method).to_dict()
        for method in ("remse", "mse", "mse_matched", "cross_entropy", "cross_entropy_tuned", "cross_entropy_centred")
    )

    def changed(first, second):
        return {name for name in FIELDS if first[name] != second[name]}

    assert changed(remse, mse) == changed(remse, plain) == {"loss"}
    assert changed(mse, matched) == {"lam"}
    assert changed(plain, tuned) == {"scale"}
    assert changed(tuned, centred) == {"attribute_vectors"}


def test_changes_override_the_study_and_the_method():
    config = RunConfig.study("SYNTH", method="mse_matched", lam=3, epochs=2)
    assert (config.loss, config.lam, config.epochs) == ("mse", 3.0, 2)


def test_data_set_without_settings_takes_the_defaults():
    assert RunConfig.study("MINE") == RunConfig(dataset="MINE")
    assert RunConfig.study("MINE", method="mse") == RunConfig(dataset="MINE", loss="mse")


@pytest.mark.parametrize("dataset", [*study_settings(), "CUB", "AWA2", "SUN", "MINE"])
def test_every_method_of_a_data_set_has_a_folder_of_its_own(dataset):
    """The folder that the study's graph waits for, whether or not the data set has settings of its own."""
    methods = study_methods(dataset)
    assert methods == [name for name in METHODS if name not in CHOSEN_SETTINGS or dataset in study_settings()]
    for method in methods:
        assert default_folder(RunConfig.study(dataset, method=method, seed=3)).name == f"{method}-seed3"


@pytest.mark.parametrize(("method", "setting"), CHOSEN_SETTINGS.items())
def test_a_method_without_its_chosen_value_is_refused(method, setting):
    """It could not be compared with the others; the message says how to give a value."""
    with pytest.raises(InputError, match=r"^method must be one of cross_entropy, mse, remse for CUB, ") as caught:
        RunConfig.study("CUB", method=method)
    message, command = str(caught.value).split("run: ")
    assert f"got {method!r}: it needs a {setting} chosen for the data set" in message
    assert command.startswith("zslcore train --dataset CUB -s loss ")
    words = command.split()[4:]
    settings = dict(zip(words[1::3], words[2::3], strict=True))
    assert settings == METHODS[method] | {setting: "VALUE"}
    assert RunConfig.study("CUB", **(settings | {setting: 60.0})).to_dict()[setting] == 60.0


@pytest.mark.parametrize("method", BASELINES)
def test_a_baseline_without_chosen_options_is_refused(method):
    with pytest.raises(InputError, match=rf"^method '{method}' needs options .* for CUB.* run: zslcore baselines CUB$"):
        RunConfig.study("CUB", method=method)


class TestClosedForm:
    """Settings of a loss that is solved."""

    @pytest.mark.parametrize(
        "changes", [{"network": "gem"}, {"hidden": 4}, {"fine_tune": True, "standardize": False}], ids=str
    )
    def test_needs_a_linear_map_of_frozen_features(self, changes):
        with pytest.raises(InputError, match=r"^loss 'sae' needs network 'basic', hidden 0 and fine_tune False"):
            RunConfig(dataset="SYNTH", loss="sae", **changes)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"gamma": 1.0}, "loss_options of sae must be among: lam; got 'gamma'"),
            ({"lam": "1"}, "lam in loss_options must be a finite number, got '1'"),
            ({"lam": 0.0}, "lam in loss_options must be a finite number above 0, got 0.0"),
        ],
    )
    def test_options_are_its_own_and_above_zero(self, options, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            RunConfig(dataset="SYNTH", loss="sae", loss_options=options)

    def test_options_name_the_run(self):
        first, second = (RunConfig.study("SYNTH", loss="sae", loss_options={"lam": lam}) for lam in (2.0, 3.0))
        assert run_name(first) != run_name(second)


def test_unknown_method_names_the_known_ones():
    with pytest.raises(InputError, match=f"^method must be one of {', '.join([*METHODS, *BASELINES])}, got 'gan'$"):
        RunConfig.study("SYNTH", method="gan")

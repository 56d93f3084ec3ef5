"""Which settings make another run, and the names of runs."""

import pytest
from other_values import FIELDS, SYNTH, another

from zslcore.config import RunConfig
from zslcore.loss_options import OPTION_FIELDS
from zslcore.methods import METHODS
from zslcore.training.identity import identifying_settings, run_name


def effective(name, config):
    """The config with a network and a loss that use the setting."""
    if name in ("word_vectors", "key_dim", "ratio"):
        return config.replace(network="attention")
    if name in ("gem_variant", "decorrelation", "compactness"):
        return config.replace(network="gem")
    if name == "train_resize_ratio":
        return config.replace(fine_tune=True)
    if name == "targets":
        return config.replace(loss="remse", attribute_vectors="normalised")
    if name in ("lam", "equal_lambda") or (name in OPTION_FIELDS and name != "normalize"):
        return config.replace(loss="remse")
    return config


@pytest.mark.parametrize(
    ("base", "ignored"),
    [
        ({"network": "basic"}, ["key_dim", "ratio", "gem_variant", "decorrelation", "compactness", "word_vectors"]),
        ({"network": "attention"}, ["gem_variant", "decorrelation", "compactness"]),
        ({"network": "gem"}, ["hidden", "key_dim", "ratio"]),
        ({"loss": "mse"}, ["p", "p2", "memory", "reference", "unit_mean", "equal_lambda"]),
        ({"loss": "none"}, ["p", "p2", "memory", "reference", "unit_mean", "lam"]),
        ({"backbone": "res101"}, ["weights", "image_size", "resize_ratio", "train_resize_ratio"]),
        ({}, ["device"]),
    ],
    ids=str,
)
def test_settings_without_effect_are_no_part_of_a_run(base, ignored):
    config = SYNTH.replace(**base)
    for name in ignored:
        changed = config.replace(**{name: another(name, config)})
        assert run_name(changed) == run_name(config), name
        assert identifying_settings(changed) == identifying_settings(config), name
    used = {"lr", "normalize", "standardize", "scale", "network", "loss", "backbone"}
    for name in used:
        changed = config.replace(**{name: another(name, config)})
        assert identifying_settings(changed) != identifying_settings(config), name


def test_what_is_solved_does_not_depend_on_how_it_would_be_trained():
    config = RunConfig.study("SYNTH", method="eszsl")
    for name in ("lr", "momentum", "epochs", "episodes", "ways", "shots", "lam_cls", "schedule"):
        assert run_name(config.replace(**{name: another(name, config)})) == "eszsl-seed0", name
    for name in ("standardize", "scale", "seed", "attribute_vectors", "class_split"):
        assert run_name(config.replace(**{name: another(name, config)})) != "eszsl-seed0", name


def test_a_method_with_settings_that_it_ignores_is_still_that_method():
    config = RunConfig.study("SYNTH", method="mse", seed=4)
    assert run_name(config.replace(p=0.9, key_dim=3, word_vectors="other.npy")) == "mse-seed4"
    assert run_name(config.replace(lam=0.9)) != "mse-seed4"


@pytest.mark.parametrize("method", [None, *METHODS])
def test_any_changed_setting_changes_the_name_of_the_folder(method):
    """The data set is the folder above; within it, no two settings share a name."""
    for name in set(FIELDS) - {"dataset", "loss_options", "device"}:
        base = effective(name, RunConfig.study("SYNTH", method=method, standardize=False))
        assert run_name(base.replace(**{name: another(name, base)})) != run_name(base), name


def test_names_of_runs_off_the_study_are_stable_and_distinct():
    names = [name for name in FIELDS if name not in ("dataset", "device")]
    configs = [effective(name, SYNTH).replace(**{name: another(name)}) for name in names]
    names = [run_name(config) for config in configs]
    assert len(set(names)) == len(names)
    assert names == [run_name(RunConfig.from_dict(dict(reversed(config.to_dict().items())))) for config in configs]
    # written down: users find their runs again after an upgrade
    assert run_name(RunConfig(dataset="SYNTH")) == "remse-seed0-3496225b"


@pytest.mark.parametrize("method", [None, "remse"])
def test_the_device_is_no_part_of_the_name(method):
    config = RunConfig.study("SYNTH", method=method)
    assert run_name(config.replace(device="cuda")) == run_name(config)

"""The experiments: their configs, and the command that runs them."""

import re
from pathlib import Path

import pandas as pd
import pytest

from zslcore import InputError
from zslcore.study.experiments import configs
from zslcore.study.experiments.__main__ import main
from zslcore.study.experiments.configs import CHOSEN_RATES, NAMES, RATES, configs_of
from zslcore.study.experiments.grid import _identity

RESULTS = Path(__file__).parents[3] / "results"
COMMITTED = [(file.parent.name, file.stem) for name in NAMES for file in sorted(RESULTS.glob(f"*/{name}.csv"))]


@pytest.mark.parametrize(("dataset", "name"), COMMITTED)
def test_every_committed_row_is_of_a_config_of_its_experiment(dataset, name):
    rows = pd.read_csv(RESULTS / dataset / f"{name}.csv")
    known = [_identity(config) for config in configs_of(name, dataset, range(1, 1 + rows["class_split"].max()))]
    assert set(rows["settings"]) <= set(known)
    assert len(set(known)) == len(known)
    measured = {"audit": ["estimate"], "pointing": ["group", "split"]}.get(name, [])
    assert not rows.duplicated(["settings", *measured]).any()


@pytest.mark.parametrize("dataset", [dataset for dataset, name in COMMITTED if name == "fine_tuned_rates"])
@pytest.mark.parametrize(("name", "network"), [("fine_tuned", "basic"), ("fine_tuned_attention", "attention")])
def test_learning_rates_are_those_of_the_highest_validation_t1(dataset, name, network):
    rows = pd.read_csv(RESULTS / dataset / "fine_tuned_rates.csv").set_index("settings")
    trained = [config for config in configs_of("fine_tuned_rates", dataset, []) if config.network == network]
    assert [config.lr for config in trained] == list(RATES)
    best = max(trained, key=lambda config: rows.loc[_identity(config), "validation_T1"])
    assert {config.lr for config in configs_of(name, dataset, [])} == {best.lr} == {CHOSEN_RATES[dataset, name]}


def test_larger_pictures_have_the_settings_of_the_others():
    larger, usual = configs_of("fine_tuned_224", "CUB100", []), configs_of("fine_tuned", "CUB100", [])
    assert [config.replace(image_size=160) for config in larger] == usual
    assert {config.image_size for config in larger} == {224}


def test_unknown_experiments_name_the_known_ones():
    with pytest.raises(InputError, match=r"^experiment must be one of map, .*, audit, got 'maps'$"):
        configs_of("maps", "SYNTH", [])


def test_the_command_writes_the_table(monkeypatch, tmp_path, capsys):
    def row(config, *, gamma_from):
        return pd.DataFrame({"seed": [config.seed], "gamma_from": gamma_from})

    monkeypatch.setattr(configs, "map_row", row)
    main(["SYNTH", "map", "--splits", "2", "--output", str(tmp_path)])
    rows = pd.read_csv(tmp_path / "SYNTH" / "map.csv")
    assert len(rows) == (2 + 5) * (1 + 3 * 6)  # two random splits, five seeds of the benchmark's own, six lambdas
    assert "133 rows in" in capsys.readouterr().out
    assert set(rows["gamma_from"]) == {"folds"}
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["SYNTH", "map", "--splits", "3", "--gamma-from", "validation", "--output", str(tmp_path)])
    wanted = "holds rows with gamma from folds: give --gamma-from folds, or another --output"
    assert capsys.readouterr().err == f"zslcore: {tmp_path / 'SYNTH' / 'map.csv'} {wanted}\n"
    assert len(pd.read_csv(tmp_path / "SYNTH" / "map.csv")) == len(rows)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["SYNTH", "nothing"], "experiment must be one of .*"),
        (["SYNTH", "map", "--splits", "-1"], "splits must be an integer of at least 0, got -1"),
        (["SYNTH", "map", "--jobs", "0"], "jobs must be an integer of at least 1, got 0"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, words, line):
    with pytest.raises(SystemExit, match=r"^2$"):
        main([*words, "--output", str(tmp_path)])
    assert re.fullmatch(f"zslcore: {line}\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "a"), 2, "Permission denied: a"),
    ],
)
def test_an_interrupt_and_an_error_of_a_file_are_one_line(monkeypatch, tmp_path, capsys, error, status, line):
    def stop(config, *, gamma_from):
        raise error

    monkeypatch.setattr(configs, "map_row", stop)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    with pytest.raises(SystemExit, match=f"^{status}$"):
        main(["SYNTH", "map", "--splits", "1", "--output", str(tmp_path)])
    assert capsys.readouterr().err == f"zslcore: {line}\n"

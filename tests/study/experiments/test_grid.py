"""Grids: every config once, rows kept as they come, an interrupted grid resumed."""

import importlib

import pandas as pd
import pytest

from zslcore.config import RunConfig
from zslcore.study.experiments.grid import run_grid

CONFIGS = [RunConfig(dataset="SYNTH", seed=seed) for seed in (2, 0, 1)]


def measure(config):
    """A stand-in for a training; two rows for each config."""
    if config.lr == 0.5:
        raise ValueError("stopped")
    return pd.DataFrame({"seed": [config.seed] * 2, "value": [0.1 * config.seed, 1.0]})


def test_rows_of_all_configs_in_their_order(tmp_path):
    rows = run_grid(measure, CONFIGS, tmp_path / "grid.csv")
    assert rows["seed"].tolist() == [2, 2, 0, 0, 1, 1]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "grid.csv"), rows)


def test_several_processes_give_the_same_rows(tmp_path, monkeypatch):
    (tmp_path / "measured.py").write_text(
        "import pandas as pd\n\n\ndef seed_of(config):\n    return pd.DataFrame({'seed': [config.seed]})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    measure_seed = importlib.import_module("measured").seed_of
    one, two = (run_grid(measure_seed, CONFIGS, tmp_path / f"{jobs}.csv", jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_a_grid_that_is_stopped_does_not_run_the_other_configs(tmp_path, monkeypatch):
    """After an interrupt it went on for hours, and kept no row of what it ran."""
    (tmp_path / "stopping.py").write_text(
        "import time\nfrom pathlib import Path\n\n\ndef stop(config):\n"
        "    if config.seed == 0:\n        raise KeyboardInterrupt\n"
        "    time.sleep(0.2)\n    Path(__file__).with_name(f'ran-{config.seed}').touch()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    configs = [RunConfig(dataset="SYNTH", seed=seed) for seed in range(30)]
    with pytest.raises(KeyboardInterrupt):
        run_grid(importlib.import_module("stopping").stop, configs, tmp_path / "grid.csv", jobs=2)
    assert len(list(tmp_path.glob("ran-*"))) < 20


def test_an_interrupted_grid_keeps_its_rows_and_resumes(tmp_path):
    file = tmp_path / "grid.csv"
    with pytest.raises(ValueError, match="stopped"):
        run_grid(measure, [*CONFIGS[:2], CONFIGS[2].replace(lr=0.5)], file)
    assert pd.read_csv(file)["seed"].tolist() == [2, 2, 0, 0]
    done = pd.read_csv(file).assign(value=7.0)
    done.to_csv(file, index=False)
    rows = run_grid(measure, CONFIGS, file)
    assert rows["value"].tolist() == [7.0, 7.0, 7.0, 7.0, 0.1, 1.0]  # known rows are not measured again


def test_the_device_does_not_make_another_row(tmp_path):
    run_grid(measure, CONFIGS, tmp_path / "grid.csv")
    rows = run_grid(measure, [config.replace(device="cpu") for config in CONFIGS], tmp_path / "grid.csv")
    assert len(rows) == 6


def test_rows_of_other_configs_stay_in_the_table(tmp_path):
    """A call with fewer configs must not lose what an earlier one took hours to make."""
    file = tmp_path / "grid.csv"
    run_grid(measure, CONFIGS, file)
    assert run_grid(measure, CONFIGS[1:2], file)["seed"].tolist() == [0, 0]
    assert pd.read_csv(file)["seed"].tolist() == [0, 0, 2, 2, 1, 1]
    assert run_grid(measure, CONFIGS, file)["seed"].tolist() == [2, 2, 0, 0, 1, 1]

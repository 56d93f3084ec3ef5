"""Tables of 04_train and 05_results, against the metrics and files that they are made of."""

import pandas as pd
import pytest

from zslcore import RunConfig
from zslcore.study.results.run_tables import (
    beside_published,
    changed_settings,
    oracle_gain,
    protocol_table,
    write_results,
)
from zslcore.study.results.tables import ACCURACIES, PUBLISHED, compare
from zslcore.training import Run


def results(seeds=3):
    rows = []
    for method, shift in (("mse", 0.0), ("remse", 1.0)):
        for seed in range(seeds):
            for protocol, gain in (("clean", 0.0), ("paper", 4.0)):
                row = {"dataset": "SYNTH", "backbone": "b", "network": "basic", "method": method, "lam": 1.0}
                row |= {"seed": seed, "protocol": protocol}
                rows.append(row | dict.fromkeys(ACCURACIES, 60.0 + shift + seed**2 + gain))
    return pd.DataFrame(rows)


def test_only_settings_that_differ_are_shown():
    config = RunConfig.study("SYNTH", method="mse", seed=3)
    shown = changed_settings(config)
    defaults = RunConfig(dataset="other").to_dict()
    assert shown.index.tolist() == [name for name, value in config.to_dict().items() if value != defaults[name]]
    assert shown.loc["seed", "value"] == "3"


def test_protocols_are_those_of_the_metrics(tmp_path):
    clean = {"T1": 0.5, "U": 0.25, "S": 0.75, "H": 0.375, "AUSUC": 0.2, "gamma": 1.234, "epoch": 3}
    run = Run(tmp_path, RunConfig(dataset="SYNTH"), {"protocols": {"clean": clean}}, pd.DataFrame())
    assert protocol_table(run).loc["clean"].tolist() == [50.0, 25.0, 75.0, 37.5, 20.0, 1.23, 3.0]


def test_the_oracle_adds_what_its_rows_have_more():
    gain = oracle_gain(results())
    assert gain.tolist() == pytest.approx([4.0] * 6)
    assert gain.index.names == ["method", "seed"]


def test_published_numbers_come_first_and_unchanged():
    table = beside_published(results())
    assert table.loc["published"].to_numpy().tolist() == PUBLISHED[["T1", "U", "S", "H"]].to_numpy().tolist()
    assert table.loc[("this study, oracle", "SYNTH"), "H"] == pytest.approx(65 + 5 / 3, abs=0.05)


def test_written_tables_read_back_and_figures_know_their_command(tmp_path):
    frame = results()
    differences = compare(frame[frame["protocol"] == "clean"], "remse", ["T1", "H"])
    write_results(frame, differences, str(tmp_path / "report"), "zslcore run 05_results")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "report" / "results.csv"), frame)
    stored = pd.read_csv(tmp_path / "report" / "differences.csv").set_index(["measure", "against"])
    assert stored["difference"].tolist() == pytest.approx([1.0, 1.0])
    listed = pd.read_csv(tmp_path / "report" / "figures.csv")
    assert listed["name"].tolist() == ["forest_AUSUC", "forest_H", "forest_T1"]
    assert set(listed["command"]) == {"zslcore run 05_results"}

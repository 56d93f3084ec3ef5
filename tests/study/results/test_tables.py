"""Result tables from run folders, against pandas and numpy by hand on folders made up here."""

import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zslcore import InputError
from zslcore._io.hashes import note_hashes
from zslcore.analysis import t_interval
from zslcore.config import RunConfig
from zslcore.criteria import CRITERIA
from zslcore.methods import DISPLAY_NAMES, METHODS
from zslcore.study.results.tables import (
    ACCURACIES,
    PUBLISHED,
    as_table,
    choose_lambda,
    collect,
    compare,
    find_runs,
    method_key,
    paired_differences,
    summarise,
)

STATISTICS = ("mean", "coefficient_of_variation", "theil", "label_correlation")


def write_run(folder, config, *, seconds=1.0):
    """A run folder with accuracies that are drawn by seed and method."""
    rng = np.random.default_rng([config.seed, *config.loss.encode(), int(config.lam)])
    protocols = {
        name: dict(zip(ACCURACIES, rng.uniform(0.3, 0.9, 5).tolist())) | {"gamma": rng.normal(), "epoch": 3}
        for name in ("clean", "paper")
    }
    errors = {split: dict(zip(STATISTICS, rng.random(4).tolist())) for split in ("test_seen", "test_unseen")}
    metrics = {
        "dataset": {"name": config.dataset, "fingerprint": "0123456789abcdef"},
        "protocols": protocols,
        "validation": {"H": 0.6543219},
        "errors": errors,
        "effective_lambda": None if config.loss == "mae" else 1.23456789,
        "cost": {"seconds": seconds},
        "environment": {"device": "cpu", "torch": "2.11.0"},
        "contents": {},
    }
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "history.csv").write_text("epoch,task\n0,test\n")
    (folder / "metrics.json").write_text(json.dumps(metrics))
    note_hashes(folder)
    return metrics


@pytest.fixture
def runs(tmp_path):
    """Three seeds of two methods: the root folder, and the metrics by (method, seed)."""
    written = {}
    for method, seed in itertools.product(("remse", "mse"), range(3)):
        config = RunConfig.study("SYNTH", method=method, seed=seed)
        written[method, seed] = write_run(tmp_path / "runs" / "SYNTH" / f"{method}-seed{seed}", config)
    return tmp_path / "runs", written


@pytest.fixture
def frame(runs):
    return collect(find_runs(runs[0]))


def by_hand(written, method, protocol, name):
    """Accuracies in percent over the seeds, straight from the metrics."""
    return np.array([100 * written[method, seed]["protocols"][protocol][name] for seed in range(3)])


class TestFindRuns:
    def test_finds_complete_folders_in_order(self, runs):
        root, _ = runs
        expected = [f"{method}-seed{seed}" for method in ("mse", "remse") for seed in range(3)]
        assert [folder.name for folder in find_runs(root)] == expected

    def test_leaves_out_what_is_unfinished(self, runs):
        root, _ = runs
        (root / "SYNTH" / "none-seed0").mkdir()
        (root / "SYNTH" / "none-seed0" / "config.json").write_text("{}")
        write_run(root / "SYNTH" / ".partial-none-seed1-abc", RunConfig.study("SYNTH"))
        assert len(find_runs(root)) == 6

    def test_root_may_be_relative_or_lie_below_a_hidden_folder(self, tmp_path, monkeypatch):
        write_run(tmp_path / ".hidden" / "runs" / "SYNTH" / "a", RunConfig.study("SYNTH"))
        assert [folder.name for folder in find_runs(tmp_path / ".hidden" / "runs")] == ["a"]
        (tmp_path / ".hidden" / "notebooks").mkdir()
        monkeypatch.chdir(tmp_path / ".hidden" / "notebooks")
        assert [folder.name for folder in find_runs("../runs")] == ["a"]

    def test_a_folder_that_is_not_there_holds_no_run(self, tmp_path):
        assert find_runs(tmp_path / "nowhere") == []


class TestCollect:
    def test_one_row_per_run_and_protocol_in_reading_order(self, frame):
        assert len(frame) == 12
        order = [(protocol, method) for protocol in ("clean", "paper") for method in ("mse", "remse")]
        assert list(dict.fromkeys(zip(frame["protocol"], frame["method"]))) == order
        assert frame["seed"].tolist() == [0, 1, 2] * 4
        assert frame.index.tolist() == list(range(12))

    def test_numbers_are_those_of_the_metrics(self, runs, frame):
        for method, seed in runs[1]:
            for protocol in ("clean", "paper"):
                chosen = (frame["method"] == method) & (frame["seed"] == seed)
                (row,) = frame[chosen & (frame["protocol"] == protocol)].to_dict("records")
                metrics = runs[1][method, seed]
                for name in ACCURACIES:
                    assert row[name] == pytest.approx(100 * metrics["protocols"][protocol][name], abs=0.005)
                assert row["gamma"] == pytest.approx(metrics["protocols"][protocol]["gamma"], abs=5e-5)
                for split, name in itertools.product(("test_seen", "test_unseen"), STATISTICS):
                    assert row[f"{split}_{name}"] == pytest.approx(metrics["errors"][split][name], abs=5e-7)
                assert (row["epoch"], row["effective_lambda"], row["seconds"]) == (3, 1.2346, 1.0)
                assert (row["device"], row["torch"], row["fingerprint"]) == ("cpu", "2.11.0", "0123456789abcdef")

    def test_other_losses_have_names_and_no_effective_lambda(self, tmp_path):
        config = RunConfig(dataset="SYNTH", loss="mae")
        write_run(tmp_path / "mae", config)
        row = collect([tmp_path / "mae"]).iloc[0]
        assert (row["method"], row["validation_H"]) == ("mae", 65.43)
        assert np.isnan(row["effective_lambda"])
        assert set(CRITERIA) <= set(DISPLAY_NAMES)

    def test_settings_without_effect_are_shown_as_none(self, tmp_path):
        for method in ("cross_entropy", "mse", "remse"):
            write_run(tmp_path / method, RunConfig.study("SYNTH", method=method))
        shown = collect(find_runs(tmp_path)).drop_duplicates("method").set_index("method")[["lam", "p", "p2"]]
        study = RunConfig.study("SYNTH")
        assert shown.loc["cross_entropy"].tolist() == [0, 0, 0]
        assert shown.loc["mse"].tolist() == [study.lam, 0, 0]
        assert shown.loc["remse"].tolist() == [study.lam, study.p, study.p2]

    def test_no_run_at_all_says_how_to_make_one(self, tmp_path):
        with pytest.raises(InputError, match="no finished run was found; 'make study' or 'zslcore run 04_train'"):
            collect(find_runs(tmp_path))

    def test_a_folder_that_is_no_run_is_named(self, runs, tmp_path):
        with pytest.raises(InputError, match="elsewhere is not a run folder"):
            collect([*find_runs(runs[0]), tmp_path / "elsewhere"])

    def test_csv_round_trip(self, frame, tmp_path):
        frame.to_csv(tmp_path / "results.csv", index=False)
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "results.csv"), frame)


class TestMethodName:
    @pytest.mark.parametrize("method", METHODS)
    def test_of_the_study(self, method):
        assert method_key(RunConfig.study("SYNTH", method=method, seed=4)) == method

    @pytest.mark.parametrize(("loss", "name"), [("none", "cross_entropy"), ("mse", "mse"), ("remse", "remse")])
    def test_of_other_settings_goes_by_the_loss(self, loss, name):
        assert method_key(RunConfig(dataset="MINE", loss=loss, lr=0.5, seed=2)) == name

    def test_every_method_has_one_name_of_its_own(self):
        assert list(DISPLAY_NAMES)[: len(METHODS)] == list(METHODS)
        assert len(set(DISPLAY_NAMES.values())) == len(DISPLAY_NAMES)


class TestSummarise:
    def test_equals_numpy(self, runs, frame):
        summary = summarise(frame)
        assert len(summary) == 4
        for (_, _, _, method, protocol, _), row in summary.iterrows():
            for name in ACCURACIES:
                values = by_hand(runs[1], method, protocol, name)
                assert row[name, "mean"] == pytest.approx(values.mean(), abs=0.005)
                assert row[name, "std"] == pytest.approx(values.std(ddof=1), abs=0.01)
            assert row["runs", ""] == 3

    def test_one_run_has_no_spread(self, frame):
        summary = summarise(frame[frame["seed"] == 0], ["H"])
        assert summary["H", "std"].isna().all()
        assert (summary["runs", ""] == 1).all()

    def test_lambdas_are_kept_apart(self, tmp_path):
        for lam in (1.0, 10.0):
            write_run(tmp_path / f"{lam}", RunConfig.study("SYNTH", method="remse", lam=lam))
        assert summarise(collect(find_runs(tmp_path)))["runs", ""].tolist() == [1, 1, 1, 1]

    @pytest.mark.parametrize("change", [{"p": 3.0}, {"scale": 7.0}, {"episodes": 3}], ids=str)
    def test_runs_of_other_settings_are_never_averaged_as_if_they_were_seeds(self, tmp_path, change):
        for name, changes in (("study", {}), ("other", change)):
            write_run(tmp_path / name, RunConfig.study("SYNTH", method="remse", **changes))
        with pytest.raises(InputError, match=r"one run per method and seed, got two of remse with seed 0"):
            summarise(collect(find_runs(tmp_path)))


class TestTable:
    def test_shows_mean_and_spread_to_one_decimal(self, runs, frame):
        table = as_table(frame)
        assert list(table) == ["dataset", "backbone", "network", "method", "protocol", "lam", *ACCURACIES, "runs"]
        row = table[(table["method"] == "remse") & (table["protocol"] == "clean")].iloc[0]
        for name in ACCURACIES:
            values = by_hand(runs[1], "remse", "clean", name)
            assert re.fullmatch(r"\d+\.\d ± \d+\.\d", row[name])
            shown = [float(number) for number in row[name].split(" ± ")]
            assert shown == pytest.approx([values.mean(), values.std(ddof=1)], abs=0.06)

    def test_shows_one_run_without_spread(self, frame):
        row = as_table(frame[frame["seed"] == 1], ["H"]).iloc[0]
        assert float(row["H"]) == pytest.approx(frame["H"][1], abs=0.05)
        assert row["runs"] == 1


class TestDifferences:
    @pytest.fixture
    def clean(self, frame):
        return frame[frame["protocol"] == "clean"]

    @pytest.mark.parametrize("value", ["H", "T1"])
    def test_are_those_of_each_seed(self, runs, clean, value):
        difference = paired_differences(clean, "remse", "mse", value)
        expected = by_hand(runs[1], "remse", "clean", value) - by_hand(runs[1], "mse", "clean", value)
        assert difference.index.tolist() == [0, 1, 2]
        np.testing.assert_allclose(difference, expected, atol=0.011)

    def test_only_seeds_that_both_have_count(self, clean):
        partly = clean[~((clean["method"] == "mse") & (clean["seed"] == 1))]
        assert paired_differences(partly, "remse", "mse").index.tolist() == [0, 2]

    def test_no_common_seed_is_said(self, clean):
        apart = clean[(clean["method"] == "mse") == (clean["seed"] == 1)]
        with pytest.raises(InputError, match=r"'remse' and 'mse' have no seed in common"):
            paired_differences(apart, "remse", "mse")

    def test_unknown_method_is_named(self, clean):
        with pytest.raises(InputError, match=r"method must be one of mse, remse, got 'gan'"):
            paired_differences(clean, "remse", "gan")

    def test_both_protocols_at_once_are_refused(self, frame):
        with pytest.raises(InputError, match=r"got two of mse with seed 0: select one protocol"):
            paired_differences(frame, "remse", "mse")

    def test_comparison_holds_the_paired_t_test(self, clean):
        """The interval leaves out zero exactly when scipy's paired t-test is significant."""
        result = compare(clean, "remse", ACCURACIES)
        assert result.index.tolist() == [(name, "mse") for name in ACCURACIES]
        for (name, _), row in result.iterrows():
            ours, other = (clean[clean["method"] == method][name].to_numpy() for method in ("remse", "mse"))
            interval = stats.ttest_rel(ours, other).confidence_interval(0.95)
            assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
            assert row["difference"] == pytest.approx((ours - other).mean())

    @pytest.mark.parametrize(
        ("gain", "verdict"),
        [([2.0, 2.1, 1.9], "supported"), ([-2.0, -2.1, -1.9], "contradicted"), ([2.0, -2.0, 0.1], "inconclusive")],
    )
    def test_verdict(self, gain, verdict):
        base = pd.DataFrame({"method": "a", "seed": range(3), "H": [50.0, 60.0, 70.0]})
        frame = pd.concat([base, base.assign(method="b", H=base["H"] + gain)])
        assert compare(frame, "b", ["H"])["verdict"].tolist() == [verdict]

    def test_a_smaller_error_is_better(self):
        base = pd.DataFrame({"method": "mse", "seed": range(3), "test_seen_theil": [0.5, 0.6, 0.7]})
        lower = base.assign(method="remse", test_seen_theil=base["test_seen_theil"] - [0.2, 0.21, 0.19])
        (row,) = compare(pd.concat([base, lower]), "remse", ["test_seen_theil"]).itertuples()
        assert (row.claim, row.verdict) == (
            "+ ReMSE has a lower Theil index on seen classes than + MSE",
            "supported",
        )
        assert row.high < 0

    def test_one_seed_is_not_enough(self, clean):
        result = compare(clean[clean["seed"] == 0], "remse", ["H"])
        assert result["verdict"].tolist() == ["not testable"]
        assert result[["low", "high"]].isna().all(axis=None)

    def test_nothing_to_compare_with_is_said(self, clean):
        with pytest.raises(InputError, match=r"must hold another method than 'remse'"):
            compare(clean[clean["method"] == "remse"], "remse", ["H"])


def test_t_interval_equals_scipy():
    values = pd.Series(np.random.default_rng(0).normal(size=6))
    expected = stats.t.interval(0.9, 5, loc=values.mean(), scale=stats.sem(values))
    assert t_interval(values, confidence=0.9) == pytest.approx(expected)
    assert np.isnan(t_interval(values[:1])).all()


def test_published_numbers_are_the_papers():
    expected = {
        "CUB": (80.9, 72.8, 74.8, 73.8),
        "AWA2": (70.9, 63.8, 85.6, 73.1),
        "SUN": (63.2, 47.4, 34.8, 40.1),
    }
    published = {name: tuple(row) for name, *row in PUBLISHED[["dataset", "T1", "U", "S", "H"]].itertuples(index=False)}
    assert published == expected
    harmonic = 2 * PUBLISHED["U"] * PUBLISHED["S"] / (PUBLISHED["U"] + PUBLISHED["S"])
    np.testing.assert_allclose(PUBLISHED["H"], harmonic, atol=0.1)


class TestChooseLambda:
    def frame(self):
        rows = [(m, lam, seed) for m in ("a", "b") for lam in (1.0, 10.0) for seed in (0, 1)]
        frame = pd.DataFrame(rows, columns=["method", "lam", "seed"])
        frame["validation_H"] = [60.0, 62.0, 70.0, 40.0, 50.0, 52.0, 51.0, 51.0]
        return frame.assign(H=range(8))

    def test_the_mean_over_seeds_on_the_validation_split_chooses(self):
        chosen = choose_lambda(self.frame())
        assert chosen.groupby("method")["lam"].unique().str[0].to_dict() == {
            "a": 1.0,
            "b": 1.0,
        }  # 51 twice: the smaller
        assert len(chosen) == 4

    def test_the_test_split_chooses_nothing(self):
        frame = self.frame()
        assert choose_lambda(frame.assign(H=-frame["H"]))["lam"].tolist() == choose_lambda(frame)["lam"].tolist()


def test_errors_from_other_class_vectors_are_not_compared():
    methods = ["remse", "mse", "cross_entropy_centred"]
    rows = [(method, seed, 60.0 + seed * len(method), 0.1 * seed) for method in methods for seed in range(3)]
    frame = pd.DataFrame(rows, columns=["method", "seed", "H", "test_seen_theil"])
    table = compare(frame, "remse", ["H", "test_seen_theil"])
    expected = [("H", "mse"), ("H", "cross_entropy_centred"), ("test_seen_theil", "mse")]
    assert table.index.tolist() == expected

"""Paired differences of the map against scipy, and the audit's parts against their sum."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zslcore.study.experiments.protocol_audit import CLEAN, VALIDATION_SPLIT
from zslcore.study.pages.audit_tables import audit_parts, audit_table
from zslcore.study.pages.map_tables import (
    judged,
    map_differences,
    tuned_scale,
    vector_differences,
)
from zslcore.study.pages.pointing_tables import pointing_differences, pointing_scores

ROOT = Path(__file__).parents[3]
DATASETS = ["CUB100", "SYNTH"]


def stored(dataset, name):
    return pd.read_csv(ROOT / "results" / dataset / f"{name}.csv")


@pytest.mark.parametrize("dataset", DATASETS)
def test_differences_are_those_of_a_paired_t_test(dataset):
    rows = stored(dataset, "map")
    table = map_differences(rows, measures=["T1", "seen_theil"])
    random = rows[rows["class_split"] > 0]
    remse, mse = (
        random[(random["method"] == method) & (random["lam"] == 60)].set_index("class_split")
        for method in ("remse", "mse")
    )
    found = table[(table["method"] == "remse") & (table["lam"] == 60) & (table["replicates"] == "class splits")]
    row = found.set_index("measure").loc["T1"]
    test = stats.ttest_rel(remse["T1"], mse.loc[remse.index, "T1"])
    interval = test.confidence_interval()
    assert row["p"] == pytest.approx(test.pvalue)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    theil = 100 * (remse["seen_theil"] - mse["seen_theil"]).mean() / mse["seen_theil"].mean()
    assert found.set_index("measure").loc["seen_theil", "difference"] == pytest.approx(theil)


def test_splits_and_seeds_are_not_mixed():
    rows = stored("CUB100", "map").query("class_split > 0")
    own = rows[rows["class_split"] == 1].assign(class_split=0)
    both = map_differences(pd.concat([rows, own]), measures=["T1"])
    assert set(both["replicates"]) == {"class splits", "seeds"}
    assert both.loc[both["replicates"] == "seeds", ["pairs", "verdict"]].drop_duplicates().values.tolist() == [
        [1, "not testable"]
    ]
    assert both.loc[both["replicates"] == "seeds", "new_low"].isna().all()


def test_intervals_for_new_classes_are_wider_by_the_correction():
    rows = stored("CUB100", "map").query("class_split > 0")
    table = map_differences(rows, measures=["T1"])
    table = table[table["low"] < table["high"]]
    ratio = (table["new_high"] - table["new_low"]) / (table["high"] - table["low"])
    expected = np.sqrt(1 + table["pairs"] * 27 / 73)  # 27 of 100 classes unseen
    assert set(table["pairs"]) == {50}
    assert ratio.tolist() == pytest.approx(expected.tolist())


def test_the_detectable_difference_is_found_four_times_in_five():
    """A simulation with that true difference and the same deviation."""
    rng, pairs = np.random.default_rng(0), 20
    sample = rng.normal(size=pairs)
    sample = (sample - sample.mean()) / sample.std(ddof=1)
    index = {"class_split": range(1, pairs + 1), "seed": 0, "dataset": "X", "network": "basic", "unseen_share": 0.2}
    rows = pd.concat(
        [
            pd.DataFrame(index).assign(vectors=kind, scale=20.0, validation_H=60.0, T1=value)
            for kind, value in (("normalised", 50.0), ("centred", 50.0 + sample))
        ],
        ignore_index=True,
    )
    detectable = vector_differences(rows, measures=["T1"])["detectable"].item()
    trials = rng.normal(detectable, 1, size=(20_000, pairs))
    assert (stats.ttest_1samp(trials, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_verdicts_follow_the_correction_and_the_direction():
    rows = [("T1", 1.0, 0.01), ("T1", -1.0, 0.02), ("seen_theil", -1.0, 0.01), ("T1", 1.0, 0.3), ("T1", 1.0, np.nan)]
    table = judged(pd.DataFrame(rows, columns=["measure", "difference", "p"]))
    assert table["holm"].round(3).tolist()[:4] == [0.04, 0.04, 0.04, 0.3]
    assert table["verdict"].tolist() == ["supported", "contradicted", "supported", "inconclusive", "not testable"]


def test_scales_are_chosen_without_the_test_split():
    rows = stored("SYNTH", "vectors")
    chosen = tuned_scale(rows)
    assert len(chosen) == rows[["class_split", "seed", "vectors"]].drop_duplicates().shape[0]
    worse = rows.assign(T1=0.0, H=0.0, AUSUC=0.0)
    assert tuned_scale(worse)["scale"].tolist() == chosen["scale"].tolist()


@pytest.mark.parametrize("dataset", DATASETS)
class TestAudit:
    @pytest.mark.parametrize("protocol", [CLEAN, VALIDATION_SPLIT])
    def test_parts_add_up(self, dataset, protocol):
        rows = stored(dataset, "audit")
        parts, mean = audit_parts(rows, protocol), rows.groupby("estimate")["H"].mean()
        assert parts[["optimism", "transfer", "epoch"]].sum() == pytest.approx(parts["total"])
        assert parts["total"] == pytest.approx(mean["paper"] - mean[protocol])

    def test_the_reference_has_no_bias_and_choices_on_test_images_have_a_positive_one(self, dataset):
        table = audit_table(stored(dataset, "audit"))
        assert table.loc[["chosen epoch, half the images", "last epoch, half the images"], "error"].tolist() == [0, 0]
        assert (table.loc[["paper", "chosen epoch, test gamma", "last epoch, test gamma"], "bias"] > 0).all()
        squares = table["bias"] ** 2 + table["spread"] ** 2 * (table["trainings"] - 1) / table["trainings"]
        assert np.sqrt(squares).tolist() == pytest.approx(table["error"].tolist())


@pytest.mark.parametrize("dataset", DATASETS)
def test_differences_of_attention_are_those_of_a_paired_t_test_of_group_means(dataset):
    rows = stored(dataset, "pointing")
    unseen = rows[rows["split"] == "unseen"]
    means = {method: part.groupby("seed")["pointing"].mean() for method, part in unseen.groupby("method")}
    before = unseen[unseen["method"] == "cross_entropy"].groupby("seed")["untrained_pointing"].mean()
    table = pointing_differences(rows)
    table = table[table["measure"] == "unseen_pointing"].set_index("method")
    pairs = {"remse": means["mse"], "mse": means["cross_entropy"], "cross_entropy": before}
    for method, baseline in pairs.items():
        test = stats.ttest_rel(100 * means[method], 100 * baseline)
        row, interval = table.loc[method], test.confidence_interval()
        assert row["difference"] == pytest.approx(100 * (means[method] - baseline).mean())
        assert (row["low"], row["high"], row["p"]) == pytest.approx((interval.low, interval.high, test.pvalue))
    assert set(table["pairs"]) == {5}


@pytest.mark.parametrize("dataset", DATASETS)
def test_untrained_networks_and_chance_are_the_same_for_all_methods(dataset):
    rows = stored(dataset, "pointing")
    chance = rows.groupby(["split", "group"])[["chance_pointing", "chance_energy", "images"]].nunique()
    assert chance.isin([0, 1]).all(axis=None)  # 0 where nothing is measured
    before = rows.groupby(["split", "group", "seed"])[["untrained_pointing", "untrained_energy"]].nunique()
    assert before.isin([0, 1]).all(axis=None)
    assert pointing_scores(rows)["method"].unique().tolist()[:3] == ["chance", "untrained", "cross_entropy"]

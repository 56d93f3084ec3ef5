"""Equal tuning budgets: the trials, what the validation classes choose, and the table, against loops and scipy."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zslcore.study.experiments.tuning import LAMS, RATES, SCALES, tuned_configs
from zslcore.study.pages.tuned_tables import chosen_trials, tuned_differences, tuned_text

CONFIGS = tuned_configs("SYNTH", splits=range(1, 6))


@pytest.fixture
def rows():
    """Rows of all trials, with noise for accuracies."""
    rng, found = np.random.default_rng(0), []
    for config in CONFIGS:
        row = {"dataset": "SYNTH", "class_split": config.class_split, "seed": 0, "vectors": config.attribute_vectors}
        row |= {"method": "cross_entropy" if config.loss == "none" else config.loss, "unseen_share": 0.2}
        row |= {"scale": config.scale, "lr": config.lr, "lam": config.lam}
        found.append(row | {name: rng.uniform(50, 60) for name in ("T1", "H", "AUSUC", "validation_H")})
    return pd.DataFrame(found).assign(gamma_from="validation")


def test_every_method_has_each_pair_once_and_the_lambdas_about_equally_often():
    for split in range(1, 6):
        arms = {}
        for config in CONFIGS:
            if config.class_split == split:
                arms.setdefault((config.loss, config.attribute_vectors), []).append(config)
        assert len(arms) == 4
        for (loss, _), trials in arms.items():
            pairs = [(config.scale, config.lr) for config in trials]
            assert sorted(pairs) == sorted((scale, rate) for scale in SCALES for rate in RATES)
            lams = Counter(config.lam for config in trials)
            assert lams == ({0.0: 16} if loss == "none" else dict(zip(LAMS, (6, 5, 5), strict=True)))
    assert {config.equal_lambda for config in CONFIGS if config.loss == "remse"} == {True}


def test_no_test_accuracy_chooses(rows):
    chosen = chosen_trials(rows)
    assert len(chosen) == 4 * 5
    for row in chosen.itertuples():
        kind = "centred" if row.method == "centred" else "normalised"
        method = "cross_entropy" if row.method == "centred" else row.method
        same = rows[(rows["class_split"] == row.class_split) & (rows["method"] == method) & (rows["vectors"] == kind)]
        assert row.validation_H == same["validation_H"].max()
    changed = rows.assign(**{name: rows[name].sample(frac=1, random_state=0).to_numpy() for name in ("T1", "H")})
    assert (chosen_trials(changed)["validation_H"] == chosen["validation_H"]).all()


def test_differences_are_paired_by_class_split(rows):
    table = chosen_trials(rows).pivot(index="class_split", columns="method", values="H")
    found = tuned_differences(rows).set_index(["method", "baseline", "measure"])
    assert len(found) == 4 * 3
    for method, baseline in (("centred", "cross_entropy"), ("remse", "mse")):
        row, test = found.loc[(method, baseline, "H")], stats.ttest_rel(table[method], table[baseline])
        assert (row["low"], row["high"]) == pytest.approx(tuple(test.confidence_interval(0.95)))
        assert row["p"] == pytest.approx(test.pvalue)
        assert row["holm"] >= row["p"]


def test_the_text_counts_what_was_chosen(rows):
    text = tuned_text(rows)
    assert "Each method has 16 trials on each split. The scale is one of 5, 10, 20, 40," in text
    assert "Over 5 class splits:" in text
    chosen = chosen_trials(rows)
    counts = Counter(chosen.loc[chosen["method"] == "remse", "lam"])
    shown = ", ".join(f"{value:g} ({counts[value]})" for value in sorted(counts))
    (line,) = [line for line in text.splitlines() if line.startswith("| + ReMSE |")]
    assert line.endswith(f"| {shown} |")
    (line,) = [line for line in text.splitlines() if line.startswith("| cross entropy, centred |")]
    assert line.endswith("| – |")

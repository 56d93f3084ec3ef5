"""The grids of the ablations, without training them, and what is computed from their results."""

import numpy as np
import pandas as pd
import pytest

from zslcore.config import RunConfig
from zslcore.criteria import CRITERIA
from zslcore.study.chapters import ablations
from zslcore.study.checkout import root
from zslcore.study.pages.map_pages import DATASETS, stored
from zslcore.study.results.tables import compare, method_key

STUDY = RunConfig.study("SYNTH", method="remse")


@pytest.fixture
def trained(monkeypatch, small_synth):
    """The configs that were trained; a run's folder is its config, and its row holds that config."""
    configs = []

    def fit_all(wanted):
        wanted = list(wanted)
        configs.extend(wanted)
        return wanted

    def collect(wanted):
        rows = [
            {
                "method": method_key(config),
                "lam": config.lam,
                "seed": config.seed,
                "protocol": protocol,
                "config": config,
            }
            for protocol in ("clean", "paper")
            for config in wanted
        ]
        return pd.DataFrame(rows)

    monkeypatch.setattr(ablations, "fit_all", fit_all)
    monkeypatch.setattr(ablations, "collect", collect)
    monkeypatch.setattr(ablations, "load_benchmark", lambda name: small_synth)
    return configs


class TestGrids:
    def test_losses_have_every_lambda_and_seed_beside_cross_entropy(self, trained):
        frame = ablations.train_losses("SYNTH", losses=["mae", "remse"], lams=[1.0, 10.0], seeds=3)
        assert set(frame["protocol"]) == {"clean"}
        assert frame.groupby("method").size().to_dict() == {"cross_entropy": 3, "mae": 6, "remse": 6}
        assert len(set(map(repr, trained))) == len(trained) == 15
        unchanged = {config.replace(loss="remse", lam=STUDY.lam, seed=0) for config in trained}
        assert unchanged == {STUDY}

    def test_losses_are_all_of_the_library_by_default(self, trained):
        ablations.train_losses("SYNTH", lams=[1.0], seeds=1)
        assert [config.loss for config in trained] == ["none", *CRITERIA]

    def test_two_losses_have_options_of_the_size_of_the_errors(self, trained):
        ablations.train_losses("SYNTH", losses=["focal", "huber", "mae"], lams=[1.0], seeds=1)
        options = {config.loss: config.loss_options for config in trained}
        assert options["focal"] == {"beta": 10.0}
        assert options["huber"]["delta"] == pytest.approx(57**-0.5)
        assert options["mae"] == options["none"] == {}

    def test_controls_are_at_the_settings_of_the_study(self, trained):
        ablations.train_controls("SYNTH", seeds=2)
        assert [(config.loss, config.seed) for config in trained] == [
            (loss, seed) for loss in ("remse", "remse_permuted", "remse_random") for seed in (0, 1)
        ]
        assert {config.lam for config in trained} == {STUDY.lam}

    def test_exponents_are_all_pairs(self, trained):
        ablations.train_exponents("SYNTH", exponents=[0.0, 0.5], seeds=2)
        pairs = [(config.p, config.p2, config.seed) for config in trained]
        assert sorted(pairs) == sorted((p, p2, seed) for p in (0.0, 0.5) for p2 in (0.0, 0.5) for seed in (0, 1))

    def test_variants_are_named_by_what_they_change(self, trained):
        frame = ablations.train_variants("SYNTH", seeds=2)
        found = {(row.variant, row.seed): row.config for row in frame.itertuples()}
        assert len(found) == len(frame) == len(trained) == 16
        assert found["as in the study", 1] == STUDY.replace(seed=1)
        assert found["memory: moving average", 0] == STUDY.replace(memory="ema")
        assert found["reference: 10 % quantile", 1] == STUDY.replace(reference="0.1", seed=1)
        assert found["weights of mean 1", 0] == STUDY.replace(unit_mean=True)
        assert found["sampling: random images", 1] == STUDY.replace(sampling="random", seed=1)


def test_sorting_keeps_equals_in_their_order():
    rows = [("b", 1.0, 60.0), ("a", 1.0, 60.0), ("c", 1.0, 61.0), ("a", 10.0, 59.0), ("b", 1.0, 60.0)]
    frame = ablations.sort_by_validation(pd.DataFrame(rows, columns=["method", "lam", "validation_H"]))
    assert frame["method"].tolist() == ["c", "b", "a", "b", "a"]
    assert frame["lam"].tolist() == [1.0, 1.0, 1.0, 1.0, 10.0]


def test_means_are_over_seeds_and_keep_the_order_of_the_frame():
    frame = pd.DataFrame({"variant": ["b", "b", "a"], "H": [1.0, 2.0, 5.0], "T1": [np.nan, 4.0, 6.0]})
    means = ablations.mean_over_seeds(frame, ["variant"], ["H", "T1"])
    assert means.reset_index().values.tolist() == [["b", 1.5, 4.0], ["a", 5.0, 6.0]]


def compared(**verdicts):
    """A frame as of ``compare``: verdicts by measure, each against as many methods."""
    rows = [(measure, str(index), told) for measure, given in verdicts.items() for index, told in enumerate(given)]
    return pd.DataFrame(rows, columns=["measure", "against", "verdict"]).set_index(["measure", "against"])


class TestVerdicts:
    @pytest.mark.parametrize(
        ("given", "counts", "expected"),
        [
            (["supported", "supported"], [2, 0, 0], "supported"),
            (["supported", "inconclusive"], [1, 0, 1], "inconclusive"),
            (["supported", "contradicted", "not testable"], [1, 1, 1], "contradicted"),
            (["not testable", "not testable"], [0, 0, 2], "not testable"),
            (["not testable", "inconclusive"], [0, 0, 2], "inconclusive"),
        ],
    )
    def test_a_claim_about_several_needs_all_of_them(self, given, counts, expected):
        controls = compared(H=["supported"], test_seen_theil=["contradicted"])
        frame = ablations.ablation_verdicts(compared(T1=["contradicted"], H=given), controls)
        first = frame.loc["No other loss has an H as high as + ReMSE."]
        assert [*first.iloc[:3]] == counts
        assert frame["verdict"].tolist() == [expected, "supported", "contradicted"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_committed_comparisons_are_those_of_the_committed_runs(dataset):
    losses, differences, controls = (
        stored(root() / "results", dataset, name) for name in ("losses", "losses_differences", "controls")
    )
    compared = compare(losses, "remse", ["T1", "H", "test_seen_theil"])
    pd.testing.assert_frame_equal(compared, differences.set_index(["measure", "against"]))
    assert list(controls) == list(differences)

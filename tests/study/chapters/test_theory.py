"""The numeric checks of notebook 03 agree with their formulas."""

import numpy as np
import pytest
import torch

from zslcore import ReMSE
from zslcore.analysis import coefficient_of_variation, noise_weight, theil_index
from zslcore.study.chapters import theory


@pytest.mark.parametrize(("lam", "scale"), [(0.25, 20), (1.0, 5)])
def test_gradient_ratio_equals_its_formula(lam, scale):
    frame = theory.gradient_ratios([-0.5, 0.2, 0.6], attributes=50, classes=8, lam=lam, scale=scale)
    np.testing.assert_allclose(frame["ratio"], frame["formula"])
    np.testing.assert_allclose(frame["by MSE"], -2 * lam / 50)
    assert frame["P"].is_monotonic_increasing


def test_a_remse_step_lowers_the_potential():
    rng = np.random.default_rng(0)
    for _ in range(20):
        errors = 0.1 + rng.random(6)
        frame = theory.remse_step(errors, rng.normal(size=(6, 3)), size=1e-5)
        assert frame.loc["after", "potential"] < frame.loc["before", "potential"]
        inequality = frame["theil"] + np.log(frame["mean"] / errors.min())
        np.testing.assert_allclose(frame["potential"], 6 * frame["mean"] * inequality)


def test_low_rank_errors_depend_on_the_seed_and_the_exponent_alone():
    first, again, other = (theory.low_rank_errors(1.0, seed=seed, steps=20) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    plain, strong = (theory.low_rank_errors(exponent, seed=0) for exponent in (0, 2))
    assert theil_index(strong) < theil_index(plain)
    assert coefficient_of_variation(strong) < coefficient_of_variation(plain)


def test_noise_weights_agree_with_their_expectation():
    draws = np.random.default_rng(0).exponential(size=(4000, 16))
    means = theory.mean_noise_weights(draws, [1, 4, 16])
    np.testing.assert_allclose(means, [noise_weight(count, 2) for count in (1, 4, 16)], rtol=0.02)


@pytest.mark.usefixtures("unchecked")  # 1600 equal steps
@pytest.mark.parametrize("shots", [1, 2, 5])
def test_expected_floors_agree_with_simulations(shots):
    errors = torch.from_numpy(np.random.default_rng(0).normal(size=(400, 12 * shots, 1)))
    expected = theory.expected_floor(12, shots, batches=19)["expected"]
    assert expected["min"] == pytest.approx(noise_weight(12, shots), rel=1e-3)
    for name, reference in {"min": "min", "quantile 0.25": 0.25, "median": "median", "mean": "mean"}.items():
        remse = ReMSE(12, 1, p=1, p2=0, normalize=False, reference=reference)
        assert theory.weights_on_noise(remse, errors).mean() == pytest.approx(expected[name], rel=0.05)


def test_constant_noise_correlates_with_labels_once_predictions_are_normalised():
    rng = np.random.default_rng(0)
    labels, noise = rng.normal(size=(40, 100)) ** 2, 0.3 * rng.normal(size=(20, 40, 100))
    correlations = theory.null_correlations(labels, noise)
    assert abs(correlations["constant"]) < 0.1
    assert correlations["constant, normalised"] > 0.2
    symmetric = theory.null_correlations(rng.normal(size=(40, 100)), noise)
    assert max(map(abs, symmetric.values())) < 0.1


def test_measured_slope_of_normalised_noise_equals_its_formula():
    rng = np.random.default_rng(0)
    labels = rng.random((40, 100)) ** 4
    labels /= np.linalg.norm(labels, axis=1, keepdims=True)
    frame = theory.normalised_noise(labels, rng.normal(size=(50, 40, 100)), [0.05, 0.1])
    np.testing.assert_allclose(frame["measured"], frame["slope over squared label"], rtol=0.05)


class TestClassGaps:
    def test_formula_is_exact(self):
        vectors = np.random.default_rng(0).random((7, 12))
        row = theory.class_gaps({"any": vectors}, scale=5.0).loc["any"]
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        pairs = [unit[i] @ unit[j] for i in range(7) for j in range(7) if i != j]
        assert row["mean cosine"] == pytest.approx(np.mean(pairs))
        assert row["mean gap"] == pytest.approx(row["formula"])
        assert row["mean gap"] == pytest.approx(5 * (1 - np.mean(pairs)))

    @pytest.mark.parametrize(("name", "shared"), [("CUB", 0.6), ("AWA2", 0.6), ("SUN", 0.5)])
    def test_real_classes_share_about_half(self, real_benchmark, name, shared):
        """The numbers of notebook 03; centred vectors lie 1 / (1 - q) times further apart."""
        benchmark = real_benchmark(name)
        kinds = {"plain": benchmark.attributes, "centred": benchmark.vectors("centred")}
        gaps = theory.class_gaps(kinds, scale=20.0)
        assert gaps.loc["plain", "shared"] == pytest.approx(shared, abs=0.02)
        wider = gaps.loc["centred", "mean gap"] / gaps.loc["plain", "mean gap"]
        assert wider == pytest.approx(1 / (1 - gaps.loc["plain", "shared"]), rel=0.05)

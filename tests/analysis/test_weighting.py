"""Weights by noise alone against simulation; lambda of a weighting against the losses themselves."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zslcore import InputError, ReMSE, class_error, remse_weights
from zslcore.analysis import effective_lambda, matched_lambda, noise_weight


@pytest.mark.parametrize(("count", "shots"), [(2, 1), (16, 2), (16, 5), (312, 2)])
def test_noise_weight_equals_simulation(count, shots):
    m = np.random.default_rng(0).chisquare(shots, size=(4000, count))
    simulated = 1 + np.log(m / m.min(1, keepdims=True))
    assert noise_weight(count, shots) == pytest.approx(simulated.mean(), rel=0.02)
    if shots == 2:
        assert noise_weight(count, shots) == pytest.approx(1 + np.log(count))


class TestLambda:
    """A batch of 40 images of 6 classes, one of which is absent."""

    @pytest.fixture
    def batch(self):
        generator = torch.Generator().manual_seed(0)
        labels = torch.randint(0, 5, (40,), generator=generator)
        prediction, target = torch.randn(2, 40, 7, generator=generator, dtype=torch.float64)
        return prediction, target, labels

    @pytest.fixture
    def field(self, batch):
        """Weights, mean errors and counts of the batch."""
        error = class_error(*batch, num_classes=6)
        weights = remse_weights(error, p=1.0, p2=0.5)
        return weights.numpy(), error.numpy(), np.bincount(batch[2], minlength=6)

    def test_equals_what_the_loss_itself_reports(self, batch, field):
        remse = ReMSE(6, 7, p=1.0, p2=0.5, normalize=True)
        remse(*batch)
        assert effective_lambda(0.3, *field) == pytest.approx(0.3 * remse.amplification.item())

    def test_equals_the_ratio_of_the_losses_image_by_image(self, batch, field):
        weighted, plain = (ReMSE(6, 7, p=p, p2=p / 2, normalize=True)(*batch).item() for p in (1.0, 0.0))
        assert effective_lambda(0.3, *field) == pytest.approx(0.3 * weighted / plain)

    @given(lam=st.floats(1e-3, 1e3))
    def test_matched_is_the_inverse_of_effective(self, lam):
        rng = np.random.default_rng(1)
        field = (1 + rng.random((4, 5)), rng.random((4, 5)), rng.integers(0, 9, 4))
        assert matched_lambda(effective_lambda(lam, *field), *field) == pytest.approx(lam)

    @given(scale=st.floats(1e-3, 1e3), times=st.integers(1, 9))
    def test_does_not_change_with_the_unit_of_errors_and_more_of_the_same_images(self, scale, times):
        rng = np.random.default_rng(2)
        weights, error, counts = 1 + rng.random((4, 5)), rng.random((4, 5)), rng.integers(1, 9, 4)
        expected = effective_lambda(0.3, weights, error, counts)
        assert effective_lambda(0.3, weights, scale * error, times * counts) == pytest.approx(expected)

    def test_equal_weights_multiply(self, field):
        _, error, counts = field
        ones = np.ones_like(error)
        assert effective_lambda(0.3, ones, error, counts) == pytest.approx(0.3)
        assert effective_lambda(0.3, 4 * ones, error, counts) == pytest.approx(1.2)
        assert matched_lambda(0.3, 4 * ones, error, counts) == pytest.approx(0.075)

    def test_absent_classes_do_not_count(self, field):
        weights, error, counts = (part.copy() for part in field)
        expected = effective_lambda(0.3, weights, error, counts)
        assert counts[5] == 0
        error[5], weights[5] = np.nan, 1e9
        assert effective_lambda(0.3, weights, error, counts) == expected

    def test_without_loss_is_nan(self):
        ones, counts = np.ones((2, 3)), np.array([1, 2])
        assert np.isnan(effective_lambda(1.0, ones, 0 * ones, counts))
        assert np.isnan(effective_lambda(1.0, ones, ones, 0 * counts))
        assert np.isnan(matched_lambda(1.0, ones, 0 * ones, counts))
        assert np.isnan(matched_lambda(1.0, 0 * ones, ones, counts))

    @pytest.mark.usefixtures("unchecked")
    def test_bad_input_is_named(self):
        ones, counts = np.ones((2, 3)), np.array([1, 2])
        for function, name in ((effective_lambda, "lam"), (matched_lambda, "effective")):
            for bad in (-1.0, np.inf, np.nan):
                with pytest.raises(InputError, match=f"^{name} must be finite and at least 0, got {bad}"):
                    function(bad, ones, ones, counts)
            with pytest.raises(InputError, match="error must be finite and at least 0"):
                function(1.0, ones, -ones, counts)
            with pytest.raises(InputError, match="weights must be finite and at least 0"):
                function(1.0, ones * np.nan, ones, counts)
            with pytest.raises(InputError, match="weights and error must have one shape"):
                function(1.0, ones.T, ones, counts)
            with pytest.raises(InputError, match="one entry for each of 2 classes"):
                function(1.0, ones, ones, counts[:1])
            with pytest.raises(InputError, match="counts must be at least 0, got -1"):
                function(1.0, ones, ones, counts - 2)

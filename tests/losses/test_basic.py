"""Losses against scikit-learn, torch and closed forms."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error
from sklearn.metrics.pairwise import cosine_similarity

from zslcore import InputError
from zslcore.losses import cosine_cross_entropy, cosine_scores, elementwise_error, l2_normalize, mse_loss

PREDICTION, TARGET = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 6, 9)))


def test_errors_equal_scikit_learn():
    for kind, reference in (("mse", mean_squared_error), ("mae", mean_absolute_error)):
        ours = elementwise_error(PREDICTION, TARGET, kind=kind, normalize=False).mean()
        assert ours.item() == pytest.approx(reference(TARGET, PREDICTION))


def test_charbonnier_is_the_absolute_error_with_a_finite_slope_at_zero():
    ours = elementwise_error(PREDICTION, TARGET, kind="charbonnier", normalize=False)
    torch.testing.assert_close(ours, (PREDICTION - TARGET).abs(), atol=1e-5, rtol=0)
    same = TARGET.clone().requires_grad_()
    elementwise_error(same, TARGET, kind="charbonnier", normalize=False).sum().backward()
    assert bool((same.grad == 0).all())


def test_normalised_mse_is_two_over_a_times_one_minus_cosine():
    cosine = cosine_similarity(PREDICTION, TARGET).diagonal()
    assert mse_loss(PREDICTION, TARGET).item() == pytest.approx(2 / 9 * (1 - cosine).mean())


def test_scores_are_scaled_cosines():
    ours = cosine_scores(PREDICTION, TARGET, scale=20.0)
    np.testing.assert_allclose(ours, 20 * cosine_similarity(PREDICTION, TARGET))


def test_cosine_cross_entropy_equals_its_definition():
    labels = torch.tensor([0, 1, 2, 3, 4, 5])
    logits = 25 * cosine_similarity(PREDICTION, TARGET)
    expected = np.mean(np.log(np.exp(logits).sum(1)) - logits.diagonal())
    assert cosine_cross_entropy(PREDICTION, TARGET, labels, scale=25.0).item() == pytest.approx(expected)


def test_zero_rows_stay_zero_with_finite_gradients():
    zero = torch.zeros(2, 3, requires_grad=True)
    elementwise_error(zero, torch.rand(2, 3)).sum().backward()
    assert not l2_normalize(zero).any()
    assert bool(zero.grad.isfinite().all())


def test_bad_input_is_one_sentence(unchecked):
    with pytest.raises(InputError, match=r"one shape \(images, attributes\), got \(2, 3\) and \(2, 4\)"):
        elementwise_error(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(InputError, match="kind must be one of mse, mae, charbonnier, got 'rmse'"):
        elementwise_error(PREDICTION, TARGET, kind="rmse")

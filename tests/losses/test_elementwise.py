"""Losses of single cells against scipy, scikit-learn and their definitions."""

import numpy as np
import pytest
import torch
from scipy import special
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from zslcore import InputError
from zslcore.losses import charbonnier_loss, focal_loss, huber_loss, l2_normalize, mae_loss, mse_loss, rmse_loss

PREDICTION, TARGET = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 6, 9)))
ERROR = (PREDICTION - TARGET).numpy()
LOSSES = [mae_loss, charbonnier_loss, rmse_loss, huber_loss, focal_loss]


def test_mae_and_rmse_equal_scikit_learn():
    assert mae_loss(PREDICTION, TARGET, normalize=False).item() == pytest.approx(
        mean_absolute_error(TARGET, PREDICTION)
    )
    flat = root_mean_squared_error(TARGET.flatten(), PREDICTION.flatten())
    assert rmse_loss(PREDICTION, TARGET, normalize=False).item() == pytest.approx(flat)


def test_charbonnier_is_the_mean_absolute_error_up_to_its_smoothing():
    assert charbonnier_loss(PREDICTION, TARGET, normalize=False).item() == pytest.approx(np.abs(ERROR).mean(), abs=1e-5)


@pytest.mark.parametrize("delta", [0.1, 1.0, 3.0])
def test_huber_equals_scipy(delta):
    expected = special.huber(delta, ERROR).mean()
    assert huber_loss(PREDICTION, TARGET, delta=delta, normalize=False).item() == pytest.approx(expected)


@pytest.mark.parametrize(("beta", "gamma"), [(0.2, 1.0), (5.0, 2.0), (1.0, 0.0)])
def test_focal_equals_its_definition(beta, gamma):
    expected = (special.expit(beta * np.abs(ERROR)) ** gamma * ERROR**2).mean()
    ours = focal_loss(PREDICTION, TARGET, beta=beta, gamma=gamma, normalize=False)
    assert ours.item() == pytest.approx(expected)


def test_focal_weighs_large_errors_more():
    wide = focal_loss(PREDICTION, TARGET, beta=50.0, normalize=False)
    assert 0.9 * mse_loss(PREDICTION, TARGET, normalize=False) < wide < mse_loss(PREDICTION, TARGET, normalize=False)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    prediction = PREDICTION.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: loss(values, TARGET), (prediction,))


@pytest.mark.parametrize("loss", LOSSES)
def test_directions_are_compared_unless_told_otherwise(loss):
    expected = loss(l2_normalize(PREDICTION), l2_normalize(TARGET), normalize=False)
    torch.testing.assert_close(loss(3 * PREDICTION, 0.2 * TARGET), expected)
    assert loss(3 * PREDICTION, 0.2 * TARGET, normalize=False) != expected


@pytest.mark.parametrize(
    ("loss", "settings", "message"),
    [
        (huber_loss, {"delta": 0.0}, r"^delta must be a finite number above 0, got 0\.0$"),
        (focal_loss, {"beta": -1.0}, r"^beta must be a finite number of at least 0, got -1\.0$"),
        (focal_loss, {"gamma": float("inf")}, "^gamma must be a finite number of at least 0, got inf$"),
    ],
)
def test_impossible_options_are_named(loss, settings, message):
    with pytest.raises(InputError, match=message):
        loss(PREDICTION, TARGET, **settings)


def test_huber_at_its_default_is_half_the_mse_of_directions():
    prediction, target = torch.randn(20, 57), torch.rand(20, 57)
    torch.testing.assert_close(huber_loss(prediction, target), mse_loss(prediction, target) / 2)
    assert huber_loss(prediction, target, delta=0.05) < 0.9 * mse_loss(prediction, target) / 2

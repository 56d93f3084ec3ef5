"""Balanced MSE against scipy's densities: the released paper's likelihood, written out."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from zslcore import InputError
from zslcore.losses import bmc_loss, gai_loss, l2_normalize, mse_loss
from zslcore.losses.modules import BMC, GAI

RNG = np.random.default_rng(0)
VECTORS = torch.from_numpy(RNG.normal(size=(4, 5)))
COUNTS = torch.tensor([7, 1, 3, 2])
LABELS = torch.tensor([0, 0, 1, 2, 3, 2])
TARGET = VECTORS[LABELS]
PREDICTION = TARGET + 0.3 * torch.from_numpy(RNG.normal(size=(6, 5)))


def likelihood(sigma):
    """Mean negative log-likelihood of the true label among those of the batch, by scipy."""
    scores = np.array([[multivariate_normal.logpdf(t, p, sigma**2) for t in TARGET] for p in PREDICTION])
    return np.mean(logsumexp(scores, axis=1) - scores.diagonal())


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_bmc_is_the_likelihood_of_the_true_label_in_the_batch(sigma):
    ours = bmc_loss(PREDICTION, TARGET, sigma=sigma, normalize=False)
    assert ours.item() == pytest.approx(2 * sigma**2 * likelihood(sigma))


def test_bmc_per_attribute_is_one_problem_an_attribute():
    sigma = torch.tensor([0.1, 0.2, 0.5, 1.0, 2.0], dtype=torch.float64)
    expected = 0.0
    for a, s in enumerate(sigma.tolist()):
        scores = norm.logpdf(TARGET[None, :, a], PREDICTION[:, None, a], s)
        expected += 2 * s**2 * np.mean(logsumexp(scores, axis=1) - scores.diagonal()) / 5
    assert bmc_loss(PREDICTION, TARGET, sigma=sigma, normalize=False).item() == pytest.approx(expected)


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_gai_is_the_posterior_of_the_label_under_the_training_distribution(sigma):
    share = np.log(COUNTS / COUNTS.sum())
    expected = 0.0
    for p, t in zip(PREDICTION, TARGET, strict=True):
        density = logsumexp([log + multivariate_normal.logpdf(v, p, sigma**2) for log, v in zip(share, VECTORS)])
        expected += 2 * sigma**2 * (density - multivariate_normal.logpdf(t, p, sigma**2)) / 6
    ours = gai_loss(PREDICTION, TARGET, VECTORS, COUNTS, sigma=sigma, normalize=False)
    assert ours.item() == pytest.approx(expected)


def test_gai_over_the_batch_is_bmc_up_to_a_constant():
    """With the batch's own class frequencies as the density, both have one gradient."""
    counts = torch.bincount(LABELS)
    gradients = []
    for loss in (
        lambda values: bmc_loss(values, TARGET, sigma=0.5),
        lambda values: gai_loss(values, TARGET, VECTORS, counts, sigma=0.5),
    ):
        prediction = PREDICTION.clone().requires_grad_()
        gradients += torch.autograd.grad(loss(prediction), prediction)
    torch.testing.assert_close(*gradients)


def test_a_small_sigma_leaves_the_squared_error_of_wrong_neighbours_alone():
    """As sigma grows, the batch looks like one point, and only differences to its mean are left."""
    wide = bmc_loss(PREDICTION, TARGET, sigma=100.0, normalize=False)
    squared = (PREDICTION - TARGET).square().sum(1).mean()
    all_pairs = (PREDICTION[:, None] - TARGET[None]).square().sum(2).mean()
    floor = 2 * 100.0**2 * np.log(6)
    assert (wide - floor).item() == pytest.approx((squared - all_pairs).item(), rel=1e-2)


@pytest.mark.parametrize("per_attribute", [False, True])
def test_gradients_are_those_of_finite_differences(per_attribute):
    sigma = torch.full((5,) if per_attribute else (), 0.7, dtype=torch.float64)
    prediction = PREDICTION.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: bmc_loss(values, TARGET, sigma=sigma), (prediction,))
    if not per_attribute:
        assert torch.autograd.gradcheck(
            lambda values: gai_loss(values, TARGET, VECTORS, COUNTS, sigma=sigma), (prediction,)
        )


@pytest.mark.usefixtures("unchecked")  # 200 equal steps; other tests check their shapes
@pytest.mark.parametrize("make", [lambda: BMC(), lambda: BMC((5,)), lambda: GAI(VECTORS.float(), COUNTS)])
def test_sigma_trains_to_the_noise(make):
    """The trap of a sigma that never trains: here it moves, and towards the deviation of the predictions."""
    criterion = make()
    torch.manual_seed(0)
    labels = torch.randint(4, (400,))
    target = l2_normalize(VECTORS.float())[labels]
    prediction = target + 0.3 * torch.randn(400, 5)
    criterion.normalize = False
    if isinstance(criterion, GAI):
        criterion.vectors.copy_(l2_normalize(criterion.vectors))
    optimizer = torch.optim.Adam(criterion.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        criterion(prediction, target, labels).backward()
        optimizer.step()
    sigma = criterion.log_sigma.exp()
    assert bool(((sigma - 0.3).abs() < 0.1).all())
    assert bool(criterion.amplification.isnan())


def test_bmc_is_no_smaller_than_zero_and_zero_where_sure():
    assert bmc_loss(torch.eye(3), torch.eye(3), sigma=0.05) < 1e-12
    assert bmc_loss(PREDICTION, TARGET, sigma=0.5) > 0
    assert mse_loss(PREDICTION, TARGET) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bmc_loss(PREDICTION, TARGET, sigma=0.0), "^sigma must be finite and above 0, got 0.0$"),
        (lambda: bmc_loss(PREDICTION, TARGET, sigma=torch.tensor(0.0)), "^sigma must be finite and above 0, got 0.0$"),
        (lambda: bmc_loss(PREDICTION, TARGET, sigma=torch.full((5,), -1.0)), "^sigma must be finite and above 0"),
        (lambda: bmc_loss(PREDICTION, TARGET, sigma=float("nan")), "^sigma must be finite and above 0, got nan$"),
        (lambda: bmc_loss(PREDICTION[:0], TARGET[:0], sigma=0.1), "^prediction must hold at least one image"),
        (
            lambda: gai_loss(PREDICTION, TARGET, VECTORS, 0 * COUNTS, sigma=1.0),
            "^counts must hold the number of training images of each class, at least one in total$",
        ),
        (
            lambda: bmc_loss(PREDICTION, TARGET, sigma=torch.ones(3)),
            r"^sigma must be one number or one for each",
        ),
        (
            lambda: gai_loss(PREDICTION, TARGET, VECTORS, COUNTS, sigma=torch.ones(5)),
            "^sigma of GAI must be one number",
        ),
        (lambda: BMC(sigma=-1.0), "^sigma must be a number from 1e-06 to 1000000.0, got -1.0$"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_sigmas_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("module", [BMC, GAI])
def test_they_compile_to_one_graph(module, unchecked):
    """Checks of values would break it."""
    vectors, counts = torch.eye(3), torch.tensor([2, 1, 1])
    loss = BMC(()) if module is BMC else GAI(vectors, counts)
    arguments = (torch.rand(4, 3), vectors[[0, 1, 2, 0]], torch.tensor([0, 1, 2, 0]))
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*arguments), loss(*arguments))


def test_counts_must_be_a_tensor(unchecked):
    with pytest.raises(InputError, match=r"^counts must be a torch\.Tensor, got list$"):
        gai_loss(torch.eye(2), torch.eye(2), torch.eye(2), [1, 1], sigma=1.0)

"""Errors by cell: worst cases by brute force, and the laws of the weights."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zslcore import InputError
from zslcore.losses import cvar_weights, elementwise_error, group_dro_update, mean_by_class
from zslcore.losses.modules import CVaR, GroupDRO, Uncertainty, WeightedMSE

LABELS = torch.tensor([0, 0, 0, 2, 2, 3])  # class 1 is absent, sizes differ


@pytest.fixture
def batch():
    prediction, target = torch.randn(2, 6, 3, dtype=torch.float64)
    return prediction.requires_grad_(), target, LABELS


def cells(prediction, target):
    """Mean error of each cell of the classes 0, 2 and 3, by a loop."""
    error = elementwise_error(prediction, target).detach()
    return torch.stack([error[c == LABELS].mean(0) for c in (0, 2, 3)])


@pytest.mark.parametrize(("alpha", "number"), [(0.01, 1), (1 / 3, 3), (0.35, 4), (0.9, 9), (1.0, 9)])
def test_cvar_is_the_mean_of_the_worst_cells(batch, alpha, number):
    criterion = CVaR((4, 3), alpha=alpha).double()
    worst = cells(*batch[:2]).flatten().sort(descending=True).values[:number]
    assert criterion(*batch).item() == pytest.approx(worst.mean().item())


def test_cvar_maximises_over_all_sets_of_cells(batch):
    matrix = cells(*batch[:2]).flatten().numpy()
    best = max(np.mean(matrix[list(chosen)]) for chosen in itertools.combinations(range(9), 4))
    assert CVaR((4, 3), alpha=4 / 9).double()(*batch).item() == pytest.approx(best)


def test_group_dro_raises_the_weights_of_bad_cells_step_by_step(batch):
    criterion = GroupDRO((4, 3), step=0.5).double()
    matrix = cells(*batch[:2])
    expected = torch.ones(3, 3, dtype=torch.float64)
    for _ in range(3):
        expected = expected * torch.exp(0.5 * matrix / matrix.mean())
        loss = criterion(*batch)
        assert loss.item() == pytest.approx(((expected * matrix).sum() / expected.sum()).item())
    present = criterion.weights[[0, 2, 3]]
    torch.testing.assert_close(present / present.mean(), expected / expected.mean())
    assert criterion.weights[1].max() == criterion.weights[1].min()
    assert criterion.amplification > 1


def test_group_dro_ends_at_the_worst_cell(batch):
    criterion = GroupDRO((4, 3), step=5.0).double()
    for _ in range(200):
        loss = criterion(*batch)
    assert loss.item() == pytest.approx(cells(*batch[:2]).max().item(), rel=1e-3)


@pytest.mark.usefixtures("unchecked")  # 1100 equal steps; other tests check their shapes
def test_group_dro_forgets_no_cell_behind_a_dominant_one():
    """Its weights in float32 became exactly 0 but for one and stayed so: the loss of the other classes was 0."""
    criterion = GroupDRO((3, 4), step=2.0, normalize=False)
    prediction = torch.tensor([[9.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.5, 1.0]])
    zeros = torch.zeros(3, 4)
    for _ in range(100):  # the weights of the other cells would underflow after ten
        criterion(prediction, zeros, torch.arange(3))
    assert criterion.weights[0, 0] == criterion.weights.numel()
    assert criterion.weights.mean() == 1
    for batch in ([0], [1], [2], [1, 2]):  # mean 1 over the classes that are there
        labels = torch.tensor(batch)
        for training in (False, True):
            criterion.train(training)
            loss = criterion(prediction[labels], zeros[labels], labels)
            squares = prediction[labels].square()
            assert squares.min() <= loss <= squares.max() + 1e-5
        assert criterion.amplification > 0
    for _ in range(1000):  # what was good for long and is now the worst takes over again
        criterion(prediction.flip(1), zeros, torch.arange(3))
    assert criterion.weights[0].argmax() == 3
    assert bool(criterion.log_weights.isfinite().all())


@pytest.mark.parametrize("make", [lambda: CVaR((4, 3), alpha=0.4), lambda: GroupDRO((4, 3), step=0.5)])
def test_gradient_is_that_of_the_weighted_cell_means(make, batch):
    prediction, target, labels = batch
    criterion = make().double()
    (gradient,) = torch.autograd.grad(criterion(*batch), prediction)
    with torch.no_grad():
        criterion.eval()  # the same weights, now fixed
        weights = criterion.cell_weights(elementwise_error(prediction, target), labels)
    expected = (weights[labels] * elementwise_error(prediction, target)).mean()
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, prediction)[0])


def test_evaluation_leaves_the_weights_alone(batch):
    criterion = GroupDRO((4, 3)).double().eval()
    criterion(*batch)
    assert bool((criterion.weights == 1).all())


@given(st.integers(0, 2**31), st.floats(0.05, 1), st.floats(0.01, 100))
def test_laws_of_worst_case_weights(seed, alpha, factor):
    rng = np.random.default_rng(seed)
    error, present = torch.from_numpy(rng.exponential(size=(5, 4))), torch.from_numpy(rng.random(5) < 0.7)
    present[0] = True
    error[~present] = 0
    for weigh in (
        lambda e, here: cvar_weights(e, here, alpha=alpha),
        lambda e, here: group_dro_update(torch.zeros_like(e), e, here, step=0.3),
    ):
        weights = weigh(error, present)
        torch.testing.assert_close(weigh(factor * error, present), weights)  # no unit
        order = torch.from_numpy(rng.permutation(5))
        torch.testing.assert_close(weigh(error[order], present[order]), weights[order])
        columns = torch.from_numpy(rng.permutation(4))
        torch.testing.assert_close(weigh(error[:, columns], present), weights[:, columns])
    assert cvar_weights(error, present, alpha=alpha)[present].mean().item() == pytest.approx(1)


def test_uncertainty_finds_the_error_of_each_attribute():
    criterion = Uncertainty(3, normalize=False)
    prediction = torch.randn(500, 3) * torch.tensor([0.1, 1.0, 3.0])
    optimizer = torch.optim.Adam(criterion.parameters(), lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        criterion(prediction, torch.zeros(500, 3), torch.zeros(500, dtype=torch.long)).backward()
        optimizer.step()
    torch.testing.assert_close(criterion.sigma.square(), prediction.square().mean(0), rtol=1e-2, atol=0)


def test_weighted_mse_is_numpys_weighted_average(batch):
    prediction, target, labels = batch
    weights = torch.rand(4, 3, dtype=torch.float64)
    criterion = WeightedMSE(weights).double()
    error = elementwise_error(prediction, target).detach().numpy()
    expected = (weights[labels].numpy() * error).mean()
    assert criterion(*batch).item() == pytest.approx(expected)
    assert criterion.amplification.item() == pytest.approx(expected / error.mean())


def test_mean_by_class_counts():
    mean, count = mean_by_class(torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([2, 0, 2]), 4)
    assert mean.flatten().tolist() == [2.0, 0.0, 3.5, 0.0]
    assert count.tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CVaR((2, 2), alpha=0.0), r"^alpha must lie in \(0, 1\], got 0\.0$"),
        (lambda: GroupDRO((2, 2), step=0.0), "^step must be a finite number above 0"),
    ],
)
def test_impossible_options_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((3, 2), [0, -1], r"labels must lie in 0\.\.2 .*got -1\.\.0"),  # would be the last class
        ((3, 2), [0, 3], r"labels must lie in 0\.\.2 .*got 0\.\.3"),
        ((3, 1), [0, 1], "weights must be for 2 attributes, got 1"),  # would be the weight of both
    ],
)
def test_weights_that_do_not_fit_are_refused(shape, labels, message):
    criterion = WeightedMSE(torch.ones(shape))
    with pytest.raises(InputError, match=message):
        criterion(torch.ones(2, 2), torch.ones(2, 2), torch.tensor(labels))

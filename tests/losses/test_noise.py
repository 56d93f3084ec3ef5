"""Losses that learn their noise sigma, through the Trainer: it gets to where the errors put it, at any lambda."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar

from zslcore.config import RunConfig
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.losses import l2_normalize
from zslcore.losses.modules import BMC, SIGMA_RANGE, Uncertainty
from zslcore.training.device import make_accelerator
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import Trainer, train

CPU = torch.device("cpu")
LOSSES = ("bmc", "bmc_per_attribute", "gai", "uncertainty")
CONFIG = RunConfig(
    dataset="SYNTH", backbone="resnet18", device="cpu", epochs=3, episodes=100, ways=6, lr=0.003, lr_step=2, clip=1.0
)


@pytest.fixture(scope="session")
def blurred(benchmark):
    """Features (n, D, 1) that hold the class attributes with an error that no linear network can undo."""
    rng = np.random.default_rng(0)
    basis = np.linalg.svd(benchmark.attributes)[2][:4]  # the class vectors are of rank 4
    latent = benchmark.attributes[benchmark.labels] @ basis.T
    latent += rng.normal(scale=0.2, size=latent.shape)
    return (latent @ rng.normal(size=(4, 512))).astype(np.float32)[:, :, None]


def best_sigma(name, prediction, labels, vectors, batches):
    """The sigma of the largest likelihood, one or one an attribute, of normalised predictions (float64)."""
    target = vectors[labels]
    if name == "uncertainty":
        return (prediction - target).square().mean(0).sqrt()
    if name == "gai":
        prior = torch.bincount(labels).double().log()
        problems = [(_distances(prediction, vectors).sum(2), labels, prior)]
    else:
        problems = [(_distances(prediction[b], target[b]), torch.arange(len(b)), 0.0) for b in batches]
        if name == "bmc":
            problems = [(distances.sum(2), truth, prior) for distances, truth, prior in problems]
    if problems[0][0].ndim == 2:
        return _minimum(problems)
    columns = range(problems[0][0].shape[2])
    return torch.stack([_minimum([(d[:, :, a], truth, prior) for d, truth, prior in problems]) for a in columns])


def _distances(rows, others):
    return (rows[:, None] - others[None]).square()


def _minimum(problems):
    def likelihood(log_sigma):
        scale = 2 * math.exp(2 * log_sigma)
        return sum(F.cross_entropy(prior - distances / scale, truth).item() for distances, truth, prior in problems)

    return torch.tensor(minimize_scalar(likelihood, bounds=(-7, 2), method="bounded").x).exp()


@pytest.mark.usefixtures("unchecked")  # 300 equal steps; the short trainings below are checked
@pytest.mark.parametrize("lam", [0.1, 10.0])
@pytest.mark.parametrize("name", LOSSES)
def test_sigma_is_that_of_the_final_errors(benchmark, blurred, name, lam):
    task, config = zero_shot_task(benchmark), CONFIG.replace(loss=name, lam=lam)
    start = 1.0 if name == "uncertainty" else 0.8  # far from where it has to go
    if name != "uncertainty":
        config = config.replace(loss_options={"sigma": start})
    trainer = Trainer(config, benchmark, Maps(blurred, CPU, torch.float32), task, make_accelerator(config))
    rows = [trainer.epoch(epoch) for epoch in range(config.epochs)]
    with torch.no_grad():
        prediction = l2_normalize(trainer.model.eval()(torch.from_numpy(blurred[task.train])).double())
        vectors = l2_normalize(torch.from_numpy(benchmark.attributes[task.seen_classes]).double())
    batches = torch.from_numpy(trainer._draw()[:40])
    expected = best_sigma(name, prediction, torch.from_numpy(trainer.labels), vectors, batches)
    found = trainer.objective.criterion.sigma.detach().double()
    ratio = (found / expected).flatten()
    assert expected.median() < 0.5 * start
    assert ratio.median().item() == pytest.approx(1, abs=0.15)
    # a few attributes are not told apart by any sigma: their likelihood is flat
    assert ((ratio > 0.75) & (ratio < 1.3)).double().mean() > 0.8
    assert rows[-1]["sigma"] == pytest.approx(found.log().mean().exp().item())


@pytest.mark.parametrize("name", LOSSES)
def test_every_epoch_logs_it(benchmark, blurred, name):
    config = CONFIG.replace(loss=name, episodes=10)
    result = train(config, benchmark, Maps(blurred, CPU, torch.float32), zero_shot_task(benchmark))
    assert len({row["sigma"] for row in result.rows}) == CONFIG.epochs


def test_losses_without_a_noise_log_none(benchmark, blurred):
    config = CONFIG.replace(loss="mse", epochs=1, episodes=2)
    assert "sigma" not in train(config, benchmark, Maps(blurred, CPU, torch.float32), zero_shot_task(benchmark)).rows[0]


def test_a_training_cut_off_goes_on_with_the_same_steps(benchmark, blurred, tmp_path, monkeypatch):
    """The moments of sigma's own optimiser are part of the checkpoint."""
    config, task = CONFIG.replace(loss="bmc_per_attribute", episodes=10), zero_shot_task(benchmark)
    world = (config, benchmark, Maps(blurred, CPU, torch.float32), task)
    whole, original = train(*world), Trainer.epoch

    def cut(self, index):
        if index == 2:
            raise KeyboardInterrupt
        return original(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "epoch", cut)
        with pytest.raises(KeyboardInterrupt):
            train(*world, checkpoints=tmp_path)
    resumed = train(*world, checkpoints=tmp_path)
    assert [row["sigma"] for row in resumed.rows] == [row["sigma"] for row in whole.rows]
    assert all(torch.equal(resumed.state[name], value) for name, value in whole.state.items())


def test_clipping_limits_the_network_alone(benchmark, blurred):
    """The gradient of sigma must not shorten the step of the network."""
    config = CONFIG.replace(loss="uncertainty", clip=0.01, momentum=0.0, weight_decay=0.0, lr=1.0, lam=1000.0)
    task = zero_shot_task(benchmark)
    trainer = Trainer(config, benchmark, Maps(blurred, CPU, torch.float32), task, make_accelerator(config))
    before = torch.cat([value.flatten() for value in trainer.model.parameters()]).detach().clone()
    batch = trainer._draw()[0]
    trainer._step(torch.from_numpy(blurred[task.train[batch]]), torch.from_numpy(trainer.labels[batch]))
    after = torch.cat([value.flatten() for value in trainer.model.parameters()]).detach()
    assert (after - before).norm() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("perfect", [True, False])
def test_sigma_stays_in_its_range_and_comes_back(perfect):
    """Errors of exactly zero ask for a sigma of 0, which no step may take; larger ones bring it back."""
    criterion = Uncertainty(2, normalize=False)
    optimizer = torch.optim.Adam(criterion.parameters(), lr=1.0)
    labels, zeros = torch.zeros(3, dtype=torch.long), torch.zeros(3, 2)
    extreme = zeros if perfect else torch.full((3, 2), 1e9)
    for prediction in [extreme] * 60 + [torch.ones(3, 2)] * 60:
        optimizer.zero_grad()
        loss = criterion(prediction, zeros, labels)
        assert loss.isfinite()
        loss.backward()
        assert SIGMA_RANGE[0] * 0.99 < criterion.sigma.min() <= criterion.sigma.max() < SIGMA_RANGE[1] * 1.01
        optimizer.step()
    assert (criterion.log_sigma.abs() < 8).all()  # the range ends at 13.8
    assert BMC(sigma=SIGMA_RANGE[0]).sigma > 0

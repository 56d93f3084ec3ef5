"""The weights of the two losses, and the class vectors they see."""

import numpy as np
import pytest
import torch

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.data.tasks import validation_task
from zslcore.losses import cosine_cross_entropy, mse_loss
from zslcore.training.evaluation import evaluate
from zslcore.training.inputs.sources import Maps
from zslcore.training.objective import Objective, build_model

CONFIG = RunConfig(dataset="SYNTH", backbone="resnet18", weights="random", lam=5.0)


@pytest.fixture
def batch():
    torch.manual_seed(3)
    return torch.randn(16, 512, 1), torch.arange(16) % 6


def losses(benchmark, batch, **changes):
    config = CONFIG.replace(**changes)
    torch.manual_seed(0)
    objective = Objective(config, build_model(config, benchmark), benchmark, zero_shot_task(benchmark))
    return objective, objective(*batch)


def test_regression_alone(small_synth, batch):
    objective, found = losses(small_synth, batch, lam_cls=0.0, loss="mse")
    prediction = objective.model(batch[0])
    expected = 5.0 * mse_loss(prediction, objective.attributes[batch[1]]).mean()
    torch.testing.assert_close(found.loss, expected)
    assert found.classification_loss > 0  # still logged


def test_weight_of_the_cross_entropy(small_synth, batch):
    objective, found = losses(small_synth, batch, lam_cls=0.25, loss="none")
    prediction = objective.model(batch[0])
    expected = 0.25 * cosine_cross_entropy(prediction, objective.attributes, batch[1], scale=CONFIG.scale)
    torch.testing.assert_close(found.loss, expected)


@pytest.mark.parametrize("changes", [{"loss": "none"}, {"loss": "remse", "lam": 0.0}])
def test_a_loss_of_nothing_is_refused(changes):
    with pytest.raises(InputError, match=r"^lam_cls must be above 0 without a regression loss, got 0$"):
        CONFIG.replace(lam_cls=0.0, **changes)


@pytest.mark.parametrize("loss", ["remse", "remse_permuted"])
def test_equal_lambda_gives_the_value_of_the_mse_in_every_batch(small_synth, batch, loss):
    """The gradient still differs: the weights move it between cells."""
    mse, plain = losses(small_synth, batch, loss="mse")
    remse, matched = losses(small_synth, batch, loss=loss, p=1.0, p2=1.0, equal_lambda=True)
    _, unmatched = losses(small_synth, batch, loss=loss, p=1.0, p2=1.0)
    torch.testing.assert_close(matched.regression_loss, plain.regression_loss)
    torch.testing.assert_close(matched.loss, plain.loss)
    assert matched.amplification == 1
    assert unmatched.regression_loss > 1.5 * plain.regression_loss
    plain.loss.backward()
    matched.loss.backward()
    gradients = [next(objective.model.parameters()).grad for objective in (mse, remse)]
    assert not torch.allclose(*gradients, rtol=1e-3)


@pytest.mark.parametrize("task", [zero_shot_task, validation_task])
def test_centred_vectors_know_only_the_classes_that_are_trained_on(small_synth, task):
    """In training and in scoring: a model that predicts the centred vectors is always right."""
    task, config = task(small_synth), CONFIG.replace(attribute_vectors="centred")
    vectors = small_synth.vectors("centred", seen=task.seen_classes)
    objective = Objective(config, build_model(config, small_synth), small_synth, task)
    np.testing.assert_array_equal(objective.attributes.numpy(), vectors[task.seen_classes])
    truth = Maps(vectors[small_synth.labels][:, :, None], torch.device("cpu"), torch.float32)
    assert evaluate(config, torch.nn.Flatten(), truth, small_synth, task).best()["H"] == pytest.approx(1)

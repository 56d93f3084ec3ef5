"""The protocols, on scores whose accuracies are counted by hand."""

import pytest
import torch

from zslcore.config import RunConfig
from zslcore.data.tasks import fold_tasks
from zslcore.metrics import seen_unseen_curve
from zslcore.training.evaluation import Evaluation
from zslcore.training.protocols import clean_protocol, fold_config, validation_means

# one seen and one unseen class: an image counts as seen where its margin, seen minus unseen score, is above gamma
SEEN, UNSEEN = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([-1.0, 0.5, 1.7, 3.0])
FOLD = {"T1": 0.5, "U": 0.2, "S": 0.6, "H": 0.3, "gamma": 0.5, "AUSUC": 0.1}


def scores(margins):
    return torch.stack([margins, torch.zeros(len(margins))], 1)


def test_clean_reads_the_test_images_at_the_mean_gamma_of_the_folds():
    folds = [FOLD, FOLD | {"gamma": 1.0, "H": 0.6}, FOLD | {"gamma": 3.0, "H": 0.9}]
    means = validation_means(folds)
    assert means == pytest.approx({"T1": 0.5, "U": 0.2, "S": 0.6, "H": 0.6, "gamma": 1.5, "AUSUC": 0.1})
    labels = torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long)
    curve = seen_unseen_curve(scores(SEEN), labels[0], scores(UNSEEN), labels[1], num_seen=1)
    clean = clean_protocol(means["gamma"], 5, Evaluation(t1=1.0, curve=curve))
    assert (clean["epoch"], clean["gamma"]) == (5, 1.5)
    assert clean["S"] == 3 / 4  # margins 2, 3 and 4
    assert clean["U"] == 2 / 4  # margins -1 and 0.5
    assert clean["H"] == pytest.approx(0.6)
    assert curve.best()[2] == pytest.approx(0.75)  # at another gamma: S = U = 3 / 4


@pytest.mark.parametrize(("episodes", "expected"), [(10, [6, 7, 7]), (4, [2, 3, 3]), (1, [1, 1, 1])])
def test_folds_train_for_as_many_steps_per_class(small_synth, episodes, expected):
    """The folds train on 6, 7 and 7 of the 10 seen classes, for one step an epoch at least."""
    config = RunConfig(dataset="SYNTH", episodes=episodes)
    folds = [fold_config(config, small_synth, task) for task in fold_tasks(small_synth)]
    assert [fold.episodes for fold in folds] == expected
    assert all(fold.replace(episodes=episodes) == config for fold in folds)

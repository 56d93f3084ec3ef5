"""The audit: its rows are those of fit and of train, and halves give no optimism where labels are noise."""

import numpy as np
import pytest
import torch

from zslcore.config import RunConfig
from zslcore.data.tasks import fold_tasks, validation_task
from zslcore.metrics import seen_unseen_curve
from zslcore.study.experiments import protocol_audit
from zslcore.study.experiments.protocol_audit import audit, split_half
from zslcore.training import Run, fit
from zslcore.training.loop import train

# with this seed, the best epoch on the validation split is not the last one
CONFIG = RunConfig(
    dataset="SYNTH",
    backbone="resnet18",
    weights="random",
    image_size=32,
    epochs=3,
    episodes=4,
    ways=4,
    loss="none",
    seed=1,
)


@pytest.mark.usefixtures("small_world")
def test_rows_agree_with_the_protocols_of_a_run(small_synth, monkeypatch):
    monkeypatch.setattr(protocol_audit, "load_benchmark", lambda name: small_synth)
    rows = audit(CONFIG).set_index("estimate")
    run = Run.load(fit(CONFIG))
    paper, clean = rows.loc["paper"], rows.loc[protocol_audit.CLEAN]
    assert paper["H"] == round(100 * run.metrics["protocols"]["paper"]["H"], 2)
    of_run = run.metrics["protocols"]["clean"]
    assert (clean["H"], clean["epoch"]) == (round(100 * of_run["H"], 2), of_run["epoch"])
    assert clean["gamma"] == round(of_run["gamma"], 4)
    inputs = run.inputs(small_synth)
    validation = train(CONFIG, small_synth, inputs, validation_task(small_synth)).rows
    chosen = max(validation, key=lambda row: row["H"])
    earlier = rows.loc["chosen epoch, validation gamma"]
    assert (earlier["epoch"], earlier["gamma"]) == (chosen["epoch"], round(chosen["gamma"], 4))
    assert earlier["epoch"] < clean["epoch"]  # else the two protocols are not told apart
    for epoch in ("chosen epoch", "last epoch"):
        best = rows.loc[f"{epoch}, test gamma", "H"]
        of_epoch = rows[rows.index.str.startswith(epoch)]
        assert (of_epoch["H"] <= best).all()
        assert paper["H"] >= best
    assert len(rows) == 13


class TestSplitHalf:
    def scores(self, rng, classes=6, images=40, signal=0.0):
        labels = np.repeat(np.arange(classes), images)
        score = rng.normal(size=(len(labels), classes)) + signal * np.eye(classes)[labels]
        seen = labels < classes // 2
        tensors = (score[seen], labels[seen], score[~seen], labels[~seen])
        return [torch.from_numpy(array) for array in tensors]

    @pytest.mark.parametrize("by", ["images", "classes"])
    def test_perfect_scores_are_perfect_in_every_half(self, by):
        scores = self.scores(np.random.default_rng(0), signal=100.0)
        assert split_half(*scores, num_seen=3, by=by) == pytest.approx(1)

    def test_no_optimism_on_noise(self):
        """The best gamma on the images that it is read on beats one that was chosen on others."""
        gains = []
        for seed in range(10):
            scores = self.scores(np.random.default_rng(seed), images=6)
            best = seen_unseen_curve(*scores, num_seen=3).best()[2]
            gains.append(best - split_half(*scores, num_seen=3))
        assert np.mean(gains) > 0.02
        large = self.scores(np.random.default_rng(0), images=4000)
        best = seen_unseen_curve(*large, num_seen=3).best()[2]
        assert split_half(*large, num_seen=3) == pytest.approx(best, abs=0.005)


def test_folds_partition_the_seen_classes(tiny):
    benchmark = tiny.load()
    tasks = fold_tasks(benchmark, 3)
    folds = np.concatenate([task.unseen_classes for task in tasks])
    np.testing.assert_array_equal(np.sort(folds), benchmark.seen_classes)
    trainval = benchmark.split("trainval")
    for task in tasks:
        np.testing.assert_array_equal(np.sort(np.concatenate([task.train, task.test_seen, task.test_unseen])), trainval)
        assert not np.intersect1d(task.seen_classes, task.unseen_classes).size
        np.testing.assert_array_equal(np.unique(benchmark.labels[task.train]), task.seen_classes)

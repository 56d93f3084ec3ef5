"""Training on frozen features: what it depends on, what it learns, and the numbers that it reports."""

from collections import Counter

import numpy as np
import pytest
import torch
from tiny import LINEAR_RUN

from zslcore import InputError
from zslcore.data.tasks import fold_tasks, validation_task
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.losses import compactness_loss, square_map
from zslcore.training import evaluation, objective
from zslcore.training.device import weight_dtype
from zslcore.training.evaluation import evaluate
from zslcore.training.inputs.sources import Maps
from zslcore.training.loop import step_size
from zslcore.training.loop import train as train_on
from zslcore.training.objective import Objective, build_model

CHANNELS = 512  # of a ResNet-18
CONFIG = LINEAR_RUN.replace(epochs=3, episodes=15, lr_step=2)
CPU = torch.device("cpu")


def train(config, benchmark, features, task, **settings):
    """A training on features given as an array."""
    return train_on(config, benchmark, Maps(features, CPU, weight_dtype(config.precision)), task, **settings)


@pytest.fixture(scope="session")
def trained(benchmark, features):
    """Train a variation of ``CONFIG`` on the test task, each once a session."""
    known = {}

    def run(**changes):
        key = tuple(sorted(changes.items()))
        if key not in known:
            known[key] = train(CONFIG.replace(**changes), benchmark, features, zero_shot_task(benchmark))
        return known[key]

    return run


def same(first, second):
    """Whether two trainings agree in every bit of what they report and leave."""
    if first.rows != second.rows or first.state.keys() != second.state.keys():
        return False
    return all(torch.equal(value, second.state[name]) for name, value in first.state.items())


def recording_threads(function, threads):
    """The function, which now adds the number of threads that it runs on to a list."""

    def recorded(*arguments, **keywords):
        threads.append(torch.get_num_threads())
        return function(*arguments, **keywords)

    return recorded


def head(state):
    """The trained part of a state: everything behind the standardisation."""
    return {name: value for name, value in state.items() if not name.startswith("standardize.")}


class TestReproducibility:
    @pytest.mark.parametrize("threads", [1, 2, 3])
    def test_same_config_same_bits_whatever_went_before(self, benchmark, features, trained, threads):
        expected = trained()
        torch.set_num_threads(threads)
        torch.rand(17 * threads)
        np.random.seed(threads)  # noqa: NPY002 - the global generator is what must not matter
        assert same(train(CONFIG, benchmark, features, zero_shot_task(benchmark)), expected)

    def test_seeds_differ(self, trained):
        first, second = trained(), trained(seed=1)
        assert first.rows[0]["loss"] != second.rows[0]["loss"]
        assert not torch.equal(first.state["network.head.0.weight"], second.state["network.head.0.weight"])

    def test_callers_random_state_and_threads_come_back(self, benchmark, features):
        torch.set_num_threads(3)
        before = torch.get_rng_state()
        numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
        train(CONFIG.replace(epochs=1), benchmark, features, zero_shot_task(benchmark))
        assert torch.equal(torch.get_rng_state(), before)
        assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
        assert torch.get_num_threads() == 3

    def test_they_also_come_back_after_an_error(self, benchmark, features):
        torch.set_num_threads(3)
        before = torch.get_rng_state()
        with pytest.raises(InputError, match="ways must be at most the 10 classes"):
            train(CONFIG.replace(ways=11), benchmark, features, zero_shot_task(benchmark))
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.get_num_threads() == 3

    def test_training_and_evaluation_run_on_one_thread(self, benchmark, features, monkeypatch):
        threads = []
        for module, name in ((objective, "cosine_cross_entropy"), (evaluation, "cosine_scores")):
            monkeypatch.setattr(module, name, recording_threads(getattr(module, name), threads))
        torch.set_num_threads(2)
        train(CONFIG.replace(epochs=1, episodes=3), benchmark, features, zero_shot_task(benchmark))
        assert threads == [1, 1, 1, 1, 1]  # three episodes, seen and unseen test images

    def test_methods_of_a_seed_share_initialisation_and_episodes(self, trained):
        """With a step size of nothing, the cross entropy of an epoch tells the episodes and the weights apart."""
        still = {"lr": 1e-30, "weight_decay": 0.0}
        losses = [trained(loss=loss, **still) for loss in ("none", "mse", "remse")]
        first = [row["classification_loss"] for row in losses[0].rows]
        assert all([row["classification_loss"] for row in other.rows] == first for other in losses)
        assert len(set(first)) == CONFIG.epochs  # and each epoch draws other episodes

    def test_another_seed_is_another_initialisation(self, trained):
        still = {"loss": "none", "lr": 1e-30, "weight_decay": 0.0}
        first, second = (trained(**still, seed=seed).state["network.head.0.weight"] for seed in (0, 1))
        assert (first - second).abs().max() > 0.01

    def test_a_shorter_run_is_the_start_of_a_longer_one(self, trained):
        long, short = trained(), trained(epochs=1)
        assert short.rows == long.rows[:1]
        assert not torch.equal(long.state["network.head.0.weight"], short.state["network.head.0.weight"])


class TestLearning:
    @pytest.mark.parametrize("loss", ["none", "mse", "remse"])
    def test_planted_signal_is_found(self, trained, loss):
        rows = trained(loss=loss, epochs=4, lr_step=4).rows
        assert rows[-1]["T1"] > 0.8  # chance: 1 of 4
        assert rows[-1]["H"] > 0.6  # chance: at most 1 of 14 each
        assert rows[-1]["classification_loss"] < 0.5 * rows[0]["classification_loss"]

    def test_without_signal_there_is_nothing_to_find(self, benchmark):
        noise = np.random.default_rng(1).normal(size=(len(benchmark.labels), CHANNELS, 1)).astype(np.float32)
        result = train(CONFIG, benchmark, noise, zero_shot_task(benchmark))
        assert np.mean([row["T1"] for row in result.rows]) < 0.5
        assert np.mean([row["AUSUC"] for row in result.rows]) < 0.2

    def test_attention_learns_on_maps(self, benchmark, features):
        maps = features + np.random.default_rng(2).normal(scale=0.1, size=(1, 1, 4)).astype(np.float32)
        config = CONFIG.replace(network="attention", epochs=4, lr_step=4, lr=0.001)
        result = train(config, benchmark, maps, zero_shot_task(benchmark))
        assert result.rows[-1]["T1"] > 0.6
        assert result.rows[-1]["classification_loss"] < 0.5 * result.rows[0]["classification_loss"]

    @pytest.mark.parametrize("variant", ["release", "gem-zsl"])
    def test_gem_learns_on_maps_and_its_attention_gets_compact(self, benchmark, features, variant):
        maps = np.repeat(features / 60, 9, axis=2)
        maps += np.random.default_rng(2).normal(scale=0.03, size=maps.shape).astype(np.float32)
        config = CONFIG.replace(network="gem", epochs=4, lr_step=4, gem_variant=variant, standardize=False, lr=3e-3)
        plain, compact = (
            train(config.replace(compactness=weight), benchmark, maps, zero_shot_task(benchmark))
            for weight in (0.0, 1e4)
        )
        spread = []
        for result in (plain, compact):
            assert result.rows[-1]["classification_loss"] < 0.8 * result.rows[0]["classification_loss"]
            model = build_model(config, benchmark)
            model.load_state_dict(result.state)
            spread.append(compactness_loss(square_map(model.attention(torch.from_numpy(maps)))).item())
        assert spread[1] < 0.8 * spread[0]

    @pytest.mark.parametrize("make_task", [validation_task, lambda benchmark: fold_tasks(benchmark)[0]])
    def test_validation_never_touches_a_test_image(self, benchmark, features, make_task):
        """Whatever stands in the features of the test images, the training within trainval is the same."""
        task, spoiled = make_task(benchmark), features.copy()
        expected = train(CONFIG.replace(ways=4), benchmark, features, task)
        for split in ("test_seen", "test_unseen"):
            spoiled[benchmark.split(split)] = np.nan
        assert same(train(CONFIG.replace(ways=4), benchmark, spoiled, task), expected)


class TestDivergence:
    """The sentence names what happened to the training, not what the evaluation stumbled over."""

    @pytest.mark.parametrize(
        "change",
        [{"lr": 1e30}, {"lr": 1e6, "hidden": 8}, {"lr": 1e30, "loss": "none"}],
        ids=str,
    )
    def test_it_is_named_with_epoch_and_step(self, benchmark, features, change):
        message = r"^training diverged: the (loss|weights|scores) stopped being finite in epoch \d, step \d+ "
        with pytest.raises(InputError, match=message):
            train(CONFIG.replace(**change), benchmark, features, zero_shot_task(benchmark))

    @pytest.mark.parametrize("step", [0, 3])
    def test_the_step_is_the_first_whose_loss_is_not_finite(self, benchmark, features, monkeypatch, step):
        calls = []

        def spoiled(module, *batch):
            calls.append(len(calls))
            losses = forward(module, *batch)
            return losses._replace(loss=losses.loss * np.inf) if calls[-1] == CONFIG.episodes + step else losses

        forward = Objective.forward
        monkeypatch.setattr(Objective, "forward", spoiled)
        with pytest.raises(InputError, match=rf"the loss stopped being finite in epoch 1, step {step} "):
            train(CONFIG, benchmark, features, zero_shot_task(benchmark))

    def test_weights_lost_in_the_last_step_are_noticed(self, benchmark, features):
        """The loss of a step is that of the weights before it."""
        with pytest.raises(InputError, match=r"the weights stopped being finite in epoch 0, step 0 "):
            train(CONFIG.replace(episodes=1, lr=3e38), benchmark, features, zero_shot_task(benchmark))


class TestSettings:
    @pytest.mark.parametrize(
        "change",
        [
            *({name: value} for name, value in [("standardize", False), ("hidden", 8), ("scale", 10.0), ("lam", 6.0)]),
            *({name: value} for name, value in [("p", 1.0), ("p2", 0.1), ("memory", "running"), ("memory", "ema")]),
            *({name: value} for name, value in [("reference", "mean"), ("reference", "median"), ("unit_mean", True)]),
            *({name: value} for name, value in [("lr", 0.02), ("momentum", 0.5), ("weight_decay", 0.1), ("ways", 5)]),
            *({name: value} for name, value in [("lr_step", 1), ("lr_decay", 0.5), ("episodes", 16), ("shots", 3)]),
            {"schedule": "released"},
            *({name: value} for name, value in [("network", "attention"), ("loss", "mse"), ("loss", "none")]),
        ],
        ids=str,
    )
    def test_every_setting_reaches_the_training(self, trained, change):
        """A setting that is read but not used would give the same run under another name."""
        assert trained(**change).rows[-1]["classification_loss"] != trained().rows[-1]["classification_loss"]

    @pytest.mark.parametrize(
        ("network", "change"),
        [
            *(("attention", change) for change in [{"key_dim": 9}, {"ratio": 0.5}]),
            *(("gem", change) for change in [{"decorrelation": 0.1}, {"gem_variant": "gem-zsl"}]),
        ],
        ids=str,
    )
    def test_settings_of_attention_reach_it(self, trained, network, change):
        plain = trained(network=network)
        assert trained(network=network, **change).rows[-1]["loss"] != plain.rows[-1]["loss"]

    def test_step_size_falls_after_every_lr_step_epochs(self, trained):
        rows = trained(epochs=5, lr=0.08, lr_step=2, lr_decay=0.5).rows
        assert [row["epoch"] for row in rows] == [0, 1, 2, 3, 4]
        assert [row["lr"] for row in rows] == [0.08, 0.08, 0.04, 0.04, 0.02]

    @pytest.mark.parametrize(("schedule", "lengths"), [("stated", [10, 10, 10]), ("released", [9, 10, 10, 1])])
    def test_lengths_of_the_schedules(self, schedule, lengths):
        config = CONFIG.replace(epochs=30, lr_step=10, lr_decay=0.1, lr=1.0, schedule=schedule)
        sizes = Counter(step_size(config, epoch) for epoch in range(config.epochs))
        assert list(sizes.values()) == lengths
        assert list(sizes) == pytest.approx([1, 0.1, 0.01, 0.001][: len(lengths)])

    def test_the_released_schedule_is_that_of_a_scheduler_stepped_before_each_epoch(self, trained):
        """What the released code runs is torch's own StepLR; what it states, the same stepped after each epoch."""
        for schedule, shift in (("stated", 0), ("released", 1)):
            rows = trained(epochs=5, lr=0.08, lr_step=2, lr_decay=0.5, schedule=schedule).rows
            optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.08)
            scheduler, expected = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5), []
            for _ in range(5 + shift):
                expected.append(scheduler.get_last_lr()[0])
                optimizer.step()
                scheduler.step()
            assert [row["lr"] for row in rows] == pytest.approx(expected[shift:])

    def test_the_reported_step_size_is_the_one_taken(self, trained):
        """With a decay to nothing, the weights move in the first two epochs and never again."""
        still = {"lr_step": 2, "lr_decay": 1e-30}
        weights = [trained(**still, epochs=epochs).state["network.head.0.weight"] for epochs in range(1, 5)]
        assert (weights[1] - weights[0]).abs().max() > 1e-4
        assert torch.equal(weights[2], weights[1])
        assert torch.equal(weights[3], weights[1])

    def test_cross_entropy_alone_knows_no_regression(self, trained):
        plain = trained(loss="none")
        assert all(row["loss"] == row["classification_loss"] for row in plain.rows)
        assert all(row["regression_loss"] > 0 and row["amplification"] == 1 for row in plain.rows)
        assert same(trained(loss="none", lam=500.0, p=3.0, p2=0.0), plain)
        zero = trained(loss="mse", lam=0.0)
        assert torch.equal(zero.state["network.head.0.weight"], plain.state["network.head.0.weight"])

    def test_mse_is_remse_without_exponents(self, trained):
        assert same(trained(loss="mse"), trained(loss="remse", p=0.0, p2=0.0))
        assert all(row["amplification"] == 1 for row in trained(loss="mse").rows)

    @pytest.mark.parametrize("loss", ["mse", "remse"])
    def test_the_loss_is_the_sum_of_its_parts(self, trained, loss):
        for row in trained(loss=loss).rows:
            assert row["loss"] == pytest.approx(row["classification_loss"] + CONFIG.lam * row["regression_loss"])

    def test_weights_of_remse_raise_lambda_unless_their_mean_is_one(self, trained):
        assert all(row["amplification"] > 1.5 for row in trained().rows)
        assert all(row["amplification"] < 3 for row in trained(unit_mean=True).rows)
        assert trained(unit_mean=True).rows[0]["amplification"] < 0.6 * trained().rows[0]["amplification"]

    def test_double_precision(self, trained):
        double, single = trained(precision="float64"), trained()
        assert all(value.dtype == torch.float64 for value in double.state.values())
        assert all(value.dtype == torch.float32 for value in single.state.values())
        # another precision draws another initialisation; both end in the same place
        assert double.rows[-1]["T1"] == pytest.approx(single.rows[-1]["T1"], abs=0.15)

    def test_without_standardisation_features_stay_as_they_are(self, trained):
        state = trained(standardize=False).state
        assert (state["standardize.mean"] == 0).all()
        assert (state["standardize.std"] == 1).all()

    def test_standardisation_is_that_of_the_training_images(self, benchmark, features, trained):
        images = features[benchmark.split("trainval"), :, 0].astype(float)
        state = trained().state
        np.testing.assert_allclose(state["standardize.mean"][:, 0], images.mean(0), rtol=1e-6)
        np.testing.assert_allclose(state["standardize.std"][:, 0], images.std(0), rtol=1e-5)


class TestState:
    @pytest.mark.parametrize("epochs", [1, CONFIG.epochs])
    def test_is_that_of_the_last_row(self, benchmark, features, trained, epochs):
        task, maps = zero_shot_task(benchmark), Maps(features, CPU, torch.float32)
        result, model = trained(epochs=epochs), build_model(CONFIG, benchmark)
        model.load_state_dict(result.state)
        found = evaluate(CONFIG, model, maps, benchmark, task)
        row = result.rows[-1]
        assert (row["S"], row["U"], row["H"], row["gamma"]) == found.curve.best()
        assert (row["T1"], row["AUSUC"]) == (found.t1, found.curve.ausuc)

    def test_training_on_maps_on_disk_is_training_on_their_means(self, benchmark, features, tmp_path):
        """Where all locations are alike, the pooled features say the same."""
        np.save(tmp_path / "features.npy", np.repeat(features, 4, axis=2).astype(np.float16))
        on_disk = np.load(tmp_path / "features.npy", mmap_mode="r")
        pooled = np.asarray(on_disk[:, :, :1], dtype=np.float32)
        whole, means = (train(CONFIG, benchmark, maps, zero_shot_task(benchmark)) for maps in (on_disk, pooled))
        for name, value in head(means.state).items():
            torch.testing.assert_close(whole.state[name], value, rtol=1e-3, atol=1e-5)
        assert whole.rows[-1]["T1"] == means.rows[-1]["T1"]

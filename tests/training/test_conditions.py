"""What a run needs is checked before pictures are decoded: nothing is left in the cache when it is refused."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny import TINY_RUN

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.data.batch_limits import batch_limits
from zslcore.training import fit
from zslcore.training.conditions import check_inputs, check_settings, describe_inputs
from zslcore.training.identity import run_name
from zslcore.training.inputs import features


@pytest.fixture
def benchmark(pictured):
    return pictured


def check(config, benchmark):
    """What ``zslcore check`` and ``zslcore run`` check."""
    check_settings(config, benchmark)
    check_inputs(config, benchmark)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ways": 5}, "ways must be at most 4, the training classes of the task fold_1 of TINY, got 5"),
        ({"shots": 4}, "shots must be at most 3, the training images of 'lark' in the task fold_1, got 4"),
        ({"p": 10.0, "p2": 10.0}, r"p \+ p2 must be at most 16, beyond which weights overflow, got 20\.0"),
        ({"loss": "cvar", "loss_options": {"alpha": 2.0}}, r"alpha must lie in \(0, 1\], got 2\.0"),
        ({"network": "attention", "word_vectors": "nowhere.npy"}, "no word vectors at nowhere.npy"),
        ({"network": "gem", "word_vectors": "nowhere.npy"}, "no word vectors at nowhere.npy"),
        ({"weights": "nowhere.pth"}, "weights must be .* the path of a file, got 'nowhere.pth'"),
        ({"image_size": 16}, "resnet18 takes images of at least 32 pixels a side, got 16 x 16"),
        ({"resize_ratio": 0.5}, r"resize_ratio must be at least 1, got 0\.5"),
        ({"backbone": "res101"}, "must hold the variable 'features' for backbone=res101"),
    ],
    ids=str,
)
def test_refused_before_pictures_are_read(benchmark, tmp_path, change, message):
    config = TINY_RUN.replace(**change)
    with pytest.raises(InputError, match=message) as fitted:
        fit(config)
    with pytest.raises(InputError) as checked:
        check(config, benchmark)
    assert str(fitted.value) == str(checked.value)
    assert not list((tmp_path / "cache").glob("[fp]*"))
    assert not list((tmp_path / "runs").rglob("*.*"))


def test_damaged_weights_are_refused_before_pictures_are_decoded(benchmark, tmp_path, monkeypatch):
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "weights.pth")
    monkeypatch.setattr(features, "_write_features", None)
    with pytest.raises(InputError, match=r"weights\.pth is not a state dict of resnet18"):
        fit(TINY_RUN.replace(weights=str(tmp_path / "weights.pth")))
    with pytest.raises(InputError, match=r"weights\.pth is not a state dict of resnet18"):
        check_inputs(TINY_RUN.replace(weights=str(tmp_path / "weights.pth")), benchmark)


def test_a_class_with_one_picture_is_named(benchmark, tiny, tmp_path):
    location = tiny.splits["trainval_loc"]
    tiny.splits["trainval_loc"] = location[~np.isin(location - 1, [1, 2, 3]).ravel()]  # one of 0..3 of class 0 stays
    with pytest.raises(InputError, match="class 'lark' must have at least 2 train images, got 1"):
        check_settings(TINY_RUN, tiny.load())
    with pytest.raises(InputError, match="class 'lark' must have at least 2 train images, got 1"):
        fit(TINY_RUN)
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").glob("[fp]*"))


def test_random_batches_need_no_ways(benchmark):
    check_settings(TINY_RUN.replace(sampling="random", ways=5, shots=9), benchmark)


def test_the_number_of_folds_is_told(benchmark):
    assert describe_inputs(TINY_RUN, benchmark)[0] == "gamma comes from 3 folds of the seen classes, of 2, 2, 2 classes"
    fewer = dataclasses.replace(benchmark, seen_classes=benchmark.train_classes[:2])
    assert describe_inputs(TINY_RUN, fewer)[0] == "gamma comes from 2 folds of the seen classes, of 1, 1 classes"


def test_computed_features_are_enough(benchmark):
    features.frozen_features(benchmark, backbone="resnet18", weights="random", size=32, num_workers=0)
    for path in benchmark.image_paths:
        path.unlink()
    check_inputs(TINY_RUN, benchmark)
    with pytest.raises(InputError, match="40 of 40 images of TINY are missing"):
        check_inputs(TINY_RUN.replace(fine_tune=True, standardize=False), benchmark)


class TestDefaultsOfTheStudy:
    """The batch of 16 classes is larger than the 15 training classes of aPY."""

    def test_ways_fit_with_a_warning(self, benchmark):
        with pytest.warns(UserWarning, match=r"^ways is 4 instead of 16, the most that TINY allows$"):
            config = RunConfig.study("TINY", method="remse", seed=3)
        assert (config.ways, config.shots) == (4, 2)
        assert run_name(config) == "remse-seed3"
        check_settings(config, benchmark)

    def test_shots_fit_too(self, benchmark, tiny):
        location = tiny.splits["trainval_loc"]
        tiny.splits["trainval_loc"] = location[~np.isin(location - 1, [1, 2]).ravel()]  # two of class 0 stay
        assert batch_limits(tiny.load()) == {"ways": 4, "shots": 1}
        with pytest.warns(UserWarning, match=r"^shots is 1 instead of 2, the most that TINY allows$"):
            config = RunConfig.study("TINY", ways=4)
        check_settings(config, tiny.load())

    @pytest.mark.filterwarnings("error")
    def test_a_given_value_is_kept_and_refused(self, benchmark):
        config = RunConfig.study("TINY", ways=16, shots=2)
        assert config.ways == 16
        with pytest.raises(InputError, match="ways must be at most 4, the training classes of"):
            fit(config)

    @pytest.mark.filterwarnings("error")
    def test_data_that_is_not_there_changes_nothing(self, benchmark):
        assert RunConfig.study("CUB", method="mse").ways == 16
        assert run_name(RunConfig.study("CUB", method="mse")) == "mse-seed0"

"""The features of res101.mat: a run on them needs no pictures."""

import importlib

import numpy as np
import pytest

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.training import Run, fit
from zslcore.training.identity import run_name
from zslcore.training.inputs.stored import features_id, stored_features

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

SETTINGS = {"dataset": "TINY", "epochs": 2, "episodes": 3, "ways": 3, "shots": 2, "device": "cpu"}


class TestOfTheBenchmark:
    def test_are_maps_with_one_location(self, featured, values):
        maps = stored_features(featured, "res101").maps
        assert (maps.shape, maps.dtype) == ((40, 16, 1), np.float32)
        np.testing.assert_allclose(maps[:, :, 0], values, rtol=1e-6)

    @pytest.mark.parametrize("network", ["basic", "attention", "gem"])
    def test_a_run_needs_no_pictures(self, featured, network):
        config = RunConfig(**SETTINGS, backbone="res101", network=network, key_dim=4, compactness=0.1)
        run = Run.load(fit(config, progress=False))
        assert run.metrics["contents"]["features"] == features_id(featured, "res101")
        assert run.evaluate(featured).t1 == run.metrics["protocols"]["clean"]["T1"]
        if network == "attention":
            assert (run.attention(featured, np.arange(3)) == 1).all()

    def test_settings_of_pictures_have_no_effect(self, featured):
        config = RunConfig(**SETTINGS, backbone="res101")
        other = config.replace(image_size=448, weights="random", resize_ratio=1.5)
        assert run_name(other) == run_name(config)
        assert fit(other, progress=False) == fit(config, progress=False)

    def test_other_features_under_the_same_names_are_another_run(self, featured, tiny, values):
        config = RunConfig(**SETTINGS, backbone="res101")
        folder, before = fit(config, progress=False), features_id(featured, "res101")
        tiny.images["features"] = values.T[::-1]
        changed = tiny.load()
        assert changed.fingerprint == featured.fingerprint
        with pytest.raises(InputError, match=r"holds a run of other settings \(content of features\)"):
            fit(config)
        with pytest.raises(InputError, match="trained with another content of features than TINY has"):
            Run.load(folder).evaluate(changed)
        assert features_id(changed, "res101") != before
        np.testing.assert_allclose(stored_features(changed, "res101").maps[:, :, 0], values[:, ::-1], rtol=1e-6)

    def test_images_may_be_the_rows(self, featured, tiny, values):
        expected = np.array(stored_features(featured, "res101").maps)
        tiny.images["features"] = values
        np.testing.assert_array_equal(stored_features(tiny.load(), "res101").maps, expected)

    @pytest.mark.parametrize(
        ("features", "message"),
        [
            (None, "must hold the variable 'features' for backbone=res101, but does not"),
            (np.zeros((16, 39)), r"must be dimensions x 40 images, got shape \(16, 39\)"),
            (np.full((16, 40), np.nan), "must hold finite numbers, got nan for image 1"),
            (np.full((16, 40), 1e300), "must hold finite numbers, got inf for image 1"),
            (np.ones((16, 40), dtype=complex), "must hold real numbers, got values of type complex128"),
            (np.array([["a"] * 40] * 16, dtype=object), "must hold real numbers, got values of type object"),
        ],
        ids=["none", "rows", "nan", "overflow", "complex", "text"],
    )
    def test_features_that_cannot_be_used_are_refused(self, featured, tiny, tmp_path, features, message):
        tiny.images.pop("features")
        if features is not None:
            tiny.images["features"] = features
        tiny.load()
        with pytest.raises(InputError, match=message) as caught:
            fit(RunConfig(**SETTINGS, backbone="res101"))
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / "cache").glob("features/*"))
        assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("*.json"))


class TestMissingPictures:
    def test_the_features_of_the_file_are_named(self, featured):
        with pytest.raises(
            InputError, match=r"^40 of 40 images of TINY are missing: .*; .* used instead: backbone=res101$"
        ):
            fit(RunConfig(**SETTINGS))

    def test_without_them_the_import_is_named(self, featured, tiny):
        del tiny.images["features"]
        tiny.load()
        with pytest.raises(InputError, match=r"used instead: zslcore features import NAME FILE --dataset TINY$"):
            fit(RunConfig(**SETTINGS))


def test_given_features_cannot_be_fine_tuned():
    with pytest.raises(InputError, match=r"^fine_tune must be False with backbone 'res101'"):
        RunConfig(dataset="TINY", backbone="res101", fine_tune=True, standardize=False)

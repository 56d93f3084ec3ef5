"""One changed bit in a file of a finished run or of the cache: refused, where it gave other numbers or a traceback."""

import importlib
import re
import shutil

import numpy as np
import pytest
from tiny import SMALL

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.training import Run, fit
from zslcore.training.inputs.features import frozen_features
from zslcore.training.inputs.pictures import decoded_pictures
from zslcore.training.inputs.stored import import_features, stored_features

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

CONFIG = RunConfig(dataset="SYNTH", **SMALL, epochs=1, episodes=2, ways=4)
FILES = ["config.json", "history.csv", "metrics.json", "checkpoint/model.safetensors"]
HEADER, MIDDLE, END = 0.001, 0.5, 0.999  # places in a file


@pytest.fixture(scope="module")
def finished(small_synth, small_cache, tmp_path_factory):
    """The folder of a whole run, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_benchmark", lambda name: small_synth)
        patch.setenv("ZSLCORE_CACHE", str(small_cache))
        return fit(CONFIG, tmp_path_factory.mktemp("finished") / "run", progress=False)


def change_bit(path, place):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)


@pytest.mark.usefixtures("small_world")
@pytest.mark.parametrize("place", [HEADER, MIDDLE, END])
@pytest.mark.parametrize("name", FILES)
def test_of_a_finished_run(finished, small_synth, tmp_path, name, place):
    folder = shutil.copytree(finished, tmp_path / "run")
    change_bit(folder / name, place)
    message = f"^{re.escape(str(folder / name))} has changed since it was written: restore it, or train the run again"
    with pytest.raises(InputError, match=message):
        Run.load(folder).model(small_synth)


@pytest.mark.usefixtures("small_world")
@pytest.mark.parametrize("name", ["hashes.json", "config.json", "history.csv", "checkpoint/model.safetensors"])
def test_a_copy_without_a_file_is_named_incomplete(finished, small_synth, tmp_path, name):
    """Nothing in it is damaged, so nobody is told to remove it."""
    folder = shutil.copytree(finished, tmp_path / "run")
    (folder / name).unlink()
    remedy = f"copy it from the original folder, or move {folder} away, and it is made again"
    with pytest.raises(InputError, match=f"^{re.escape(f'{folder / name} is missing: {remedy}')}$"):
        Run.load(folder).model(small_synth)


@pytest.mark.usefixtures("small_world")
def test_tables_of_a_run_need_no_weights(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoint"))
    assert Run.load(folder).metrics == Run.load(finished).metrics


def test_features_without_hashes_are_named_incomplete(pictured):
    settings = {"backbone": "resnet18", "weights": "random", "size": 32, "num_workers": 0}
    folder = frozen_features(pictured, **settings).folder
    (folder / "hashes.json").unlink()
    with pytest.raises(InputError, match=r"hashes\.json is missing: copy it from the original folder, or move"):
        frozen_features(pictured, **settings)


@pytest.mark.parametrize("place", [HEADER, MIDDLE, END])
def test_of_features_in_the_cache(pictured, place):
    settings = {"backbone": "resnet18", "weights": "random", "size": 32, "num_workers": 0}
    folder = frozen_features(pictured, **settings).folder
    change_bit(folder / "features.npy", place)
    with pytest.raises(InputError, match=f"{folder.name} is damaged: delete it, and the features are computed again$"):
        frozen_features(pictured, **settings)


@pytest.mark.parametrize("place", [HEADER, MIDDLE, END])
def test_of_imported_features_in_the_cache(pictured, tmp_path, place):
    np.save(tmp_path / "features.npy", np.random.default_rng(0).normal(size=(40, 16)))
    folder = import_features(pictured, "mine", tmp_path / "features.npy").folder
    change_bit(folder / "features.npy", place)
    with pytest.raises(InputError, match=f"{folder.name} is damaged: delete it, and import the features again$"):
        stored_features(pictured, "mine")


@pytest.mark.parametrize("name", ["pictures.bin", "index.npz"])
@pytest.mark.parametrize("place", [HEADER, MIDDLE, END])
def test_of_decoded_pictures_in_the_cache(pictured, name, place):
    folder = decoded_pictures(pictured, size=28, num_workers=0).folder
    change_bit(folder / name, place)
    with pytest.raises(InputError, match=f"{folder.name} is damaged: delete it, and the pictures are decoded again$"):
        decoded_pictures(pictured, size=28, num_workers=0)

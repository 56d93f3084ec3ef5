"""Files that a run names by path, weights and word vectors: what they hold is part of the run, not where they lie."""

import numpy as np
import pytest
import torch
from tiny import SMALL

from zslcore import InputError
from zslcore.backbone import build_backbone
from zslcore.config import RunConfig
from zslcore.training import Run, fit
from zslcore.training.inputs.contents import file_contents
from zslcore.training.loop import Trainer

pytestmark = pytest.mark.usefixtures("small_world")

CONFIG = RunConfig(dataset="SYNTH", **SMALL, epochs=2, episodes=2, ways=4, network="attention", key_dim=4)


def write(path, seed):
    """Word vectors or weights, other ones for every seed."""
    if path.suffix == ".npy":
        np.save(path, np.random.default_rng(seed).normal(size=(57, 5)))
        return
    state = build_backbone("resnet18", weights="random").model.state_dict()
    state["conv1.weight"] += seed
    torch.save(state, path)


@pytest.fixture(params=["word_vectors", "weights"])
def named(request, tmp_path):
    """A setting that names a file, the file, and a config with it."""
    path = tmp_path / {"word_vectors": "vectors.npy", "weights": "weights.pth"}[request.param]
    write(path, 0)
    return request.param, path, CONFIG.replace(**{request.param: str(path)})


def interrupt(config, folder):
    """Train the first epoch of a config."""
    steps, step = [], Trainer._step

    def interrupted(*arguments):
        steps.append(arguments)
        if len(steps) == config.episodes + 1:
            raise KeyboardInterrupt
        return step(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(config, folder, progress=False)


def test_another_content_is_another_run(named, tmp_path):
    name, path, config = named
    folder = fit(config, tmp_path / "run", progress=False)
    read = ["images", "weights", "word_vectors"] if name == "weights" else ["images", "word_vectors"]
    assert list(Run.load(folder).metrics["contents"]) == read
    content = path.read_bytes()
    write(path, 1)
    with pytest.raises(InputError, match=rf"holds a run of other settings \(content of {name}\); give another folder"):
        fit(config, folder)
    path.write_bytes(content)  # written later, and the same
    assert fit(config, folder) == folder
    path.unlink()  # nothing tells that it is another
    assert fit(config, folder) == folder


def test_another_content_is_no_continuation(named, tmp_path):
    name, path, config = named
    interrupt(config, tmp_path / "run")
    content = path.read_bytes()
    write(path, 1)
    with pytest.raises(InputError, match=rf"an unfinished training with other settings \(content of {name}\)"):
        fit(config, tmp_path / "run")
    path.write_bytes(content)
    again, whole = (Run.load(fit(config, tmp_path / to, progress=False)).metrics for to in ("run", "whole"))
    assert again | {"cost": 0} == whole | {"cost": 0}


def test_a_file_below_the_home_folder_is_the_same_file(named, small_synth, tmp_path, monkeypatch):
    name, path, config = named
    monkeypatch.setenv("HOME", str(tmp_path))
    below = config.replace(**{name: f"~/{path.name}"})
    assert file_contents(below, small_synth) == file_contents(config, small_synth)
    assert name in file_contents(below, small_synth)
    runs = [Run.load(fit(each, tmp_path / to, progress=False)) for each, to in ((config, "a"), (below, "b"))]
    assert runs[0].metrics["protocols"] == runs[1].metrics["protocols"]


def test_features_of_other_weights_are_not_what_it_was_trained_on(named, small_synth, tmp_path):
    name, path, config = named
    run = Run.load(fit(config, tmp_path / "run", progress=False))
    before = run.evaluate(small_synth)
    write(path, 1)
    if name == "word_vectors":  # the run holds its own
        assert run.evaluate(small_synth).best() == before.best()
        return
    with pytest.raises(InputError, match=rf"was trained with another content of weights than {path} has$"):
        run.evaluate(small_synth)


def test_a_file_that_is_not_read_is_not_noted(tmp_path):
    config = CONFIG.replace(network="basic", word_vectors=str(tmp_path / "vectors.npy"))  # which BasicNet does without
    write(tmp_path / "vectors.npy", 0)
    assert list(Run.load(fit(config, tmp_path / "run", progress=False)).metrics["contents"]) == ["images"]

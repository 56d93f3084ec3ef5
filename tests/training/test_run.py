"""``Run``: a finished run is read, and its model predicts."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import SMALL_RUN

from zslcore import InputError
from zslcore._io.hashes import file_hash
from zslcore.training import Run, fit
from zslcore.training import run as run_module

pytestmark = pytest.mark.usefixtures("small_world")


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path))} is not a run folder"):
        Run.load(tmp_path)
    with pytest.raises(InputError, match="nowhere is not a run folder"):
        Run.load(tmp_path / "nowhere")


def test_predicts_attributes_of_any_images(run, small_synth):
    images = np.array([3, 0, 3])
    prediction = run.predict(small_synth, images)
    assert prediction.shape == (3, small_synth.attributes.shape[1])
    np.testing.assert_allclose(prediction[0], prediction[2], rtol=1e-6)
    np.testing.assert_allclose(prediction[1], run.predict(small_synth, np.arange(9))[0], rtol=1e-4, atol=1e-6)


def test_model_has_the_weights_of_the_checkpoint(run, small_synth):
    state, model = load_file(run.folder / "checkpoint" / "model.safetensors"), run.model(small_synth)
    assert not model.training
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert set(state) == {"standardize.mean", "standardize.std", "network.head.0.weight", "network.head.0.bias"}


@pytest.mark.parametrize("use", ["model", "evaluate", "errors", "predict"])
def test_another_version_of_the_data_is_refused_before_its_features_are_computed(run, small_synth, use, monkeypatch):
    monkeypatch.setattr(run_module, "load_inputs", None)
    changed = dataclasses.replace(small_synth, attributes=small_synth.attributes[::-1].copy())
    with pytest.raises(InputError, match="was trained on another version of SYNTH than the one on disk"):
        getattr(run, use)(changed, *([np.arange(3)] if use == "predict" else []))


def test_attention_on_maps_end_to_end(small_synth, tmp_path):
    config = SMALL_RUN.replace(network="attention", key_dim=8, epochs=2, precision="float64")
    run = Run.load(fit(config, tmp_path / "run"))
    state = load_file(run.folder / "checkpoint" / "model.safetensors")
    assert state["network.embedding"].dtype == torch.float64
    assert run.evaluate(small_synth).t1 == run.metrics["protocols"]["clean"]["T1"]


def test_a_run_made_on_a_gpu_predicts_without_one(run, small_synth, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    folder = shutil.copytree(run.folder, tmp_path / "run")
    (folder / "config.json").write_text(json.dumps(SMALL_RUN.replace(device="cuda").to_dict()))
    hashes = json.loads((folder / "hashes.json").read_text()) | {"config.json": file_hash(folder / "config.json")}
    (folder / "hashes.json").write_text(json.dumps(hashes))
    images = np.arange(3)
    np.testing.assert_array_equal(Run.load(folder).predict(small_synth, images), run.predict(small_synth, images))

"""Training the backbone too: on small pictures through every door, and at published settings on photographs."""

import dataclasses
import functools
import importlib
import urllib.error

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torchvision.models.resnet import Bottleneck, ResNet

from zslcore import InputError
from zslcore.backbone import build_backbone
from zslcore.config import RunConfig
from zslcore.training import Run, fit
from zslcore.training.inputs import sources
from zslcore.training.inputs.sources import PictureInputs
from zslcore.training.loop import Trainer

training = importlib.import_module("zslcore.training.fit")  # the name zslcore.training.fit is the function

SMALL = {"backbone": "resnet18", "weights": "random", "image_size": 32, "resize_ratio": 8 / 7, "device": "cpu"}
CONFIG = RunConfig(
    dataset="SYNTH", **SMALL, fine_tune=True, standardize=False, epochs=2, episodes=3, ways=4, lr=0.01, key_dim=8
)
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def cut_at(monkeypatch, step):
    """Let the training end like a killed one at a step counted from 0."""
    original, steps = Trainer._step, []

    def interrupted(self, *arguments):
        steps.append(0)
        if len(steps) == step + 1:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(Trainer, "_step", interrupted)


def interrupted_then_resumed(monkeypatch, config, folder, step):
    with monkeypatch.context() as patch:
        cut_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            fit(config, folder)
    return Run.load(fit(config, folder))


@pytest.mark.usefixtures("small_world")
class TestSmall:
    @pytest.mark.parametrize("network", ["basic", "attention", "gem"])
    def test_backbone_and_head_are_trained_and_evaluated(self, tmp_path, small_synth, network):
        config = CONFIG.replace(network=network, compactness=0.1 if network == "gem" else 0.0)
        run = Run.load(fit(config, tmp_path / "run"))
        state = load_file(run.folder / "checkpoint" / "model.safetensors")
        initial = build_backbone("resnet18", weights="random").state_dict()
        moved = {name: not torch.equal(state[f"backbone.{name}"], value) for name, value in initial.items()}
        assert moved["model.conv1.weight"]
        assert moved["model.bn1.running_mean"]
        assert not moved["model.fc.weight"]  # the classifier of ImageNet stands idle
        clean = run.metrics["protocols"]["clean"]
        evaluation = run.evaluate(small_synth)
        assert (evaluation.t1, evaluation.curve.at(clean["gamma"])[2]) == (clean["T1"], clean["H"])
        assert run.predict(small_synth, np.arange(3)).shape == (3, len(small_synth.attribute_names))
        if network != "basic":
            maps = run.attention(small_synth, np.arange(3))
            np.testing.assert_allclose(maps.sum(2), 1, rtol=1e-5)

    @pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_GPU)])
    def test_a_run_repeats_itself_and_resumes_exactly(self, monkeypatch, tmp_path, device):
        config = CONFIG.replace(device=device)
        whole = Run.load(fit(config, tmp_path / "whole", num_workers=1))
        resumed = interrupted_then_resumed(monkeypatch, config, tmp_path / "cut", 4)
        first, second = (load_file(run.folder / "checkpoint" / "model.safetensors") for run in (whole, resumed))
        assert all(torch.equal(value, second[key]) for key, value in first.items())
        assert {**whole.metrics, "cost": 0} == {**resumed.metrics, "cost": 0}

    def test_it_learns(self, tmp_path):
        """Pictures whose brightness tells the class: frozen random features of 15 steps could be as good, moved ones
        must at least lower the loss."""
        rows = Run.load(fit(CONFIG.replace(episodes=15), tmp_path / "run")).history
        test = rows[rows["task"] == "test"]["classification_loss"]
        assert test.iloc[-1] < test.iloc[0]

    def test_a_frozen_network_in_the_same_world_has_no_attention_to_show(self, tmp_path, small_synth):
        run = Run.load(fit(CONFIG.replace(fine_tune=False, epochs=1), tmp_path / "run"))
        with pytest.raises(InputError, match=r"^attention needs a run with network 'attention' or 'gem', got 'basic'$"):
            run.attention(small_synth, np.arange(2))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"backbone": "vit_b_16", "image_size": 448},
                r"^vit_b_16 takes images of 224 x 224 pixels, got 448 x 448$",
            ),
            ({"image_size": 16}, r"^resnet18 takes images of at least 32 pixels a side, got 16 x 16$"),
            ({"resize_ratio": 0.9}, r"^resize_ratio must be at least 1, got 0\.9$"),
            ({"weights": "nowhere.pth"}, r"^weights must be .* or the path of a file, got 'nowhere\.pth'$"),
            ({"weights": "imagenet"}, r"^the ImageNet weights of resnet18 could not be loaded: .*no route to host"),
        ],
        ids=str,
    )
    def test_what_cannot_be_used_is_found_before_pictures_are_decoded(self, tmp_path, monkeypatch, change, message):
        def no_network(*_, **__):
            raise urllib.error.URLError("no route to host")

        monkeypatch.setattr(torch.hub, "urlopen", no_network)
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        monkeypatch.setattr(sources, "decoded_pictures", None)
        with pytest.raises(InputError, match=message):
            fit(CONFIG.replace(**change), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_pictures_are_moved_to_the_device_in_its_precision(self, small_synth):
        inputs = sources.load_inputs(CONFIG.replace(precision="float64"), small_synth, torch.device("cpu"))
        assert isinstance(inputs, PictureInputs)
        (batch,) = inputs.batches(np.arange(3))
        assert (batch.shape, batch.dtype) == ((3, 3, 32, 32), torch.float64)
        assert batch.is_contiguous(memory_format=torch.channels_last)


@pytest.fixture
def few_photographs(real_benchmark, tmp_path, monkeypatch):
    """CUB100 with one or two images of each of six classes, as many as a CPU takes through a ResNet-101 in a minute."""
    whole = real_benchmark("CUB100")
    seen = {"train": whole.train_classes[:2], "val": whole.val_classes[:2]}
    keep = {
        "trainval": [(c, "trainval") for c in np.concatenate([seen["train"], seen["val"]])],
        "test_seen": [(c, "test_seen") for c in np.concatenate([seen["train"], seen["val"]])],
        "test_unseen": [(c, "test_unseen") for c in whole.unseen_classes[:2]],
    }
    number = {"trainval": 2, "test_seen": 1, "test_unseen": 1}  # of two to train on, one is held out for validation

    def first_images(c, split):
        images = whole.split(split)
        return images[whole.labels[images] == c][: number[split]]

    splits = {name: np.concatenate([first_images(*pair) for pair in pairs]) for name, pairs in keep.items()}
    splits["train"] = splits["trainval"][np.isin(whole.labels[splits["trainval"]], seen["train"])]
    splits["val"] = splits["trainval"][np.isin(whole.labels[splits["trainval"]], seen["val"])]
    few = dataclasses.replace(
        whole,
        seen_classes=np.sort(np.concatenate(list(seen.values()))),
        unseen_classes=whole.unseen_classes[:2],
        train_classes=seen["train"],
        val_classes=seen["val"],
        _splits={name: np.sort(images) for name, images in splits.items()},
    )
    needed = np.sort(np.concatenate([splits[name] for name in ("trainval", "test_seen", "test_unseen")]))
    position = np.full(len(whole.labels), -1)
    position[needed] = np.arange(len(needed))
    few = dataclasses.replace(
        few,
        labels=whole.labels[needed],
        image_paths=tuple(whole.image_paths[image] for image in needed),
        _splits={name: position[images] for name, images in few._splits.items()},
    )
    monkeypatch.setattr(training, "load_benchmark", lambda name: few)
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path / "cache"))
    return few


def test_resnet101_at_published_settings_on_photographs(few_photographs, tmp_path, monkeypatch):
    """448 pixels, AttentionNet over 14 x 14 locations, SGD in the released schedule: starts, steps, is cut off,
    resumes, evaluates. Random weights, since ImageNet's have to be fetched; few pictures and 4 of the 33 blocks, since
    it is a CPU; in float32, since a CPU without bf16 arithmetic takes minutes a step in bf16."""
    shallow = functools.partial(ResNet, Bottleneck, [1, 1, 1, 1])
    monkeypatch.setattr("zslcore.backbone._create", lambda name: shallow())
    published = RunConfig.published("CUB")
    short = {"dataset": "CUB100", "weights": "random", "device": "cpu"}
    config = published.replace(**short, epochs=1, episodes=1, ways=2, shots=1)
    run = interrupted_then_resumed(monkeypatch, config, tmp_path / "run", 3)
    assert (config.image_size, config.network, config.backbone, config.lam) == (448, "attention", "resnet101", 0.25)
    assert len(run.history) == 4
    assert np.isfinite(run.history.drop(columns="task").to_numpy()).all()
    assert run.history["lr"].unique().tolist() == [published.lr]
    assert set(run.metrics["protocols"]["clean"]) > {"T1", "U", "S", "H", "AUSUC"}
    assert run.attention(few_photographs, np.arange(1)).shape == (1, 312, 14 * 14)

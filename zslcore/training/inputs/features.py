"""Frozen features: the feature maps of a whole benchmark, computed once and kept on disk.

There is one folder per (dataset, backbone, weights, image size, pooling) under ``cache_root()/features``.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch.utils.data import DataLoader

from zslcore._io.determinism import single_thread
from zslcore._io.locations import cache_root
from zslcore._io.progress import progress_bar
from zslcore._io.writing import new_folder
from zslcore.backbone import Backbone, build_backbone, check_size, weights_id
from zslcore.data.benchmark import Benchmark
from zslcore.data.images import ImageDataset, eval_transform, readable
from zslcore.errors import InputError
from zslcore.training.damage import damage_named

VERSION = 1  # raise when a change here or in the backbones changes the numbers
CPU_BATCH, GPU_BATCH = 4, 64  # a CPU is fastest with batches that fit its caches: 13 ms an image, 27 in batches of 32
POOLINGS = {"mean": np.float32, "map": np.float16}  # maps are at least 49 times larger, and half precision is enough


@dataclass(frozen=True, eq=False)
class FrozenFeatures:
    """Memory-mapped features of all images of a benchmark, and their folder; N = 1 for ``pooling="mean"``."""

    maps: Float[np.ndarray, "n D N"]
    folder: Path


def frozen_features(
    benchmark: Benchmark,
    *,
    backbone: str,
    weights: str = "imagenet",
    size: int,
    resize_ratio: float = 1.0,
    pooling: str = "mean",
    cache: Path | None = None,
    num_workers: int | None = None,
) -> FrozenFeatures:
    """Load the features of a benchmark from the cache, computing them first if necessary, on the GPU if there is one.

    Args:
        benchmark: names the images.
        backbone: a name of :func:`zslcore.backbone.build_backbone`, as are ``weights``.
        size: side of the image in pixels.
        resize_ratio: the image is resized to ``resize_ratio * size`` pixels, then cropped.
        pooling: ``"mean"`` over the locations (float32), or ``"map"`` for all locations (float16).
        cache: the cache folder, by default ``cache_root()``.
        num_workers: processes that decode images ahead, by default one less than there are cores, at most 4.
    """
    if pooling not in POOLINGS:
        raise InputError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}")
    check_size(backbone, size, size)
    settings = {
        "dataset": benchmark.name,
        "fingerprint": benchmark.fingerprint,
        "backbone": backbone,
        "weights": weights_id(weights),
        "size": size,
        "resize_ratio": resize_ratio,
        "pooling": pooling,
        "version": VERSION,
    }
    resized = round(resize_ratio * size)
    crop = "" if resized == size else f"of{resized}"
    name = (
        f"{benchmark.name}-{backbone}-{settings['weights']}-{size}px{crop}-{pooling}-{benchmark.fingerprint}-v{VERSION}"
    )
    folder = (cache or cache_root()) / "features" / name
    if not folder.is_dir():
        benchmark.check_images()
        loader = DataLoader(
            ImageDataset(benchmark.image_paths, eval_transform(size, resize_ratio=resize_ratio)),
            batch_size=GPU_BATCH if torch.cuda.is_available() else CPU_BATCH,
            num_workers=min(4, (os.cpu_count() or 1) - 1) if num_workers is None else num_workers,
        )
        with new_folder(folder) as partial:
            _write_features(build_backbone(backbone, weights=weights), loader, partial / "features.npy", settings)
            (partial / "settings.json").write_text(json.dumps(settings, indent=2) + "\n")
    with damage_named(folder, "delete it, and the features are computed again"):
        return FrozenFeatures(np.load(folder / "features.npy", mmap_mode="r"), folder)


@torch.inference_mode()
def _write_features(backbone: Backbone, loader: DataLoader, path: Path, settings: dict) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    backbone = backbone.to(device, memory_format=torch.channels_last)  # 1.5 times faster on a CPU
    output, start = None, 0
    title = f"{settings['backbone']} features of {settings['dataset']}"
    with single_thread(), progress_bar(total=len(loader.dataset), desc=title, unit="image") as progress:
        for images in readable(loader):
            maps = backbone(images.to(device, memory_format=torch.channels_last))
            if settings["pooling"] == "mean":
                maps = maps.mean(2, keepdim=True)
            if output is None:
                shape = (len(loader.dataset), *maps.shape[1:])
                output = np.lib.format.open_memmap(path, "w+", dtype=POOLINGS[settings["pooling"]], shape=shape)
            output[start : start + len(maps)] = maps.cpu().numpy()
            start += len(maps)
            progress.update(len(maps))
    output.flush()

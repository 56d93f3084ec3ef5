"""Frozen features: the feature maps of a whole benchmark, computed once and kept on disk.

There is one folder per (dataset, its pictures, backbone, weights, image size, pooling) under ``cache_root()/features``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch.utils.data import DataLoader

from zslcore._io.determinism import single_thread, usual_torch
from zslcore._io.hashes import note_hashes
from zslcore._io.locations import cache_root
from zslcore._io.progress import progress_bar
from zslcore._io.writing import allocate, new_folder
from zslcore.backbone import Backbone, build_backbone, check_size, weights_id
from zslcore.data.benchmark import Benchmark
from zslcore.data.images import eval_transform, image_loader, readable, resized_side
from zslcore.errors import InputError
from zslcore.training.damage import damage_named
from zslcore.training.inputs.contents import check_pictures, pictures_id
from zslcore.training.inputs.stored import FrozenFeatures, check_cached

VERSION = 4  # raise when a change here or in the backbones changes the numbers
CPU_BATCH, GPU_BATCH = 4, 64  # a CPU is fastest with batches that fit its caches: 13 ms an image, 27 in batches of 32
POOLINGS = {"mean": np.float32, "map": np.float16}  # maps are at least 49 times larger, and half precision is enough


@usual_torch()
def frozen_features(
    benchmark: Benchmark,
    *,
    backbone: str,
    weights: str = "imagenet",
    size: int,
    resize_ratio: float = 1.0,
    pooling: str = "mean",
    num_workers: int | None = None,
) -> FrozenFeatures:
    """Load the features of a benchmark from the cache, computing them first if necessary, on the GPU if there is one.

    Args:
        backbone: as ``weights``, see :func:`zslcore.backbone.build_backbone`.
        size: side of the image in pixels, to which it is cropped from ``resize_ratio * size`` pixels.
        pooling: ``"mean"`` over the locations (float32), or ``"map"`` for all locations (float16).
        num_workers: processes that decode images ahead, by default one less than there are cores, at most 16.
    """
    folder = features_folder(
        benchmark, backbone=backbone, weights=weights, size=size, resize_ratio=resize_ratio, pooling=pooling
    )
    if not folder.is_dir():
        check_pictures(benchmark)
        loader = image_loader(
            benchmark.image_paths,
            eval_transform(size, resize_ratio=resize_ratio),
            batch_size=GPU_BATCH if torch.cuda.is_available() else CPU_BATCH,
            num_workers=num_workers,
        )
        model, title = build_backbone(backbone, weights=weights), f"{backbone} features of {benchmark.name}"
        with new_folder(folder) as partial:
            _write_features(partial / "features.npy", model, weights, loader, pooling, title)
            note_hashes(partial)
    with damage_named(folder, "delete it, and the features are computed again"):
        check_cached(folder, "features.npy")
        return FrozenFeatures(np.load(folder / "features.npy", mmap_mode="r"), folder)


def features_folder(
    benchmark: Benchmark, *, backbone: str, weights: str, size: int, resize_ratio: float, pooling: str
) -> Path:
    """The folder of features in the cache, whether it exists or not; InputError for impossible settings."""
    check_size(backbone, size, size)
    resized = resized_side(size, resize_ratio)
    crop = "" if resized == size else f"of{resized}"
    source = f"{benchmark.name}-{backbone}-{weights_id(weights)}"
    content = f"{benchmark.fingerprint}-{pictures_id(benchmark)}"
    return cache_root() / "features" / f"{source}-{size}px{crop}-{pooling}-{content}-v{VERSION}"


def _check_finite(maps: Float[np.ndarray, "b D N"], paths: Sequence[Path], source: str) -> None:
    """Raise InputError for features that no training can use, which weights out of range give."""
    finite = np.isfinite(maps).all(axis=(1, 2))
    if not finite.all():
        values = maps[finite.argmin()]
        found = f"{values[~np.isfinite(values)][0]} for {paths[finite.argmin()]}"
        raise InputError(f"{source} must give finite features ({maps.dtype}), got {found}")


@torch.inference_mode()
def _write_features(path: Path, backbone: Backbone, weights: str, loader: DataLoader, pooling: str, title: str) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    backbone = backbone.to(device, memory_format=torch.channels_last)  # 1.5 times faster on a CPU
    output, start, source = None, 0, f"{backbone.name} with weights {weights}"
    with single_thread(), progress_bar(total=len(loader.dataset), desc=title, unit="image") as progress:
        for images in readable(loader):
            maps = backbone(images.to(device, memory_format=torch.channels_last))
            if pooling == "mean":
                maps = maps.mean(2, keepdim=True)
            if output is None:
                shape = (len(loader.dataset), *maps.shape[1:])
                output = np.lib.format.open_memmap(path, "w+", dtype=POOLINGS[pooling], shape=shape)
                allocate(path)
            output[start : start + len(maps)] = maps.cpu().numpy()
            _check_finite(output[start : start + len(maps)], loader.dataset.paths[start:], source)
            start += len(maps)
            progress.update(len(maps))
    output.flush()

"""Frozen features: the feature maps of a whole benchmark, computed once and kept on disk.

One folder per (dataset, backbone, weights, image size, pooling) under ``cache_root()/features``. It appears
under its final name only when complete, so an interrupted extraction is never taken for a finished one.
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

VERSION = 1  # raise when a change here or in the backbones changes the numbers
CPU_BATCH, GPU_BATCH = 4, 64  # on a CPU what fits its caches is fastest: 13 ms an image against 27 in batches of 32
POOLINGS = {"mean": np.float32, "map": np.float16}  # maps are 49 and more times larger; half precision is enough


@dataclass(frozen=True, eq=False)
class FrozenFeatures:
    """Features of all images of a benchmark, in the order of its labels.

    ``maps``: (n, D, N) on disk, memory-mapped; N = 1 for ``pooling="mean"``. ``folder`` holds them.

    >>> FrozenFeatures(np.zeros((10, 512, 49), dtype=np.float16), Path("features")).num_channels
    512
    """

    maps: Float[np.ndarray, "n D N"]
    folder: Path

    @property
    def num_channels(self) -> int:
        """D, the channels of the backbone."""
        return self.maps.shape[1]


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
    """Load the features of a benchmark from the cache, computing them first if they are not there.

    ``size`` is the side of the image in pixels; ``pooling`` is ``"mean"`` over the locations (float32) or ``"map"``
    (float16). ``num_workers`` processes decode images ahead, by default one less than there are cores, at most 4.
    Runs on the GPU where there is one. Raises InputError for missing or unreadable images, an unknown backbone or
    pooling, or weights that cannot be had.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=64, workers=1)
    ...     settings = dict(backbone="resnet18", weights="random", size=64, cache=root / "cache", num_workers=0)
    ...     features = frozen_features(Benchmark.load(root, "SYNTH"), pooling="map", **settings)
    >>> features.maps.shape, features.num_channels  # 8 images, 512 channels, 64/32 x 64/32 locations
    ((8, 512, 4), 512)
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
    folder = (cache or cache_root()) / "features" / _folder_name(settings)
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
    try:
        return FrozenFeatures(np.load(folder / "features.npy", mmap_mode="r"), folder)
    except (OSError, ValueError, EOFError):
        raise InputError(f"{folder} is damaged: delete it, and the features are computed anew") from None


def _folder_name(settings: dict) -> str:
    resized = round(settings["resize_ratio"] * settings["size"])
    crop = "" if resized == settings["size"] else f"of{resized}"
    return (
        f"{settings['dataset']}-{settings['backbone']}-{settings['weights']}-{settings['size']}px{crop}"
        f"-{settings['pooling']}-{settings['fingerprint']}-v{settings['version']}"
    )


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

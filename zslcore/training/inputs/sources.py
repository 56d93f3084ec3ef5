"""The inputs of a model: frozen feature maps, or random crops of pictures; both are read by position in the benchmark.

``batches`` reads in order, for evaluation; ``training`` reads a process's share of the batches that the sampler drew.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader

from zslcore.backbone import BACKBONES, build_backbone, check_size
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.images import readable, resized_side
from zslcore.training.device import weight_dtype
from zslcore.training.inputs.features import features_folder, frozen_features
from zslcore.training.inputs.pictures import Crops, Pictures, decoded_pictures
from zslcore.training.inputs.resident import resident_bytes, resident_crops
from zslcore.training.inputs.stored import FrozenFeatures, stored_features

PREDICT_BATCH = 512  # maps per forward pass when predicting; limits memory, does not change the numbers
PICTURE_BATCH = {"cpu": 32, "cuda": 64}  # the same for pictures


class Maps:
    """Feature maps of all images of a benchmark, read as tensors on ``device`` of type ``dtype``.

    Example:
        >>> inputs = Maps(np.arange(6, dtype=np.float32).reshape(6, 1, 1), torch.device("cpu"), torch.float32)
        >>> [batch.flatten().tolist() for batch in inputs.batches(np.array([2, 0]))]
        [[2.0, 0.0]]
    """

    def __init__(self, maps: Float[np.ndarray, "n D N"], device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        # pooled features fit into memory; whole maps stay on disk
        self.maps = torch.from_numpy(np.array(maps)).to(device, dtype) if maps.shape[2] == 1 else maps
        self.num_channels = maps.shape[1]

    def __getitem__(self, images: Int[np.ndarray, " n"]) -> Float[Tensor, "n D N"]:
        if torch.is_tensor(self.maps):
            return self.maps[torch.from_numpy(images).to(self.device)]
        return torch.from_numpy(np.asarray(self.maps[images])).to(self.device, self.dtype)

    def batches(self, images: Int[np.ndarray, " n"]) -> Iterator[Float[Tensor, "b D N"]]:
        """The maps of the images, in batches of limited size."""
        for start in range(0, len(images), PREDICT_BATCH):
            yield self[images[start : start + PREDICT_BATCH]]

    def training(
        self, batches: Int[np.ndarray, "steps batch"], *, seed: int, epoch: int, share: tuple[int, int] = (0, 1)
    ) -> Iterator[Float[Tensor, "b D N"]]:
        """The maps of every batch; with ``share`` (rank, processes) every processes-th."""
        rank, processes = share
        for images in batches:
            yield self[images[rank::processes]]


class PictureInputs:
    """Crops of decoded pictures in [0, 1], on ``device`` of type ``dtype``.

    ``evaluated`` are the pictures that are cropped in the centre, ``trained`` those that are cropped at random. A GPU
    with enough memory holds the pictures and cuts the crops; otherwise ``num_workers`` processes read ahead.
    """

    num_channels = None  # those of the backbone

    def __init__(
        self,
        evaluated: Pictures,
        trained: Pictures,
        device: torch.device,
        dtype: torch.dtype,
        num_workers: int = 0,
    ) -> None:
        self.evaluated, self.trained, self.num_workers = evaluated, trained, num_workers
        self.device, self.dtype = device, dtype
        self.resident = resident_bytes((evaluated, trained), device)

    def batches(self, images: Int[np.ndarray, " n"]) -> Iterator[Float[Tensor, "b 3 H W"]]:
        """Central crops of the images, in batches of limited size."""
        size = PICTURE_BATCH[self.device.type]
        yield from self._read(Crops(self.evaluated, [images[i : i + size] for i in range(0, len(images), size)]))

    def training(
        self, batches: Int[np.ndarray, "steps batch"], *, seed: int, epoch: int, share: tuple[int, int] = (0, 1)
    ) -> Iterator[Float[Tensor, "b 3 H W"]]:
        """Random crops of every batch, see :class:`zslcore.training.inputs.pictures.Crops`."""
        yield from self._read(Crops(self.trained, batches, seed=(seed, epoch), share=share))

    def _read(self, crops: Crops) -> Iterator[Float[Tensor, "b 3 H W"]]:
        stored = self.resident.get(crops.pictures.folder)
        if stored is not None:
            for step in range(len(crops)):
                yield resident_crops(stored, crops, step).to(self.dtype) / 255
            return
        # its own generator, since a loader draws from the global random state otherwise
        loader = DataLoader(crops, batch_size=None, num_workers=self.num_workers, generator=torch.Generator())
        for batch in readable(loader):
            yield batch.to(self.device, self.dtype, non_blocking=True, memory_format=torch.channels_last)


Inputs = Maps | PictureInputs


def load_features(config: RunConfig, benchmark: Benchmark) -> FrozenFeatures:
    """The frozen features of a config: pooled for BasicNet, maps for networks with attention; or stored features."""
    if config.backbone not in BACKBONES:
        return stored_features(benchmark, config.backbone)
    return _with_settings(frozen_features, config, benchmark)


def features_computed(config: RunConfig, benchmark: Benchmark) -> bool:
    """Whether the cache holds the features of a config; InputError for impossible settings and missing files."""
    return _with_settings(features_folder, config, benchmark).is_dir()


def _with_settings(function: Callable[..., Any], config: RunConfig, benchmark: Benchmark) -> Any:
    return function(
        benchmark,
        backbone=config.backbone,
        weights=config.weights,
        size=config.image_size,
        resize_ratio=config.resize_ratio,
        pooling="mean" if config.network == "basic" else "map",
    )


def check_backbone(config: RunConfig) -> None:
    """Raise InputError if a backbone that is to be trained cannot use the image size, ratio or weights."""
    if config.fine_tune:
        check_size(config.backbone, config.image_size, config.image_size)
        for ratio in (config.resize_ratio, config.train_resize_ratio):
            resized_side(config.image_size, ratio)
        build_backbone(config.backbone, weights=config.weights)


def load_inputs(config: RunConfig, benchmark: Benchmark, device: torch.device, *, num_workers: int = 0) -> Inputs:
    """The inputs of a config: pictures with ``fine_tune``, read ahead by ``num_workers`` processes; else features."""
    if not config.fine_tune:
        return Maps(load_features(config, benchmark).maps, device, weight_dtype(config.precision))
    pictures = []
    for ratio in (config.resize_ratio, config.train_resize_ratio):
        pictures.append(
            decoded_pictures(benchmark, size=config.image_size, resize_ratio=ratio, num_workers=num_workers or None)
        )
    return PictureInputs(*pictures, device, weight_dtype(config.precision), num_workers)

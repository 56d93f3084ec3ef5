"""What a model is fed with: frozen feature maps from memory or disk, or pictures with a training transform.

Both are read by the images' positions in the benchmark, in two ways: ``batches`` in order, for evaluation, and
``training`` as the sampler says. A process of a distributed training reads its share of every batch.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from zslcore.backbone import build_backbone, check_size, weights_id
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.images import resized_side
from zslcore.training.device import weight_dtype
from zslcore.training.inputs.features import FrozenFeatures, frozen_features
from zslcore.training.inputs.pictures import Pictures, decoded_pictures

PREDICT_BATCH = 512  # maps per forward pass when predicting; bounds memory, does not change the numbers
PICTURE_BATCH = 32  # the same for pictures through a backbone
WHOLE = (0, 1)  # the share of the only process: rank, number of processes


class Maps:
    """Feature maps (n, D, N) of all images of a benchmark, as tensors of one device and precision.

    >>> inputs = Maps(np.arange(6, dtype=np.float32).reshape(6, 1, 1), torch.device("cpu"), torch.float64)
    >>> inputs[np.array([2, 0])].flatten()
    tensor([2., 0.], dtype=torch.float64)
    >>> batches = np.array([[5, 0, 3, 4], [1, 2, 0, 5]])
    >>> [batch.flatten().tolist() for batch in inputs.training(batches, seed=0, epoch=0, share=(1, 2))]
    [[0.0, 4.0], [2.0, 5.0]]
    """

    def __init__(self, maps: Float[np.ndarray, "n D N"], device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        # pooled features fit into memory at once; whole maps stay on disk and are read by rows
        self.maps = torch.from_numpy(np.array(maps)).to(device, dtype) if maps.shape[2] == 1 else maps

    def __getitem__(self, images: Int[np.ndarray, " n"]) -> Float[Tensor, "n D N"]:
        if torch.is_tensor(self.maps):
            return self.maps[torch.from_numpy(images).to(self.device)]
        return torch.from_numpy(np.asarray(self.maps[images])).to(self.device, self.dtype)

    def batches(self, images: Int[np.ndarray, " n"]) -> Iterator[Float[Tensor, "b D N"]]:
        """The maps of many images, a bounded number at a time."""
        for start in range(0, len(images), PREDICT_BATCH):
            yield self[images[start : start + PREDICT_BATCH]]

    def training(
        self, batches: Int[np.ndarray, "steps batch"], *, seed: int, epoch: int, share: tuple[int, int] = WHOLE
    ) -> Iterator[Float[Tensor, "b D N"]]:
        """The maps of every batch, or of the ``share`` (rank, processes): each so many-th image, from the rank-th on.

        Nothing is drawn, so seed and epoch do not matter.
        """
        rank, processes = share
        for images in batches:
            yield self[images[rank::processes]]


class PictureInputs:
    """Decoded pictures of a benchmark as tensors (b, 3, H, W) in [0, 1], of one device and precision.

    ``num_workers`` processes decode ahead; 0 for none.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.array([[0, 51, 255], [255, 0, 0]], dtype=np.uint8).tofile(folder / "pictures.bin")  # two pictures of a pixel
    >>> np.savez(folder / "index.npz", shapes=np.ones((2, 2), dtype=int), offsets=np.array([0, 3]))
    >>> inputs = PictureInputs(Pictures(folder, size=1), torch.device("cpu"), torch.float64)
    >>> next(inputs.batches(np.array([1, 0])))[:, :, 0, 0].round(decimals=3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.2, 1.0]]
    """

    def __init__(self, pictures: Pictures, device: torch.device, dtype: torch.dtype, num_workers: int = 0) -> None:
        self.pictures, self.device, self.dtype, self.num_workers = pictures, device, dtype, num_workers

    def batches(self, images: Int[np.ndarray, " n"]) -> Iterator[Float[Tensor, "b 3 H W"]]:
        """Centre crops, a bounded number at a time."""
        for batch in self.pictures.evaluation(images, batch_size=PICTURE_BATCH, num_workers=self.num_workers):
            yield self._moved(batch)

    def training(
        self, batches: Int[np.ndarray, "steps batch"], *, seed: int, epoch: int, share: tuple[int, int] = WHOLE
    ) -> Iterator[Float[Tensor, "b 3 H W"]]:
        """Random crops, half of them mirrored; drawn by (seed, epoch, step, position in the batch) alone.

        ``share`` (rank, processes) as for :class:`Maps`.
        """
        settings = {"seed": seed, "epoch": epoch, "share": share, "num_workers": self.num_workers}
        for batch in self.pictures.training(batches, **settings):
            yield self._moved(batch)

    def _moved(self, batch: Tensor) -> Tensor:
        return batch.to(self.device, self.dtype, non_blocking=True, memory_format=torch.channels_last)


Inputs = Maps | PictureInputs


def load_features(config: RunConfig, benchmark: Benchmark) -> FrozenFeatures:
    """The frozen features of a config, computed where not cached: pooled for BasicNet, which pools first.

    Maps (n, D, 1), or (n, D, N) for a network with attention. Errors as
    :func:`zslcore.training.inputs.features.frozen_features`, which has an example.
    """
    return frozen_features(
        benchmark,
        backbone=config.backbone,
        weights=config.weights,
        size=config.image_size,
        resize_ratio=config.resize_ratio,
        pooling="mean" if config.network == "basic" else "map",
    )


def file_contents(config: RunConfig) -> dict[str, str]:
    """Hashes of the files that a config names by their path and that its training reads, by setting.

    A path says nothing of what lies there. A file that is missing is left out: who reads it says so.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "vectors.npy"
    >>> _ = path.write_bytes(b"abc")
    >>> config = RunConfig(dataset="SYNTH", network="attention", word_vectors=str(path))
    >>> file_contents(config), file_contents(config.replace(network="basic"))  # which does without word vectors
    ({'word_vectors': 'ba7816bf8f01'}, {})
    """
    paths = {"weights": config.weights if config.weights not in ("imagenet", "random") else ""}
    if config.network != "basic" and config.word_vectors != "published":
        paths["word_vectors"] = config.word_vectors
    return {name: weights_id(path) for name, path in paths.items() if Path(path).is_file()}


def changed_contents(config: RunConfig, stored: dict[str, str]) -> list[str]:
    """What to call the files of a config whose content is not that of ``stored``; of runs without hashes, none.

    >>> changed_contents(RunConfig(dataset="SYNTH"), {})
    []
    """
    own = file_contents(config)
    return [f"content of {name}" for name in own if stored.get(name, own[name]) != own[name]]


def check_backbone(config: RunConfig) -> None:
    """Raise InputError for a backbone to be trained whose image size, ratio or weights cannot be used.

    Fetches the weights where they are not at hand. For :func:`load_inputs`, which may decode pictures for hours first;
    frozen features need no such check, since the backbone makes them.

    >>> check_backbone(RunConfig(dataset="CUB", backbone="vit_b_16", image_size=448, fine_tune=True, standardize=False))
    Traceback (most recent call last):
    zslcore.errors.InputError: vit_b_16 takes images of 224 x 224 pixels, got 448 x 448
    """
    if config.fine_tune:
        check_size(config.backbone, config.image_size, config.image_size)
        resized_side(config.image_size, config.resize_ratio)
        build_backbone(config.backbone, weights=config.weights)


def load_inputs(config: RunConfig, benchmark: Benchmark, device: torch.device, *, num_workers: int = 0) -> Inputs:
    """Inputs of a config: pictures with ``fine_tune``, which ``num_workers`` processes decode ahead, else features.

    Both are made first where they are not in the cache, which takes long for a large data set. Errors as
    :func:`zslcore.training.inputs.pictures.decoded_pictures` and
    :func:`zslcore.training.inputs.features.frozen_features`.
    """
    if not config.fine_tune:
        return Maps(load_features(config, benchmark).maps, device, weight_dtype(config.precision))
    pictures = decoded_pictures(
        benchmark, size=config.image_size, resize_ratio=config.resize_ratio, num_workers=num_workers or None
    )
    return PictureInputs(pictures, device, weight_dtype(config.precision), num_workers)

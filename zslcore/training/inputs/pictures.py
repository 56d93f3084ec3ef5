"""Pictures for training a backbone: every image decoded and resized once, then cropped at random as often as wanted.

One folder per (dataset, size, resize_ratio) under ``cache_root()/pictures`` holds the resized images as bytes, one
after the other, and where each begins. 11,788 photographs of CUB take about 12 GB at 512 pixels, and 2 GB at 256.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import SupportsIndex

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from zslcore._io.locations import cache_root
from zslcore._io.progress import progress_bar
from zslcore._io.writing import new_folder, remove_abandoned
from zslcore.data.benchmark import Benchmark
from zslcore.data.images import ImageDataset, random_crop, readable, resize, resized_side
from zslcore.errors import InputError

VERSION = 1  # raise when a change here changes the bytes
USUAL_SHAPE = 1.4  # long over short side of a photograph, to guess the room that a data set takes


class Pictures:
    """The decoded pictures of a benchmark, by position in its labels. Made by :func:`decoded_pictures`.

    ``size``: side of the crops in pixels; ``folder``: where the bytes lie.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.arange(42, dtype=np.uint8).tofile(folder / "pictures.bin")  # 2 x 4 pixels of three bytes, then 3 x 2
    >>> np.savez(folder / "index.npz", shapes=np.array([[2, 4], [3, 2]]), offsets=np.array([0, 24]))
    >>> pictures = Pictures(folder, size=2)
    >>> pictures[0].shape, pictures[1][:, 0, 0]
    (torch.Size([3, 2, 4]), tensor([24, 25, 26], dtype=torch.uint8))
    >>> [crops.shape for crops in pictures.training(np.array([[0, 1, 1], [1, 0, 0]]), seed=0, epoch=0)]
    [torch.Size([3, 3, 2, 2]), torch.Size([3, 3, 2, 2])]
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        with np.load(folder / "index.npz") as index:
            self.shapes, self.offsets = index["shapes"], index["offsets"]
        self._bytes: np.memmap | None = None

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, image: SupportsIndex) -> UInt8[Tensor, "3 H W"]:
        """The resized picture, uint8 (3, H, W)."""
        if self._bytes is None:  # opened in the process that reads, not where the loader was made
            self._bytes = np.memmap(self.folder / "pictures.bin", mode="r")
        height, width = self.shapes[image]
        start = self.offsets[image]
        values = np.array(self._bytes[start : start + 3 * height * width])
        return torch.from_numpy(values).view(height, width, 3).permute(2, 0, 1)

    def evaluation(
        self, images: Int[np.ndarray, " n"], *, batch_size: int, num_workers: int = 0
    ) -> Iterator[Float[Tensor, "b 3 size size"]]:
        """The central crops of the images, in order, in [0, 1]."""
        dataset = _Crops(self, images[:, None], v2.CenterCrop(self.size))
        for batch in DataLoader(dataset, batch_size, num_workers=num_workers, generator=torch.Generator()):
            yield batch.flatten(0, 1)

    def training(
        self,
        batches: Int[np.ndarray, "steps batch"],
        *,
        seed: int,
        epoch: int,
        share: tuple[int, int] = (0, 1),
        num_workers: int = 0,
    ) -> Iterator[Float[Tensor, "b 3 size size"]]:
        """Random crops, half of them mirrored, of the images of every batch, in [0, 1].

        What is drawn for a picture depends on seed, epoch, step and its position in the batch alone: not on
        ``num_workers``, nor on ``share`` (rank, processes), which gives every so many-th picture of each batch.
        """
        rank, processes = share
        dataset = _Crops(self, batches, None, seeds=(seed, epoch), places=range(rank, batches.shape[1], processes))
        # a generator of its own: without one, a loader draws from the caller's random state
        yield from DataLoader(dataset, batch_size=None, num_workers=num_workers, generator=torch.Generator())


class _Crops(Dataset):
    """Item k: the crops of batch k at ``places`` (default: all)."""

    def __init__(
        self,
        pictures: Pictures,
        batches: Int[np.ndarray, "steps batch"],
        crop: v2.Transform | None,
        *,
        seeds: tuple[int, int] = (0, 0),
        places: Sequence[int] | None = None,
    ) -> None:
        self.pictures, self.batches, self.crop, self.seeds = pictures, batches, crop, seeds
        self.places = range(batches.shape[1]) if places is None else places

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, step: int) -> Float[Tensor, "b 3 size size"]:
        return torch.stack([self._cropped(step, place) for place in self.places]).float() / 255

    def _cropped(self, step: int, place: int) -> Tensor:
        picture = self.pictures[self.batches[step, place]]
        if self.crop is not None:
            return self.crop(picture)
        rng = np.random.default_rng([*self.seeds, step, place])
        return random_crop(picture, self.pictures.size, rng)


def decoded_pictures(
    benchmark: Benchmark,
    *,
    size: int,
    resize_ratio: float = 8 / 7,
    cache: Path | None = None,
    num_workers: int | None = None,
) -> Pictures:
    """The pictures of a benchmark with their short side at ``resize_ratio * size`` pixels, decoded first if not cached.

    ``num_workers`` processes decode, by default one less than there are cores, at most 4. Raises InputError for missing
    or unreadable images, for a ratio below 1, and for a disk that has not the room.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=48, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    ...     pictures = decoded_pictures(benchmark, size=28, cache=root / "cache", num_workers=0)
    ...     len(pictures), pictures[0].shape, next(pictures.evaluation(np.arange(8), batch_size=8)).shape
    (8, torch.Size([3, 32, 32]), torch.Size([8, 3, 28, 28]))
    """
    side = resized_side(size, resize_ratio)
    name = f"{benchmark.name}-{side}px-{benchmark.fingerprint}-v{VERSION}"
    folder = (cache or cache_root()) / "pictures" / name
    if not folder.is_dir():
        benchmark.check_images()
        remove_abandoned(folder)  # which may be what fills the disk
        _check_room(folder, len(benchmark.image_paths), side)
        with new_folder(folder) as partial:
            workers = min(4, (os.cpu_count() or 1) - 1) if num_workers is None else num_workers
            _decode(benchmark, side, partial, workers)
    try:
        pictures = Pictures(folder, size)
        whole = len(pictures) == len(benchmark.image_paths) and _bytes_are_there(pictures)
    except Exception:  # numpy and zipfile raise many types for a damaged file
        whole = False
    if not whole:
        raise InputError(f"{folder} is damaged: delete it, and the pictures are decoded anew")
    return pictures


def _bytes_are_there(pictures: Pictures) -> bool:
    """Whether ``pictures.bin`` is as long as the index says: a cut one would end a training when its turn comes."""
    needed = int(pictures.offsets[-1] + 3 * pictures.shapes[-1].prod()) if len(pictures) else 0
    return (pictures.folder / "pictures.bin").stat().st_size == needed


def _check_room(folder: Path, images: int, side: int) -> None:
    needed = int(3 * side * side * USUAL_SHAPE * images)
    existing = next(parent for parent in folder.parents if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise InputError(
            f"decoded pictures need about {needed / 1e9:.1f} GB in {folder.parent}, and {free / 1e9:.1f} GB are free: "
            "set ZSLCORE_CACHE to a folder with more room"
        )


def _decode(benchmark: Benchmark, side: int, folder: Path, workers: int) -> None:
    dataset = ImageDataset(benchmark.image_paths, v2.Compose([v2.PILToTensor(), resize(side)]))
    loader = DataLoader(dataset, batch_size=None, num_workers=workers)
    shapes, title = [], f"decoding the pictures of {benchmark.name}"
    with open(folder / "pictures.bin", "wb") as file:
        for picture in progress_bar(readable(loader), total=len(dataset), desc=title, unit="image"):
            shapes.append(picture.shape[1:])
            file.write(picture.permute(1, 2, 0).contiguous().numpy().tobytes())
    sizes = 3 * np.array(shapes, dtype=np.int64).prod(1)
    np.savez(folder / "index.npz", shapes=np.array(shapes), offsets=np.concatenate([[0], sizes.cumsum()[:-1]]))
    settings = {"dataset": benchmark.name, "fingerprint": benchmark.fingerprint, "short_side": side, "version": VERSION}
    (folder / "settings.json").write_text(json.dumps(settings, indent=2) + "\n")

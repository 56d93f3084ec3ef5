"""Pictures for training a backbone: every image is decoded and resized once, then cropped at random in each epoch.

One folder per (dataset, its pictures, size, resize_ratio) under ``cache_root()/pictures`` holds the bytes of all
resized images in one file, and their offsets. The 11,788 photographs of CUB take about 12 GB at 512 pixels, and 2 GB at
256.
"""

import shutil
from pathlib import Path
from typing import SupportsIndex

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from zslcore._io.hashes import note_hashes
from zslcore._io.locations import cache_root
from zslcore._io.progress import progress_bar
from zslcore._io.writing import new_folder, remove_abandoned
from zslcore.data.benchmark import Benchmark
from zslcore.data.images import (
    Place,
    central_place,
    cropped,
    image_loader,
    random_place,
    readable,
    resize,
    resized_side,
)
from zslcore.errors import InputError
from zslcore.training.damage import damage_named
from zslcore.training.inputs.contents import check_pictures, pictures_id
from zslcore.training.inputs.stored import check_cached

VERSION = 4  # raise when a change here changes the bytes
USUAL_SHAPE = 1.4  # long over short side of a photograph, to estimate the size of a data set


class Pictures:
    """The decoded pictures of a benchmark, by position in its labels; ``size`` is the side of their crops in pixels."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        with np.load(folder / "index.npz") as index:
            self.shapes, self.offsets = index["shapes"], index["offsets"]
        self._bytes: np.memmap | None = None

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, image: SupportsIndex) -> UInt8[Tensor, "3 H W"]:
        if self._bytes is None:  # opened in the worker process that reads
            self._bytes = np.memmap(self.folder / "pictures.bin", mode="r")
        height, width = self.shapes[image]
        start = self.offsets[image]
        values = np.array(self._bytes[start : start + 3 * height * width])
        return torch.from_numpy(values).view(height, width, 3).permute(2, 0, 1)


class Crops(Dataset):
    """Item k: the crops of the pictures of batch k, in [0, 1]; central ones, or random ones if there is a ``seed``.

    A random crop is mirrored with probability 1/2 and depends only on the seed, k and the picture's position in the
    batch. ``share`` is (rank, processes): each process gets every processes-th picture of a batch.
    """

    def __init__(
        self,
        pictures: Pictures,
        batches: Int[np.ndarray, "steps batch"] | list[Int[np.ndarray, " _"]],
        seed: tuple[int, int] | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.pictures, self.batches, self.seed, self.share = pictures, batches, seed, share

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, step: int) -> Float[Tensor, "b 3 size size"]:
        crops = [cropped(self.pictures[image], self.pictures.size, place) for image, place in self.places(step)]
        return torch.stack(crops).float() / 255

    def places(self, step: int) -> list[tuple[int, Place]]:
        """The pictures of a batch, by position, and where each is cropped."""
        rank, processes = self.share
        result = []
        for position in range(rank, len(self.batches[step]), processes):
            image, size = int(self.batches[step][position]), self.pictures.size
            height, width = self.pictures.shapes[image].tolist()
            if self.seed is None:
                place = central_place(height, width, size)
            else:
                place = random_place(height, width, size, np.random.default_rng([*self.seed, step, position]))
            result.append((image, place))
        return result


def decoded_pictures(
    benchmark: Benchmark, *, size: int, resize_ratio: float = 8 / 7, num_workers: int | None = None
) -> Pictures:
    """Load the pictures of a benchmark from the cache, decoding the images first if necessary.

    The short side of the pictures is ``resize_ratio * size`` pixels, where ``size`` is the side of the crops. The
    images are decoded by ``num_workers`` processes, by default one less than there are cores, at most 16.
    """
    side = resized_side(size, resize_ratio)
    content = f"{benchmark.fingerprint}-{pictures_id(benchmark)}"
    folder = cache_root() / "pictures" / f"{benchmark.name}-{side}px-{content}-v{VERSION}"
    if not folder.is_dir():
        check_pictures(benchmark)
        remove_abandoned(folder)  # before the space is measured
        _check_room(folder, len(benchmark.image_paths), side)
        with new_folder(folder) as partial:
            _decode(benchmark, side, partial, num_workers)
            note_hashes(partial)
    with damage_named(folder, "delete it, and the pictures are decoded again"):
        for name in ("index.npz", "pictures.bin"):
            check_cached(folder, name)
        pictures = Pictures(folder, size)
        length = int(pictures.offsets[-1] + 3 * pictures.shapes[-1].prod())
        if len(pictures) != len(benchmark.image_paths) or (folder / "pictures.bin").stat().st_size != length:
            raise ValueError("index.npz, pictures.bin and the benchmark do not agree")
    return pictures


def _check_room(folder: Path, images: int, side: int) -> None:
    needed = int(3 * side * side * USUAL_SHAPE * images)
    free = shutil.disk_usage(next(parent for parent in folder.parents if parent.exists())).free
    if needed > free:
        raise InputError(
            f"decoded pictures need about {needed / 1e9:.1f} GB in {folder.parent}, and {free / 1e9:.1f} GB are free: "
            "set ZSLCORE_CACHE to a folder with more space"
        )


def _decode(benchmark: Benchmark, side: int, folder: Path, num_workers: int | None) -> None:
    transform = v2.Compose([v2.PILToTensor(), resize(side)])
    loader = image_loader(benchmark.image_paths, transform, num_workers=num_workers)
    shapes, title = [], f"decoding the pictures of {benchmark.name}"
    with open(folder / "pictures.bin", "wb") as file:
        for picture in progress_bar(readable(loader), total=len(loader), desc=title, unit="image"):
            shapes.append(picture.shape[1:])
            file.write(picture.permute(1, 2, 0).contiguous().numpy().tobytes())
    sizes = 3 * np.array(shapes, dtype=np.int64).prod(1)
    np.savez(folder / "index.npz", shapes=np.array(shapes), offsets=np.concatenate([[0], sizes.cumsum()[:-1]]))

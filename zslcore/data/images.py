"""Images of a benchmark as tensors: decoding, resizing, and one clear sentence for an image that cannot be read."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from zslcore.errors import InputError


def eval_transform(size: int, *, resize_ratio: float = 1.0) -> v2.Compose:
    """Resize the short side to ``resize_ratio * size``, crop the central ``size`` x ``size``, scale to [0, 1].

    ``resize_ratio`` is 1 for images cropped to the object and 8/7 for whole photographs (the released setting).
    Takes a PIL image or a uint8 tensor (3, H, W), gives float32 (3, size, size). Raises InputError for a ratio below
    1, which would frame the image in black.

    >>> eval_transform(64)(torch.zeros(3, 80, 100, dtype=torch.uint8)).shape
    torch.Size([3, 64, 64])
    """
    return v2.Compose(
        [
            v2.ToImage(),
            resize(resized_side(size, resize_ratio)),
            v2.CenterCrop(size),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )


def resized_side(size: int, resize_ratio: float) -> int:
    """Short side in pixels of a picture before the crop of ``size``; InputError for a ratio below 1.

    >>> resized_side(448, 8 / 7)
    512
    """
    if resize_ratio < 1:
        raise InputError(f"resize_ratio must be at least 1, got {resize_ratio}")
    return round(resize_ratio * size)


def resize(side: int) -> v2.Resize:
    """Resize the short side to ``side`` pixels, with antialiasing; of all transforms here.

    >>> resize(32)(torch.zeros(3, 64, 96, dtype=torch.uint8)).shape
    torch.Size([3, 32, 48])
    """
    return v2.Resize(side, antialias=True)


def random_crop(picture: UInt8[Tensor, "3 H W"], size: int, rng: np.random.Generator) -> UInt8[Tensor, "3 size size"]:
    """A crop at a place that ``rng`` draws, mirrored in half of all cases: v2.RandomCrop and v2.RandomHorizontalFlip.

    Those draw from torch's global state, which a resumed or shared training cannot put back for a single picture.

    >>> random_crop(torch.zeros(3, 8, 9, dtype=torch.uint8), 7, np.random.default_rng(0)).shape
    torch.Size([3, 7, 7])
    """
    height, width = picture.shape[1:]
    if min(height, width) < size:
        raise InputError(f"a picture must be at least {size} pixels a side to be cropped, got {height} x {width}")
    top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
    crop = functional.crop(picture, int(top), int(left), size, size)
    return functional.horizontal_flip(crop) if rng.random() < 0.5 else crop


def readable(loader: DataLoader) -> Iterator[Tensor]:
    """The items of a loader; an InputError of a worker process without the traceback it is wrapped in.

    >>> list(readable(DataLoader(ImageDataset([Path("nowhere.png")], eval_transform(32)))))
    Traceback (most recent call last):
    zslcore.errors.InputError: nowhere.png cannot be read as an image: no such file
    """
    try:
        yield from loader
    except InputError as error:
        raise InputError(str(error).strip().splitlines()[-1].removeprefix("zslcore.errors.InputError: ")) from None


def read_image(path: Path) -> Image.Image:
    """Decode an image file to RGB; InputError names a file that is missing, truncated or not an image.

    >>> read_image(Path("nowhere.png"))
    Traceback (most recent call last):
    zslcore.errors.InputError: nowhere.png cannot be read as an image: no such file
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except FileNotFoundError:
        raise InputError(f"{path} cannot be read as an image: no such file") from None
    except UnidentifiedImageError:
        raise InputError(f"{path} cannot be read as an image: not an image file") from None
    except Exception as error:  # Pillow's decoders raise many types for a damaged file
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path} cannot be read as an image: {reason}") from None


class ImageDataset(Dataset):
    """Images by position in ``paths``, decoded to RGB and transformed on access.

    Raises InputError for an image that cannot be read, when it is its turn (:func:`read_image`).

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "red.png"
    >>> Image.new("RGB", (80, 60), (255, 0, 0)).save(path)
    >>> image = ImageDataset([path], eval_transform(32))[0]
    >>> image.shape, image.amax((1, 2))  # the central square, in [0, 1]
    (torch.Size([3, 32, 32]), tensor([1., 0., 0.]))
    """

    def __init__(self, paths: Sequence[Path], transform: Callable[[Image.Image], Tensor]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Shaped[Tensor, "3 H W"]:
        return self.transform(read_image(self.paths[index]))

"""Images of a benchmark as tensors: decoding, resizing, and one clear sentence for an image that cannot be read."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from zslcore.errors import InputError


def eval_transform(size: int, *, resize_ratio: float = 1.0) -> v2.Compose:
    """Resize the short side to ``resize_ratio * size``, crop the central ``size`` x ``size``, scale to [0, 1].

    ``resize_ratio`` is 1 for images cropped to the object and 8/7 for whole photographs (the released setting).
    Takes a PIL image or a uint8 tensor (3, H, W), gives float32 (3, size, size). Raises InputError for a ratio below
    1, which would frame the image in black.

    >>> eval_transform(64)(torch.zeros(3, 80, 100, dtype=torch.uint8)).shape
    torch.Size([3, 64, 64])
    """
    if resize_ratio < 1:
        raise InputError(f"resize_ratio must be at least 1, got {resize_ratio}")
    return v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(round(resize_ratio * size), antialias=True),
            v2.CenterCrop(size),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )


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
    """Images by position in ``paths``, decoded and transformed on access."""

    def __init__(self, paths: Sequence[Path], transform: Callable[[Image.Image], Tensor]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Float[Tensor, "3 size size"]:
        return self.transform(read_image(self.paths[index]))

"""Images of a benchmark as tensors: decoding, resizing and cropping."""

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zslcore._io.extras import require
from zslcore._io.reading import check_regular
from zslcore.errors import InputError, one_line

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # Pillow starts Ghostscript for others
LONGEST = 50  # largest ratio of the sides; resizing the short side of a longer picture would fill the memory

require("study", "torchvision", "PIL")

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError  # noqa: E402
from torchvision.transforms import v2  # noqa: E402


def eval_transform(size: int, *, resize_ratio: float = 1.0) -> v2.Compose:
    """Transform of a picture or uint8 tensor for evaluation: resize the short side, crop the centre, scale to [0, 1].

    ``resize_ratio`` is the short side before the crop, divided by ``size``: 1 for images cropped to the object, 8/7 for
    whole photographs (the released setting). Values below 1 raise InputError, because the crop would be padded.

    Example:
        >>> eval_transform(64)(torch.zeros(3, 80, 100, dtype=torch.uint8)).shape
        torch.Size([3, 64, 64])
    """
    to_float = v2.ToDtype(torch.float32, scale=True)
    return v2.Compose([v2.ToImage(), resize(resized_side(size, resize_ratio)), v2.CenterCrop(size), to_float])


def resized_side(size: int, resize_ratio: float) -> int:
    """Short side in pixels of an image before it is cropped to ``size``."""
    if resize_ratio < 1:
        raise InputError(f"resize_ratio must be at least 1, got {resize_ratio}")
    return round(resize_ratio * size)


def on_crop(
    boxes: Float[np.ndarray, "n 4"], size: tuple[int, int], *, image_size: int, resize_ratio: float = 1.0
) -> Float[np.ndarray, "n 4"]:
    """Where boxes of a picture of ``size`` (width, height) lie after :func:`eval_transform`, in pixels of the crop.

    Example:
        >>> on_crop(np.array([[0.0, 0.0, 10.0, 40.0]]), (80, 40), image_size=20).tolist()
        [[-10.0, 0.0, -5.0, 20.0]]
    """
    side, short = resized_side(image_size, resize_ratio), min(size)
    resized = np.array([int(side * length / short) for length in size])  # torchvision rounds the long side down
    offset = np.round((resized - image_size) / 2)
    return boxes * np.tile(resized / size, 2) - np.tile(offset, 2)


def resize(side: int) -> v2.Resize:
    """Resize the short side to ``side`` pixels, with antialiasing. All transforms of the library use it."""
    return v2.Resize(side, antialias=True)


Place = tuple[int, int, bool]  # top and left of a crop, and whether it is mirrored


def random_place(height: int, width: int, size: int, rng: np.random.Generator) -> Place:
    """A random crop, mirrored with probability 1/2; unlike torchvision's transforms, it is drawn from ``rng``."""
    if min(height, width) < size:
        raise InputError(f"a picture must be at least {size} pixels a side to be cropped, got {height} x {width}")
    top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
    return int(top), int(left), bool(rng.random() < 0.5)


def central_place(height: int, width: int, size: int) -> Place:
    """The crop of :func:`eval_transform`."""
    return round((height - size) / 2), round((width - size) / 2), False


def cropped(picture: UInt8[Tensor, "3 H W"], size: int, place: Place) -> UInt8[Tensor, "3 size size"]:
    """Cut a crop from a picture."""
    top, left, mirrored = place
    part = picture[:, top : top + size, left : left + size]
    return part.flip(2) if mirrored else part


def readable(loader: DataLoader) -> Iterator[Tensor]:
    """Items of a loader. An InputError of a worker process is raised again without the worker's traceback.

    A spawned worker imports the user's script, and fails if the script starts the work again. This also raises
    InputError.
    """
    try:
        yield from loader
    except InputError as error:
        raise InputError(str(error).strip().splitlines()[-1].removeprefix("zslcore.errors.InputError: ")) from None
    except RuntimeError as error:
        ended = "exited unexpectedly" in str(error) or "bootstrapping phase" in str(error)
        if not ended or multiprocessing.get_start_method() == "fork":
            raise
        raise InputError(
            "the processes that decode images ended early: start the script's work below if __name__ == '__main__', "
            "or call frozen_features or decoded_pictures with num_workers=0 first"
        ) from None


def read_image(path: Path) -> Image.Image:
    """Decode an image file to RGB, upright."""
    return _opened(path, _to_rgb)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file as :func:`read_image` decodes it."""
    return _opened(path, lambda image: _upright(image).size)


def check_image(path: Path) -> None:
    """Raise InputError unless a file begins as an image does; its pixels are not decoded."""
    _opened(path, lambda image: image)


def _opened(path: Path, use: Callable[[Image.Image], Any]) -> Any:
    """The result of ``use`` on an image file, with every fault of the file as an InputError."""
    check_regular(path)
    try:
        with warnings.catch_warnings():
            # Pillow warns above 89 megapixels, as phones take them, and refuses above 179
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                return use(image)
    except FileNotFoundError:
        reason = "no such file"
    except UnidentifiedImageError:
        reason = f"not an image file ({', '.join(FORMATS)})"
    except Image.DecompressionBombError:
        reason = f"it has more than {2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels"
    except Exception as error:  # Pillow's decoders raise many types for a damaged file
        reason = one_line(error)
    raise InputError(f"{path} cannot be read as an image: {reason}")


def _to_rgb(image: Image.Image) -> Image.Image:
    """Decode to 8 bits per channel; transparent pictures are drawn on white.

    Pillow would show the hidden colours of transparent pictures, and clip the values of a 16-bit grey picture at 255. A
    grey picture of 16 or 32 bits has 8-bit values if none is above 255, and 12-bit values, as from microscope cameras,
    if none is above 4095.
    """
    if max(image.size) > LONGEST * min(image.size):
        raise ValueError(f"it has {image.width} x {image.height} pixels, a side over {LONGEST} times the other")
    image.load()  # raises for damaged pixels
    image = _upright(image)
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise ValueError("its values must be whole numbers of 8 or 16 bits")
        bits = next(bits for bits in (8, 12, 16) if values.max() < 1 << bits)
        image = Image.fromarray((values >> (bits - 8)).astype(np.uint8))
    if image.format == "BMP" and image.mode == "RGBA" and not image.getchannel("A").getextrema()[1]:
        return image.convert("RGB")  # programs of Windows leave the fourth byte of a pixel at 0
    if "A" in image.getbands() or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF tag says, which cameras write; itself without such a tag."""
    if "exif" not in image.info and image.format != "TIFF":  # Pillow would decode a PNG to look further
        return image
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a damaged tag
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    except Exception:  # Pillow raises many types for damaged tags
        return image
    image.info.pop("exif", None)  # Pillow would write the other tags again, which may be damaged
    return ImageOps.exif_transpose(image) if turned else image


class ImageDataset(Dataset):
    """Images by position in ``paths``, read with :func:`read_image` and transformed on access."""

    def __init__(self, paths: Sequence[Path], transform: Callable[[Image.Image], Tensor]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Shaped[Tensor, "3 H W"]:
        return self.transform(read_image(self.paths[index]))


def image_loader(
    paths: Sequence[Path],
    transform: Callable[[Image.Image], Tensor],
    *,
    batch_size: int | None = None,
    num_workers: int | None = None,
) -> DataLoader:
    """Loader of an :class:`ImageDataset`, to be read through :func:`readable`.

    Args:
        paths: files of the images, which keep their order.
        transform: from a picture to a tensor.
        batch_size: number of images in an item; None for items that are single images.
        num_workers: processes that decode images ahead, by default one less than there are cores, at most 16.
    """
    if num_workers is None:
        num_workers = min(16, (os.cpu_count() or 1) - 1)
    return DataLoader(ImageDataset(paths, transform), batch_size=batch_size, num_workers=num_workers)

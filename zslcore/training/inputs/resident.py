"""Pictures in the memory of a GPU, which cuts all crops of a batch at once.

The crops are the same as those that a CPU cuts picture by picture, so results do not depend on where the pictures are.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from zslcore.training.inputs.pictures import Crops, Pictures

SHARE = 0.5  # of the free memory that pictures may take


def resident_bytes(pictures: Iterable[Pictures], device: torch.device) -> dict[Path, UInt8[Tensor, " n"]]:
    """The bytes of pictures on a GPU, by their folders; none on a CPU, and none if the GPU has too little memory."""
    files = {one.folder: one.folder / "pictures.bin" for one in pictures}
    if device.type == "cpu" or sum(file.stat().st_size for file in files.values()) > SHARE * _free_memory(device):
        return {}
    return {folder: torch.from_numpy(np.fromfile(file, np.uint8)).to(device) for folder, file in files.items()}


def _free_memory(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0]


def resident_crops(stored: UInt8[Tensor, " n"], crops: Crops, step: int) -> UInt8[Tensor, "b 3 size size"]:
    """The crops of a batch, cut from the bytes of all pictures.

    Args:
        stored: the pictures one after the other, each with shape (height, width, 3).
        crops: names the pictures of every batch and their places.
        step: number of the batch.
    """
    pictures, size = crops.pictures, crops.pictures.size
    corners = []  # the first pixel of each crop, and the distances in bytes to its next row and its next column
    for image, (top, left, mirrored) in crops.places(step):
        row = 3 * int(pictures.shapes[image][1])
        first = left + size - 1 if mirrored else left
        corners.append((int(pictures.offsets[image]) + top * row + 3 * first, row, -3 if mirrored else 3))
    start, row, column = torch.tensor(corners).to(stored.device, non_blocking=True).T.reshape(3, -1, 1, 1, 1)
    steps = torch.arange(size, device=stored.device)
    channels = torch.arange(3, device=stored.device)
    places = start + row * steps.view(-1, 1, 1) + column * steps.view(-1, 1) + channels
    return stored[places].permute(0, 3, 1, 2)

"""Input checks that all losses share; each raises InputError with one sentence."""

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from zslcore.errors import InputError

LABEL_TYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_tensors(**arguments: object) -> None:
    """Check that every argument is a tensor."""
    for name, value in arguments.items():
        if not isinstance(value, Tensor):
            raise InputError(f"{name} must be a torch.Tensor, got {type(value).__name__}")


def check_labels(labels: Integer[Tensor, " B"], num_images: int, num_classes: int) -> Int[Tensor, " B"]:
    """Check that there is one class in [0, num_classes) for each image, and return the labels as int64."""
    check_tensors(labels=labels)
    if labels.dtype not in LABEL_TYPES:
        raise InputError(f"labels must be of an integer type ({', '.join(map(str, LABEL_TYPES))}), got {labels.dtype}")
    if labels.shape != (num_images,):
        raise InputError(f"labels must have shape ({num_images},), got {tuple(labels.shape)}")
    labels = labels.long()  # uint8 would index as a mask
    # on the CPU only, because reading values from a GPU stalls it
    if labels.device.type == "cpu" and labels.numel() and not 0 <= labels.min() <= labels.max() < num_classes:
        given = f"{labels.min().item()}..{labels.max().item()}"
        raise InputError(f"labels must lie in 0..{num_classes - 1} (num_classes={num_classes}), got {given}")
    return labels


def check_positive(name: str, value: float, *, or_zero: bool = False) -> None:
    """Check that a number is finite and above 0, or at least 0 with ``or_zero``."""
    if not (0 <= value < float("inf") if or_zero else 0 < value < float("inf")):
        raise InputError(f"{name} must be a finite number {'of at least' if or_zero else 'above'} 0, got {value!r}")


def check_counts(counts: Tensor, vectors: Tensor) -> None:
    """Check that ``counts`` holds a number >= 0 for each row of ``vectors``, and that they are not all 0."""
    if counts.shape != vectors.shape[:1] or counts.sum() < 1 or counts.min() < 0:
        raise InputError("counts must hold the number of training images of each class, at least one in total")

"""Input checks that all losses share; each raises InputError with one sentence.

Values are read on the CPU only, because reading them from a GPU stalls it. They are not read in compiled code, where
only labels are checked, by an assertion, and not under the transforms of ``torch.func``.
"""

import torch
from jaxtyping import Bool, Int, Integer
from torch import Tensor

from zslcore._io.numbers import is_number, is_whole
from zslcore.errors import InputError

LARGEST_EXPONENT = 16  # float32 ratios have a logarithm below 192, and 192^16 does not overflow float32
LABEL_TYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_tensors(**arguments: object) -> None:
    """Check that every argument is a tensor."""
    for name, value in arguments.items():
        if not isinstance(value, Tensor):
            raise InputError(f"{name} must be a torch.Tensor, got {type(value).__name__}")


def check_outputs(prediction: Tensor, target: Tensor, *, normalize: bool) -> None:
    """Check that prediction and target have one shape (B, A) without a 0, and that A > 1 with ``normalize``."""
    check_tensors(prediction=prediction, target=target)
    if prediction.shape != target.shape or prediction.ndim != 2:
        shapes = f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        raise InputError(f"prediction and target must have one shape (images, attributes), got {shapes}")
    if not prediction.numel():
        raise InputError(f"prediction must hold at least one image and one attribute, got {tuple(prediction.shape)}")
    check_normalize(normalize, prediction.shape[1])


def check_normalize(normalize: bool, num_attributes: int) -> None:
    """Check that directions are not compared where there are none: a normalised single output is always 1 or -1."""
    check_flag("normalize", normalize)
    if normalize and num_attributes == 1:
        raise InputError("normalize=True compares directions, which one output does not have: pass normalize=False")


def counted_cells(target: Tensor, mask: Tensor | None, sample_weight: Tensor | None) -> Bool[Tensor, "B A"]:
    """Check mask and sample_weight; the cells that count: unmasked, a target that is not NaN, a weight above 0."""
    counted = ~target.isnan()
    if mask is not None:
        check_tensors(mask=mask)
        if mask.dtype != torch.bool or mask.shape != target.shape:
            given = f"{mask.dtype} {tuple(mask.shape)}"
            raise InputError(f"mask must be of type torch.bool and have shape {tuple(target.shape)}, got {given}")
        counted = counted & mask
    if sample_weight is not None:
        check_tensors(sample_weight=sample_weight)
        if sample_weight.shape != target.shape[:1]:
            raise InputError(f"sample_weight must have shape ({len(target)},), got {tuple(sample_weight.shape)}")
        if readable(sample_weight):
            wrong = ~((sample_weight >= 0) & sample_weight.isfinite())
            if bool(wrong.any()):
                found = sample_weight[wrong][0].item()
                raise InputError(f"sample_weight must hold finite numbers of at least 0, got {found}")
        counted = counted & (sample_weight > 0)[:, None]
    return counted


def check_no_gaps(target: Tensor) -> None:
    """Check that no target is NaN, for losses that cannot leave it out."""
    if readable(target) and bool(target.isnan().any()):
        raise InputError("target must not hold NaN here; only ReMSE and class_error leave such values out")


def readable(values: Tensor) -> bool:
    """Whether values can be read: on the CPU, and neither in compiled code nor under ``torch.func``."""
    if torch.compiler.is_compiling() or values.device.type != "cpu":
        return False
    return not torch._C._functorch.is_functorch_wrapped_tensor(values)


def check_columns(name: str, cells: Tensor, prediction: Tensor) -> None:
    """Check that a matrix (C, A) has a column for each column of the prediction (B, A)."""
    if prediction.ndim != 2 or cells.ndim != 2 or cells.shape[1] != prediction.shape[1]:
        shapes = f"{tuple(cells.shape)} and {tuple(prediction.shape)}"
        raise InputError(f"{name} (classes, attributes) must fit prediction (images, attributes), got {shapes}")


def check_weights(weights: Tensor) -> None:
    """Check that ``weights`` is a matrix (C, A) of finite numbers of at least 0."""
    check_tensors(weights=weights)
    if weights.ndim != 2 or not weights.numel():
        raise InputError(f"weights must have shape (classes, attributes) without a 0, got {tuple(weights.shape)}")
    if readable(weights):
        wrong = ~((weights >= 0) & weights.isfinite())
        if bool(wrong.any()):
            raise InputError(f"weights must hold finite numbers of at least 0, got {weights[wrong][0].item()}")


def check_present(present: Tensor, error: Tensor) -> None:
    """Check that ``present`` is a mask of the rows of ``error`` (C, A)."""
    check_tensors(present=present, error=error)
    if error.ndim != 2 or present.dtype != torch.bool or present.shape != error.shape[:1]:
        given = f"{present.dtype} {tuple(present.shape)} for error {tuple(error.shape)}"
        raise InputError(f"present must be of type torch.bool and hold one value for each row of error, got {given}")


def check_labels(labels: Integer[Tensor, " B"], num_images: int, num_classes: int) -> Int[Tensor, " B"]:
    """Check that there is one class in [0, num_classes) for each image, and return the labels as int64."""
    check_tensors(labels=labels)
    if labels.dtype not in LABEL_TYPES:
        raise InputError(f"labels must be of an integer type ({', '.join(map(str, LABEL_TYPES))}), got {labels.dtype}")
    if labels.shape != (num_images,):
        raise InputError(f"labels must have shape ({num_images},), got {tuple(labels.shape)}")
    labels = labels.long()  # uint8 would index as a mask
    if readable(labels) and labels.numel() and not 0 <= labels.min() <= labels.max() < num_classes:
        given = f"{labels.min().item()}..{labels.max().item()}"
        raise InputError(f"labels must lie in 0..{num_classes - 1} (num_classes={num_classes}), got {given}")
    if labels.device.type == "cpu" and torch.compiler.is_compiling():  # there, -1 would be the last class
        torch._assert_async(((labels >= 0) & (labels < num_classes)).all(), f"labels must lie in 0..{num_classes - 1}")
    return labels


def check_flag(name: str, value: object) -> None:
    """Check that a value is True or False; the text "False" would count as True."""
    if isinstance(value, str) or value not in (True, False):
        raise InputError(f"{name} must be True or False, got {value!r:.100}")


def check_whole(name: str, value: object) -> None:
    """Check that a value is a whole number of at least 1."""
    if not is_whole(value) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")


def check_positive(name: str, value: float, *, or_zero: bool = False) -> None:
    """Check that a number is finite and above 0, or at least 0 with ``or_zero``."""
    if not is_number(value) or not 0 <= value < float("inf") or not (value or or_zero):
        raise InputError(f"{name} must be a finite number {'of at least' if or_zero else 'above'} 0, got {value!r}")


def check_counts(counts: Tensor, vectors: Tensor) -> None:
    """Check that ``counts`` holds a number >= 0 for each row of ``vectors`` (C, A), and that they are not all 0."""
    check_tensors(counts=counts, vectors=vectors)
    if vectors.ndim != 2:
        raise InputError(f"vectors must have shape (classes, attributes), got {tuple(vectors.shape)}")
    if not vectors.isfinite().all():
        raise InputError("vectors must be finite, got NaN or infinity")
    if counts.shape != vectors.shape[:1] or counts.sum() < 1 or counts.min() < 0:
        raise InputError("counts must hold the number of training images of each class, at least one in total")


def check_exponents(p: float, p2: float) -> None:
    """Check ReMSE's exponents."""
    for name, value in (("p", p), ("p2", p2)):
        if not is_number(value) or not 0 <= value < float("inf"):
            raise InputError(f"{name} must be a finite number >= 0, got {value!r}")
    if p + p2 > LARGEST_EXPONENT:
        raise InputError(f"p + p2 must be at most {LARGEST_EXPONENT}, beyond which weights overflow, got {p + p2!r}")

"""One step of ReMSE: the loss of a batch, against loops over classes and attributes."""

from collections.abc import Iterator
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from benchmarks.harness import Row, copy_of, measure, peak_memory
from zslcore import ReMSE, class_error, remse_weights
from zslcore.losses import l2_normalize

P, P2 = 0.1, 0.75
BATCH = 32
SIZES = {"CUB": (150, 312), "AWA2": (40, 85), "SUN": (645, 102)}


def looped_weights(error: Float[Tensor, "C A"]) -> Float[Tensor, "C A"]:
    """The weights, one attribute and then one class at a time."""
    weights = torch.ones_like(error)
    for attribute in range(error.shape[1]):
        column = error[:, attribute]
        known = column > 0
        weights[known, attribute] *= (1 + (column[known] / column[known].min()).log()) ** P
    for label in range(len(error)):
        row = error[label]
        known = row > 0
        if known.any():
            weights[label, known] *= (1 + (row[known] / row[known].min()).log()) ** P2
    return weights


def looped_step(
    prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Int[Tensor, " B"], num_classes: int
) -> Float[Tensor, ""]:
    """The loss of a batch with loops over the classes and the attributes."""
    squared = (l2_normalize(prediction) - l2_normalize(target)).square()
    error = squared.new_zeros(num_classes, squared.shape[1])
    for label in range(num_classes):
        if (labels == label).any():
            error[label] = squared[labels == label].mean(0)
    return (looped_weights(error)[labels] * squared).mean()


def full_step(
    prediction: Float[Tensor, "B A"], target: Float[Tensor, "B A"], labels: Int[Tensor, " B"], num_classes: int
) -> Float[Tensor, ""]:
    """The loss of a batch with matrices over all classes."""
    squared = (l2_normalize(prediction) - l2_normalize(target)).square()
    error = class_error(prediction, target, labels, num_classes)
    return (remse_weights(error, p=P, p2=P2)[labels] * squared).mean()


def batch(images: int, num_classes: int, num_attributes: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Prediction, target and labels of an episode of two images a class."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.randperm(num_classes, generator=generator)[: images // 2]
    labels = classes.repeat(2)
    target = torch.rand(num_classes, num_attributes, generator=generator)[labels]
    prediction = torch.randn(images, num_attributes, generator=generator)
    return prediction.to(device), target.to(device), labels.to(device)


def rows(device: str) -> Iterator[Row]:
    """Steps at the sizes of the three benchmarks, and at 10,000 classes."""
    for name, (num_classes, num_attributes) in SIZES.items():
        yield _weights(name, num_classes, num_attributes, device)
        if device == "cuda":  # where launching kernels takes most of the time
            yield _weights(name, num_classes, num_attributes, device, compiled=True)
        yield _one_step(name, num_classes, num_attributes, device)
    yield from _many_classes(device)


@torch.no_grad()
def _weights(name: str, num_classes: int, num_attributes: int, device: str, *, compiled: bool = False) -> Row:
    """The weights of the classes of a batch, from their errors."""
    weights = torch.compile(remse_weights, fullgraph=True) if compiled else remse_weights
    prediction, target, labels = batch(BATCH, num_classes, num_attributes, device)
    error = class_error(prediction, target, labels, num_classes)[labels.unique()]
    torch.testing.assert_close(weights(error, p=P, p2=P2), looped_weights(error))
    times = measure(
        device,
        20,
        ours=lambda: weights(error, p=P, p2=P2),
        plain=lambda: looped_weights(error),
        floor=copy_of(4 * error.numel() * 2, device),
    )
    factor = 200 if device == "cuda" else 30
    gain = times["plain"].median / times["ours"].median
    return Row(
        what="ReMSE, weights, compiled" if compiled else "ReMSE, weights",
        size=f"{name}, {len(error)} classes of the batch × {num_attributes}",
        **times,
        target=f"{factor} times the loops",
        met=gain >= factor,
        note="plain: loops over classes and attributes; floor: copy of errors and weights; "
        + ("by torch.compile" if compiled else "12 kernels, counted by tests/test_remse_cost.py"),
        device=device,
    )


@torch.no_grad()
def _one_step(name: str, num_classes: int, num_attributes: int, device: str) -> Row:
    given = batch(BATCH, num_classes, num_attributes, device)
    remse = ReMSE(num_classes, num_attributes, p=P, p2=P2, normalize=True).to(device)
    torch.testing.assert_close(remse(*given), looped_step(*given, num_classes))
    moved = 4 * BATCH * num_attributes * 3  # prediction and target in, weighted error out
    times = measure(
        device,
        20,
        ours=lambda: remse(*given),
        plain=lambda: looped_step(*given, num_classes),
        floor=copy_of(moved, device),
    )
    return Row(
        what="ReMSE, loss of a batch",
        size=f"{name}, {num_classes} × {num_attributes}, batch {BATCH}",
        **times,
        note="plain: loops over classes and attributes; floor: copy of prediction, target and weighted error",
        device=device,
    )


@torch.no_grad()
def _many_classes(device: str) -> Iterator[Row]:
    images, num_attributes = 1024, 1000
    few = None
    for num_classes in (2_500, 10_000):
        given = batch(images, num_classes, num_attributes, device)
        remse = ReMSE(num_classes, num_attributes, p=P, p2=P2, normalize=True).to(device)
        times = measure(
            device,
            5,
            ours=partial(remse, *given),
            plain=partial(full_step, *given, num_classes),
            floor=copy_of(4 * images * num_attributes * 3, device),
        )
        kept = 2 * 4 * num_classes * num_attributes
        growth = "" if few is None else f"; {times['ours'].median / few:.2f} times the time of a quarter of the classes"
        yield Row(
            what="ReMSE, many classes",
            size=f"{num_classes:,} × {num_attributes:,}, batch {images:,}",
            **times,
            target="no growth with the number of classes" if few else "",
            met=times["ours"].median < 1.5 * few if few else None,
            note=f"plain: matrices over all classes; floor: as above; {kept / 1e6:.0f} MB kept{growth}",
            memory=peak_memory(partial(remse, *given), device),
            device=device,
        )
        few = times["ours"].median

"""What a step of ReMSE costs, counted instead of timed: kernels, waits for the GPU, sizes of tensors."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from zslcore import ReMSE, remse_weights

NO_KERNEL = {"aten.detach.default"}
VARIANTS = [
    {},
    {"unit_mean": True},
    {"reference": "mean"},
    {"reference": 0.2},
    {"memory": "running"},
    {"memory": "ema"},
]


class Operations(TorchDispatchMode):
    """Keeps the names of all operations, and the number of elements of every tensor that they give."""

    def __init__(self):
        super().__init__()
        self.names, self.sizes = [], []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.names.append(str(function))
        self.sizes += [value.numel() for value in tree_leaves(result) if isinstance(value, torch.Tensor)]
        return result


def batch(num_images, num_classes, num_attributes, device="cpu"):
    labels = torch.randint(num_classes, (num_images,), device=device)
    target = torch.rand(num_classes, num_attributes, device=device)[labels]
    return torch.randn(num_images, num_attributes, device=device, requires_grad=True), target, labels


def test_the_weights_take_a_dozen_kernels():
    error = torch.rand(150, 312)
    with Operations() as operations:
        remse_weights(error, p=0.1, p2=0.75)
    assert len([name for name in operations.names if name not in NO_KERNEL]) <= 12, operations.names


@pytest.mark.parametrize("num_classes", [10, 100])  # all classes, and those of the batch
@pytest.mark.parametrize("change", VARIANTS, ids=str)
def test_no_step_waits_for_the_device(change, num_classes):
    """A tensor on the meta device has a shape and no values: reading one of them raises."""
    remse = ReMSE(num_classes, 7, p=0.1, p2=0.75, **change).to("meta")
    loss = remse(*batch(12, num_classes, 7, device="meta"))
    loss.backward()
    with pytest.raises(RuntimeError):
        loss.item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("num_classes", [10, 100])
@pytest.mark.parametrize("change", VARIANTS, ids=str)
def test_no_step_waits_for_a_gpu(change, num_classes):
    remse = ReMSE(num_classes, 7, p=0.1, p2=0.75, **change).cuda()
    given = batch(12, num_classes, 7, device="cuda")
    remse(*given).backward()  # libraries initialise in the first step
    torch.cuda.set_sync_debug_mode("error")
    try:
        remse(*given).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("change", VARIANTS[:4], ids=str)
def test_many_classes_give_what_few_classes_give(change):
    """With 100 classes the matrices hold the images' classes only, with 14 they hold all."""
    prediction, target, labels = batch(12, 14, 7)
    few, many = ReMSE(14, 7, p=0.5, p2=0.75, **change), ReMSE(100, 7, p=0.5, p2=0.75, **change)
    spread = 7 * labels + 1
    for _ in range(2):  # the second step clears what the first one left
        losses = few(prediction, target, labels), many(prediction, target, spread)
        torch.testing.assert_close(*losses)
        torch.testing.assert_close(*(torch.autograd.grad(loss, prediction)[0] for loss in losses))
        torch.testing.assert_close(many.amplification, few.amplification)
        for name, empty in (("error", 0.0), ("weights", 1.0)):
            expected = torch.full((100, 7), empty)
            expected[1:99:7] = getattr(few, name)
            torch.testing.assert_close(getattr(many, name), expected)
        prediction, target, labels = prediction[:5], target[:5], labels[:5]
        spread = spread[:5]


def test_steps_have_rows_for_the_classes_of_the_batch():
    """Apart from the two matrices that a step leaves behind, no tensor is larger than that of the predictions."""
    remse = ReMSE(1000, 20, p=0.1, p2=0.75, normalize=True)
    prediction, target, labels = batch(16, 1000, 20)
    with Operations() as operations:
        remse(prediction, target, labels)
    large = [size for size in operations.sizes if size > 2 * prediction.numel()]
    kept = {remse.error.numel(), remse.num_classes}  # the second: an index by class
    assert set(large) == kept
    assert large.count(remse.error.numel()) == 4  # each matrix is cleared and filled, in place

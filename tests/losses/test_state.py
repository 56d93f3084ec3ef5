"""What losses remember stays in float32 in models of half precision, however they become that."""

import copy

import pytest
import torch

from zslcore import ReMSE
from zslcore.losses.modules import BMC, GroupDRO, WeightedMSE
from zslcore.models import AttentionNet, GEMNet, Standardize

HALVES = [torch.bfloat16, torch.float16]
LABELS = torch.tensor([0, 1])


@pytest.fixture(params=["converted", "default"])
def made(request):
    """A function that makes a loss for a model of a type: by ``.to``, or under it as default type."""

    def make(loss, dtype):
        if request.param == "converted":
            return torch.nn.Sequential(loss()).to(dtype)[0]
        torch.set_default_dtype(dtype)
        return loss()

    yield make
    torch.set_default_dtype(torch.float32)


def steps(remse, values, dtype):
    """The errors after batches in which the second class has these predictions, and the first 1."""
    for value in values:
        prediction = torch.tensor([[1.0, 1.0], [value, value]], dtype=dtype)
        remse(prediction, torch.zeros_like(prediction), LABELS)
    return remse.error


@pytest.mark.parametrize("dtype", HALVES)
def test_slow_averages_move_and_large_errors_are_finite(made, dtype):
    options = {"p": 1, "p2": 0, "normalize": False, "memory": "ema"}
    slow = made(lambda: ReMSE(2, 2, decay=0.999, **options), dtype)
    assert steps(slow, [1.0, *[3.0] * 400], dtype)[1, 0].item() == pytest.approx(9 - 8 * 0.999**400, rel=1e-4)
    large = made(lambda: ReMSE(2, 2, **options), dtype)
    assert steps(large, [304.0, 16.0], dtype)[1, 0].item() == pytest.approx(0.9 * 304**2 + 0.1 * 256, rel=1e-6)


@pytest.mark.parametrize("dtype", HALVES)
def test_group_dro_takes_small_steps(made, dtype):
    dro = made(lambda: GroupDRO((2, 2), step=0.001, normalize=False), dtype)
    prediction = torch.tensor([[1.0, 1.0], [2.0, 2.0]], dtype=dtype)
    for _ in range(300):
        dro(prediction, torch.zeros_like(prediction), LABELS)
    assert dro.log_weights[1, 0].item() == pytest.approx(300 * 0.001 * (4 - 1) / 2.5, rel=1e-3)


@pytest.mark.parametrize("dtype", HALVES)
def test_sigma_is_trained_with_small_learning_rates(made, dtype):
    bmc = made(lambda: BMC(sigma=0.1, normalize=False), dtype)
    optimizer, prediction = torch.optim.SGD(bmc.parameters(), lr=1e-3), torch.eye(2, dtype=dtype)
    bmc(prediction, torch.zeros_like(prediction).flip(0) + 0.5, LABELS).backward()
    bmc.log_sigma.grad.fill_(1.0)
    optimizer.step()
    assert bmc.sigma.item() == pytest.approx(0.1 * 0.999, rel=1e-5)


def test_other_conversions_stay():
    remse = ReMSE(2, 2, p=1, p2=1, memory="ema", control="permuted")
    steps(remse, [2.0], torch.float32)
    error = remse.error.clone()
    assert torch.equal(remse.half().error, error)
    assert remse.double().error.dtype == torch.float64
    assert remse.step.dtype == torch.int64
    assert copy.deepcopy(remse).to("meta", torch.bfloat16).error.device.type == "meta"
    assert WeightedMSE(torch.ones(2, 2, dtype=torch.float16)).weights.dtype == torch.float32


def test_nothing_is_left_of_another_fold():
    """The usual loop over folds resets each module that has reset_parameters."""
    losses = [
        ReMSE(2, 2, p=1, p2=1, normalize=False, memory="ema", control="permuted"),
        GroupDRO((2, 2), normalize=False),
        BMC(normalize=False),
    ]
    nets = [AttentionNet(3, torch.rand(2, 4), key_dim=2), GEMNet(3, torch.rand(2, 4)), Standardize(3)]
    fresh = [copy.deepcopy(module.state_dict()) for module in losses]
    for loss in losses:
        steps(loss, [2.0], torch.float32) if isinstance(loss, ReMSE) else loss(torch.eye(2), torch.ones(2, 2), LABELS)
    nets[2].fit([torch.rand(2, 3, 4)])
    torch.nn.init.ones_(losses[2].log_sigma)
    before = [list(net.state_dict().values()) for net in copy.deepcopy(nets)]
    for module in torch.nn.ModuleList(losses + nets).modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    for loss, state in zip(losses, fresh, strict=True):
        torch.testing.assert_close(loss.state_dict(), state)
    assert torch.equal(losses[0].weights, torch.ones(2, 2))
    for net, old in zip(nets, before, strict=True):
        same = [
            name for name, values, other in zip(net.state_dict(), net.state_dict().values(), old) if values.equal(other)
        ]
        assert same in ([], ["word_vectors"])


def test_buffers_from_the_meta_device_are_defined_after_a_reset():
    with torch.device("meta"):
        remse = ReMSE(2, 2, p=1, p2=1, normalize=False, memory="ema")
    remse.to_empty(device="cpu").reset_parameters()
    other = ReMSE(2, 2, p=1, p2=1, normalize=False, memory="ema")
    assert torch.equal(steps(remse, [3.0, 2.0], torch.float32), steps(other, [3.0, 2.0], torch.float32))

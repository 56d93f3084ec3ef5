"""ReMSE against brute force, finite differences and its laws."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch

from zslcore import InputError, ReMSE, class_error, remse_weights
from zslcore.losses import mse_loss


def batch(num_images=12, num_classes=5, num_attributes=7, dtype=torch.float64):
    prediction = torch.randn(num_images, num_attributes, dtype=dtype, requires_grad=True)
    attributes = torch.rand(num_classes, num_attributes, dtype=dtype)
    labels = torch.randint(num_classes - 1, (num_images,))  # the last class is always absent
    return prediction, attributes[labels], labels


@pytest.mark.parametrize("memory", ["batch", "running", "ema"])
@pytest.mark.parametrize("reference", ["min", "mean", "median", 0.1])
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 1, 3), (4, 3, 1), (6, 3, 4)])
def test_degenerate_batches_stay_finite(shape, reference, memory):
    images, classes, attributes = shape
    remse = ReMSE(classes, attributes, p=1, p2=1, memory=memory, reference=reference, normalize=attributes > 1)
    target = torch.rand(1, attributes).expand(images, -1)
    labels = torch.zeros(images, dtype=torch.long)
    for prediction in (target.clone(), torch.zeros_like(target), torch.full_like(target, 1e-30)):
        prediction.requires_grad_()
        loss = remse(prediction, target, labels)
        loss.backward()
        assert loss.isfinite()
        assert bool(prediction.grad.isfinite().all())
        assert bool(remse.weights.isfinite().all())


def test_no_gradient_flows_through_a_weight():
    prediction, target, labels = batch()
    error = class_error(prediction, target, labels, 5)
    assert error.requires_grad
    for reference in ("min", "mean", "median", 0.3):
        assert not remse_weights(error, p=1, p2=1, reference=reference).requires_grad


def test_class_error_is_a_mean_per_class():
    prediction, target, labels = batch()
    ours = class_error(prediction, target, labels, 5, normalize=False)
    for c in range(5):
        rows = (prediction - target)[labels == c].square()
        expected = rows.mean(0) if len(rows) else torch.zeros(7, dtype=torch.float64)
        torch.testing.assert_close(ours[c], expected)


def test_zero_exponents_are_plain_mse():
    prediction, target, labels = batch()
    loss = ReMSE(5, 7, p=0, p2=0)(prediction, target, labels)
    torch.testing.assert_close(loss, mse_loss(prediction, target))
    remse = ReMSE(5, 7, p=1, p2=1)
    assert remse(prediction, target, labels) > loss
    assert remse.amplification > 1


def test_gradient_is_that_of_fixed_weights():
    prediction, target, labels = batch()
    remse = ReMSE(5, 7, p=0.5, p2=0.75, normalize=False)
    (gradient,) = torch.autograd.grad(remse(prediction, target, labels), prediction)
    weights = remse.weights[labels]
    step = 1e-6
    for image, attribute in [(0, 0), (3, 4), (11, 6)]:
        shifted = []
        for sign in (1, -1):
            moved = prediction.detach().clone()
            moved[image, attribute] += sign * step
            shifted.append((weights * (moved - target).square()).mean())
        assert gradient[image, attribute].item() == pytest.approx(
            ((shifted[0] - shifted[1]) / (2 * step)).item(), rel=1e-6
        )


def test_unit_mean_keeps_the_mean_weight_of_the_batch_at_one():
    prediction, target, labels = batch()
    remse = ReMSE(5, 7, p=1, p2=1, unit_mean=True)
    remse(prediction, target, labels)
    assert remse.weights[labels].mean().item() == pytest.approx(1)


def test_ema_is_the_textbook_recursion_per_class():
    remse = ReMSE(3, 2, p=1, p2=0, normalize=False, memory="ema", decay=0.75)
    expected = np.zeros((3, 2))
    for labels in ([0, 0, 1], [1, 1, 1], [0, 1, 2]):
        prediction, labels = torch.randn(3, 2), torch.tensor(labels)
        remse(prediction, torch.zeros(3, 2), labels)
        for c in set(labels.tolist()):
            now = prediction[labels == c].square().mean(0).numpy()
            expected[c] = now if not expected[c].any() else 0.75 * expected[c] + 0.25 * now
    np.testing.assert_allclose(remse.error, expected, rtol=1e-6)


class TestNonFiniteErrors:
    """They show in the loss of their batch, and are forgotten after it."""

    @pytest.mark.parametrize("normalize", [True, False])
    @pytest.mark.parametrize("control", ["none", "permuted"])
    @pytest.mark.parametrize("memory", ["batch", "running", "ema"])
    @pytest.mark.parametrize("value", [float("inf"), float("nan")])
    def test_they_do_not_enter_the_memory(self, value, memory, control, normalize):
        remse, undisturbed = (
            ReMSE(5, 7, p=1, p2=1, memory=memory, control=control, normalize=normalize) for _ in range(2)
        )
        first, bad, last = (batch(dtype=torch.float32) for _ in range(3))
        for module in (remse, undisturbed):
            module(*first)
        with torch.no_grad():
            bad[0][0, 0] = value
        assert not remse(*bad).isfinite()
        assert remse.amplification.isnan()
        assert bool(remse.error.isfinite().all())
        assert bool(remse.weights.isfinite().all())
        assert remse(*last).isfinite()
        assert remse.amplification > 1
        if memory == "batch" and control == "none":
            assert torch.equal(remse(*last), undisturbed(*last))

    def test_cells_that_were_finite_are_remembered(self):
        remse = ReMSE(2, 2, p=1, p2=1, memory="running", normalize=False)
        prediction = torch.tensor([[1.0, 2.0], [3.0, float("inf")]])
        remse(prediction, torch.zeros(2, 2), torch.tensor([0, 1]))
        assert remse.error.tolist() == [[1.0, 4.0], [9.0, 0.0]]

    def test_weights_of_such_cells_are_one(self):
        error = torch.tensor([[1.0, float("inf")], [torch.e, float("nan")]])
        assert remse_weights(error, p=1, p2=1).tolist() == [[1.0, 1.0], [2.0, 1.0]]


def test_buffers_are_updated_in_place():
    """A checkpoint, DDP and torch.compile hold on to them."""
    remse = ReMSE(5, 7, p=1, p2=1)
    before = {name: buffer.data_ptr() for name, buffer in remse.named_buffers()}
    remse(*batch(dtype=torch.float32))
    assert {name: buffer.data_ptr() for name, buffer in remse.named_buffers()} == before
    assert remse.step == 1


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, set()),
        ({"memory": "running"}, {"error"}),
        ({"memory": "ema"}, {"error"}),
        ({"control": "random"}, {"step"}),
        ({"memory": "ema", "control": "permuted"}, {"error", "step"}),
    ],
    ids=["batch", "running", "ema", "random", "ema-permuted"],
)
def test_only_what_the_next_step_needs_is_saved(settings, expected):
    """A ReMSE without memory added to a module must not break the strict loading of its older checkpoints."""
    assert set(ReMSE(3, 2, p=1, p2=1, **settings).state_dict()) == expected
    older = torch.nn.Linear(2, 2).state_dict()
    model = torch.nn.Linear(2, 2)
    model.criterion = ReMSE(3, 2, p=1, p2=1)
    model.load_state_dict(older)


def test_its_repr_shows_every_setting():
    names = [name for name in inspect.signature(ReMSE).parameters if name != "self"]
    shown = repr(ReMSE(3, 2, p=1, p2=0.5, memory="ema", decay=0.75, control="random", normalize=False, seed=4))
    for part in ("decay=0.75", "control='random'", "normalize=False", "seed=4", *(f"{name}=" for name in names)):
        assert part in shown


def test_importing_it_loads_no_compiler():
    """torch._dynamo takes a second to load; only a control that draws, and torch.compile, need it."""
    code = "import sys; from zslcore import ReMSE; ReMSE(3, 2, p=1, p2=1); print('torch._dynamo' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def regression_problem(rng, *, groups=8, outputs=3, rows=2000):
    """Data as in notebook 00, with fewer outputs: sines of a frequency per output and an amplitude per cell."""
    centres, directions = rng.normal(size=(groups, 6)), rng.normal(size=(6, outputs)) / np.sqrt(6)
    frequencies, amplitudes = np.linspace(0.3, 2.5, outputs), rng.uniform(0.3, 1.0, size=(groups, outputs))
    labels = rng.integers(groups, size=rows)
    inputs = centres[labels] + 0.5 * rng.normal(size=(rows, 6))
    targets = amplitudes[labels] * np.sin(frequencies * (inputs @ directions))
    return [torch.tensor(part) for part in (inputs, targets, labels)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_larger_loss_needs_a_smaller_step(seed):
    """At a step size that suits MSE, weights that raise the loss tenfold diverge; ``unit_mean`` trains."""
    inputs, targets, labels = regression_problem(np.random.default_rng(0))
    errors = {}
    for name, remse in {
        "mse": ReMSE(8, 3, p=0, p2=0, normalize=False),
        "remse": ReMSE(8, 3, p=1, p2=1, normalize=False),
        "unit_mean": ReMSE(8, 3, p=1, p2=1, normalize=False, unit_mean=True),
    }.items():
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Linear(6, 256), torch.nn.ReLU(), torch.nn.Linear(256, 3)).double()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for rows in torch.randint(len(inputs), (100, 128)):
            optimizer.zero_grad()
            remse(model(inputs[rows]), targets[rows], labels[rows]).backward()
            optimizer.step()
        errors[name] = (model(inputs) - targets).square().mean().item()
    untrained = targets.square().mean().item()
    assert errors["mse"] < untrained
    assert errors["unit_mean"] < untrained
    assert not errors["remse"] < untrained  # NaN, or far worse than predicting 0


def test_state_is_saved_and_resumed():
    first = ReMSE(5, 7, p=1, p2=1, memory="running")
    first(*batch(dtype=torch.float32))
    second = ReMSE(5, 7, p=1, p2=1, memory="running")
    second.load_state_dict(first.state_dict())
    following = batch(dtype=torch.float32)
    assert torch.equal(first(*following), second(*following))
    assert torch.equal(first.error, second.error)


def test_evaluation_leaves_the_state_alone():
    remse = ReMSE(5, 7, p=1, p2=1, memory="running").eval()
    remse(*batch(dtype=torch.float32))
    assert not remse.error.any()


@pytest.mark.parametrize("change", [{}, {"unit_mean": True}, {"control": "permuted"}, {"memory": "ema"}], ids=str)
def test_statistics_are_float32_under_autocast(change):
    prediction, target, labels = batch(32, 33, 312, dtype=torch.float32)
    plain, remse = (ReMSE(33, 312, p=1, p2=1, **change) for _ in range(2))
    expected = plain(prediction.bfloat16(), target, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = remse(prediction.bfloat16(), target, labels)
    assert loss.dtype == remse.error.dtype == torch.float32
    assert torch.equal(loss, expected)
    assert torch.equal(remse.weights, plain.weights)


def test_the_largest_exponents_stay_finite():
    error = torch.tensor([[1e-45, 3e38], [3e38, 3e38]])
    for p, p2 in ((16, 0), (0, 16), (8, 8)):
        assert remse_weights(error, p=p, p2=p2).isfinite().all()


def test_an_empty_batch_is_refused():
    with pytest.raises(InputError, match=r"^prediction must hold at least one image"):
        ReMSE(3, 2, p=1, p2=1)(torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))

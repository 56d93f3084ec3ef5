"""ReMSE against brute force, finite differences and its laws."""

import inspect
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zslcore import InputError, ReMSE, class_error, remse_weights
from zslcore.losses import mse_loss
from zslcore.losses.controls import control_weights, draw_control

positive = arrays(np.float64, (4, 5), elements=st.floats(1e-6, 1e3))
exponent = st.floats(0, 3)


def brute_force_weights(error, p, p2):
    """The definition, cell by cell."""
    weights = np.ones_like(error)
    for c, a in np.argwhere(error > 0):
        over_classes = min(value for value in error[:, a] if value > 0)
        over_attributes = min(value for value in error[c] if value > 0)
        weights[c, a] = (1 + math.log(error[c, a] / over_classes)) ** p
        weights[c, a] *= (1 + math.log(error[c, a] / over_attributes)) ** p2
    return weights


def batch(num_images=12, num_classes=5, num_attributes=7, dtype=torch.float64):
    prediction = torch.randn(num_images, num_attributes, dtype=dtype, requires_grad=True)
    attributes = torch.rand(num_classes, num_attributes, dtype=dtype)
    labels = torch.randint(num_classes - 1, (num_images,))  # the last class is always absent
    return prediction, attributes[labels], labels


@given(positive, exponent, exponent, st.sets(st.integers(0, 3), max_size=3))
def test_weights_equal_their_definition(error, p, p2, absent):
    error[list(absent)] = 0
    ours = remse_weights(torch.from_numpy(error), p=p, p2=p2)
    np.testing.assert_allclose(ours, brute_force_weights(error, p, p2), rtol=1e-10)


@given(positive, exponent, exponent, st.floats(1e-3, 1e3))
def test_weights_ignore_the_scale_of_errors_and_are_at_least_one(error, p, p2, factor):
    error = torch.from_numpy(error)
    weights = remse_weights(error, p=p, p2=p2)
    torch.testing.assert_close(remse_weights(error * factor, p=p, p2=p2), weights)
    assert bool((weights >= 1).all())


@given(positive, st.permutations(range(4)), st.permutations(range(5)))
def test_weights_follow_permutations(error, classes, attributes):
    error = torch.from_numpy(error)
    permuted = remse_weights(error[classes][:, attributes], p=0.7, p2=0.4)
    torch.testing.assert_close(permuted, remse_weights(error, p=0.7, p2=0.4)[classes][:, attributes])


@pytest.mark.parametrize("reference", ["min", "mean", "median", 0.25])
def test_references(reference):
    error = torch.rand(6, 8, dtype=torch.float64) + 0.01
    error[2] = 0
    weights = remse_weights(error, p=1, p2=0, reference=reference)
    valid = error[[0, 1, 3, 4, 5]].numpy()
    if reference in ("min", "mean"):
        bound = getattr(valid, reference)(0)
    else:  # quantiles of the logarithm, since weights are made of logarithms
        bound = np.exp(np.quantile(np.log(valid), 0.5 if reference == "median" else reference, axis=0))
    expected = 1 + np.maximum(np.log(valid / bound), 0)
    np.testing.assert_allclose(weights[[0, 1, 3, 4, 5]], expected)
    assert bool((weights[2] == 1).all())


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


def test_huge_ratio_of_errors_does_not_overflow():
    weights = remse_weights(torch.tensor([[1e-40, 1e38], [1.0, 1.0]]), p=1, p2=1)  # ratio beyond float32
    assert bool(weights.isfinite().all())


def test_no_gradient_flows_through_a_weight():
    prediction, target, labels = batch()
    error = class_error(prediction, target, labels, 5)
    assert error.requires_grad
    for reference in ("min", "mean", "median", 0.3):
        assert not remse_weights(error, p=1, p2=1, reference=reference).requires_grad


@pytest.mark.parametrize("reference", ["min", "mean", "median", 0.25])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision_errors_are_float32(dtype, reference):
    """torch has no quantile of bfloat16, and its RuntimeError named neither weights nor reference."""
    error = (torch.rand(4, 6) + 0.1).to(dtype)
    weights = remse_weights(error, p=1, p2=0.5, reference=reference)
    assert torch.equal(weights, remse_weights(error.float(), p=1, p2=0.5, reference=reference))


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


class TestControls:
    """Weights of the same size on other cells."""

    def weights(self, control, *, seed=0, steps=1, absent=True, **settings):
        remse = ReMSE(5, 7, p=1, p2=1, control=control, seed=seed, **settings).double()
        torch.manual_seed(3)
        prediction, target, labels = batch()
        if not absent:
            labels = torch.arange(len(labels)) % 5
        for _ in range(steps):
            remse(prediction, target, labels)
        return remse, labels.unique()

    def test_permuted_weights_are_the_same_weights_elsewhere_times_one_number(self):
        plain, present = self.weights("none")
        permuted, _ = self.weights("permuted")
        assert not torch.equal(permuted.weights, plain.weights)
        ratio = permuted.weights[present].flatten().sort().values / plain.weights[present].flatten().sort().values
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
        assert torch.equal(permuted.error, plain.error)

    def test_random_weights_are_drawn_from_the_same_weights(self):
        weights, present = torch.rand(5, 7), torch.tensor([True, True, False, True, True])
        drawn = draw_control(weights, present, torch.tensor(0), "random", 0)
        assert set(drawn[present].flatten().tolist()) < set(weights[present].flatten().tolist())
        assert torch.equal(drawn[2], weights[2])

    @pytest.mark.parametrize("unit_mean", [False, True])
    @pytest.mark.parametrize("memory", ["batch", "running", "ema"])
    @pytest.mark.parametrize("control", ["permuted", "random"])
    def test_the_effective_lambda_is_that_of_remse_at_every_step(self, control, memory, unit_mean):
        """Weights go with the errors they are made of: on other cells their loss was smaller by a sixth and more."""
        settings = {"p": 1, "p2": 1, "memory": memory, "unit_mean": unit_mean}
        plain, other = (ReMSE(5, 7, control=name, **settings).double() for name in ("none", control))
        for _ in range(4):
            prediction, target, labels = batch()
            torch.testing.assert_close(other(prediction, target, labels), plain(prediction, target, labels))
            torch.testing.assert_close(other.amplification, plain.amplification)
            assert not torch.allclose(other.weights, plain.weights)

    @pytest.mark.parametrize("control", ["permuted", "random"])
    def test_draws_depend_on_seed_and_step_alone(self, control):
        first, _ = self.weights(control, steps=3)
        torch.rand(5)
        again, _ = self.weights(control, steps=2)
        assert not torch.equal(first.weights, again.weights)
        resumed = ReMSE(5, 7, p=1, p2=1, control=control).double()
        resumed.load_state_dict(again.state_dict())
        torch.manual_seed(3)
        resumed(*batch())
        assert torch.equal(resumed.weights, first.weights)
        assert not torch.equal(self.weights(control, seed=1, steps=3)[0].weights, first.weights)

    @pytest.mark.parametrize("control", ["permuted", "random"])
    def test_the_larger_lambda_stays_and_the_rebalancing_goes(self, control):
        """Over many steps, every cell has the mean weight."""
        torch.manual_seed(0)
        error = torch.rand(4, 6, dtype=torch.float64) ** 3 + 0.01
        weights = remse_weights(error, p=1, p2=1)
        present = torch.ones(4, dtype=torch.bool)
        draws = torch.stack(
            [control_weights(weights, present, control, torch.Generator().manual_seed(k)) for k in range(4000)]
        )
        torch.testing.assert_close(draws.mean(0), weights.mean().expand(4, 6), rtol=0.05, atol=0)
        correlation = torch.corrcoef(torch.stack([weights.flatten(), draws.mean(0).flatten()]))[0, 1]
        assert abs(correlation) < 0.6

    @pytest.mark.usefixtures("unchecked")
    def test_they_compile_once(self):
        """A generator in the graph was compiled anew in each step, until compilation was given up: no exact resume."""
        remse = ReMSE(5, 7, p=1, p2=1, control="permuted")
        torch._dynamo.reset()
        compiled = torch.compile(remse, backend="eager")
        counts = []
        for _ in range(12):
            compiled(*batch(dtype=torch.float32))
            counts.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
        assert counts[0] > 0
        assert counts[2] == counts[-1]


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p": -1}, r"p must be a finite number >= 0, got -1"),
        ({"p2": float("nan")}, r"p2 must be a finite number >= 0, got nan"),
        ({"p": 60, "p2": 60}, r"p \+ p2 must be at most 16, beyond which weights overflow, got 120"),
        ({"kind": "l3"}, r"kind must be one of mse, mae, charbonnier, got 'l3'"),
        ({"memory": "cross"}, r"memory must be one of batch, running, ema, got 'cross'"),
        ({"reference": "max"}, r"reference must be one of min, mean, median or a quantile in \(0, 1\)"),
        ({"reference": 1.5}, r"must lie in \(0, 1\), got 1.5"),
        ({"control": "shuffled"}, r"control must be one of none, permuted, random, got 'shuffled'"),
        ({"decay": 1.0}, r"decay must lie in \[0, 1\), got 1.0"),
        ({"num_classes": 0}, r"num_classes must be a whole number of at least 1, got 0"),
        ({"p": "1"}, r"^p must be a finite number >= 0, got '1'$"),
        ({"p2": None}, r"^p2 must be a finite number >= 0, got None$"),
        ({"p": True}, r"^p must be a finite number >= 0, got True$"),
        ({"reference": None}, r"^reference must be one of min, mean, median or a quantile in \(0, 1\), got None$"),
        ({"reference": [0.5]}, r"^reference must be one of min, mean, median or a quantile in \(0, 1\), got \[0.5\]$"),
        ({"decay": "0.9"}, r"^decay must lie in \[0, 1\), got '0.9'$"),
        ({"num_attributes": "7"}, r"^num_attributes must be a whole number of at least 1, got '7'$"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        ReMSE(**({"num_classes": 3, "num_attributes": 2, "p": 1, "p2": 1} | change))


@pytest.mark.usefixtures("unchecked")
def test_class_error_takes_labels_of_any_integer_type_and_no_others():
    prediction, target, labels = batch()
    expected = class_error(prediction, target, labels, 5)
    for dtype in (torch.uint8, torch.int16):
        assert torch.equal(class_error(prediction, target, labels.to(dtype), 5), expected)
    for wrong, message in (
        (labels[:, None], r"^labels must have shape \(12,\), got \(12, 1\)$"),
        (labels[:3], r"^labels must have shape \(12,\), got \(3,\)$"),
        (labels.double(), r"^labels must be of an integer type .*, got torch.float64$"),
    ):
        with pytest.raises(InputError, match=message):
            class_error(prediction, target, wrong, 5)


@pytest.mark.parametrize("argument", ["prediction", "target", "labels"])
@pytest.mark.usefixtures("unchecked")
def test_arrays_are_refused(argument):
    arguments = dict(zip(("prediction", "target", "labels"), batch(), strict=True))
    arguments[argument] = arguments[argument].detach().numpy()
    message = f"^{argument} must be a torch.Tensor, got ndarray$"
    with pytest.raises(InputError, match=message):
        ReMSE(5, 7, p=1, p2=1)(**arguments)
    with pytest.raises(InputError, match=message):
        class_error(**arguments, num_classes=5)


def test_labels_out_of_range_are_named():
    with pytest.raises(InputError, match=r"labels must lie in 0..2 \(num_classes=3\), got 0..3"):
        class_error(torch.rand(2, 2), torch.rand(2, 2), torch.tensor([0, 3]), 3)
    with pytest.raises(InputError, match=r"prediction must have shape \(images, 2\), got \(2, 3\)"):
        ReMSE(3, 2, p=1, p2=1)(torch.rand(2, 3), torch.rand(2, 3), torch.tensor([0, 1]))

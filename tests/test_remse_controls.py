"""Controls of ReMSE, and the settings and arguments that it refuses."""

import pytest
import torch

from zslcore import InputError, ReMSE, class_error, remse_weights
from zslcore.losses.controls import control_weights, draw_control


def batch(num_images=12, num_classes=5, num_attributes=7, dtype=torch.float64):
    prediction = torch.randn(num_images, num_attributes, dtype=dtype, requires_grad=True)
    attributes = torch.rand(num_classes, num_attributes, dtype=dtype)
    labels = torch.randint(num_classes - 1, (num_images,))  # the last class is always absent
    return prediction, attributes[labels], labels


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
        *(
            ({"seed": seed}, r"^seed must be a whole number of at most 64 bits, got")
            for seed in (None, "a", 0.5, 2**63)
        ),
        ({"num_attributes": "7"}, r"^num_attributes must be a whole number of at least 1, got '7'$"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        ReMSE(**({"num_classes": 3, "num_attributes": 2, "p": 1, "p2": 1} | change))


@pytest.mark.parametrize("num_classes", [5.0, "5", None])
@pytest.mark.usefixtures("unchecked")
def test_a_number_of_classes_is_whole(num_classes):
    with pytest.raises(InputError, match=rf"^num_classes must be a whole number of at least 1, got {num_classes!r}$"):
        class_error(*batch(), num_classes)


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


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.ones(2, 3).numpy(), r"^error must be a torch.Tensor, got ndarray$"),
        (torch.ones(3), r"^error must have shape \(classes, attributes\) without a 0, got \(3,\)$"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_weights_are_of_a_matrix(error, message):
    with pytest.raises(InputError, match=message):
        remse_weights(error, p=1, p2=1)


def test_labels_out_of_range_are_named():
    with pytest.raises(InputError, match=r"labels must lie in 0..2 \(num_classes=3\), got 0..3"):
        class_error(torch.rand(2, 2), torch.rand(2, 2), torch.tensor([0, 3]), 3)
    with pytest.raises(InputError, match=r"prediction must have shape \(images, 2\), got \(2, 3\)"):
        ReMSE(3, 2, p=1, p2=1)(torch.rand(2, 3), torch.rand(2, 3), torch.tensor([0, 1]))

"""Every loss by its inputs: for what users pass, the right number or one sentence."""

import numpy as np
import pytest
import torch

from zslcore import InputError, ReMSE, class_error
from zslcore.losses import (
    bmc_loss,
    charbonnier_loss,
    cosine_cross_entropy,
    elementwise_error,
    focal_loss,
    gai_loss,
    huber_loss,
    l2_normalize,
    mae_loss,
    mean_by_class,
    mse_loss,
    rmse_loss,
)
from zslcore.losses.modules import BMC, GAI, CVaR, GroupDRO, Uncertainty, WeightedMSE

CLASSES, ATTRIBUTES = 4, 3
VECTORS = torch.tensor([[1.0, 2.0, 4.0], [0.0, 3.0, 1.0], [2.0, 2.0, 1.0], [5.0, 0.0, 1.0]])
COUNTS = torch.tensor([3, 1, 2, 2])
SHAPE = (CLASSES, ATTRIBUTES)

PLAIN = {
    loss.__name__: lambda p, t, y, loss=loss: loss(p, t)
    for loss in (mse_loss, mae_loss, charbonnier_loss, rmse_loss, huber_loss, focal_loss, elementwise_error)
} | {
    "bmc": lambda p, t, y: bmc_loss(p, t, sigma=0.5),
    "bmc_per_attribute": lambda p, t, y: bmc_loss(p, t, sigma=torch.full((ATTRIBUTES,), 0.5)),
    "gai": lambda p, t, y: gai_loss(p, t, VECTORS, COUNTS, sigma=0.5),
    "uncertainty": lambda p, t, y: Uncertainty(ATTRIBUTES)(p, t, y),
}
BY_CLASS = {
    "remse": lambda p, t, y: ReMSE(*SHAPE, p=1, p2=0.5, normalize=True)(p, t, y),
    "class_error": lambda p, t, y: class_error(p, t, y, CLASSES),
    "weighted": lambda p, t, y: WeightedMSE(VECTORS)(p, t, y),
    "cvar": lambda p, t, y: CVaR(SHAPE)(p, t, y),
    "group_dro": lambda p, t, y: GroupDRO(SHAPE)(p, t, y),
}
WITHOUT_TARGET = {
    "mean_by_class": lambda p, t, y: mean_by_class(p, y, CLASSES)[0],
    "cosine_cross_entropy": lambda p, t, y: cosine_cross_entropy(p, VECTORS, y, scale=5.0),
}
LOSSES = PLAIN | BY_CLASS | WITHOUT_TARGET
LEAVES_GAPS_OUT = ("remse", "class_error")


def batch(images=5):
    """Values that whole numbers and half precision hold exactly."""
    labels = torch.tensor([0, 1, 1, 2, 3])[:images]
    prediction = torch.tensor([[1.0, 2.0, 3.0], [3.0, 1.0, 0.0], [1.0, 5.0, 2.0], [2.0, 0.0, 4.0], [1.0, 1.0, 3.0]])
    return prediction[:images], VECTORS[labels], labels


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.usefixtures("unchecked")
class TestEveryLoss:
    @pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.float16, torch.bfloat16])
    @pytest.mark.parametrize("argument", ["prediction", "target"])
    def test_other_types_are_taken_as_float32(self, name, argument, dtype):
        prediction, target, labels = batch()
        given = (prediction.to(dtype), target) if argument == "prediction" else (prediction, target.to(dtype))
        ours = LOSSES[name](*given, labels)
        assert torch.equal(ours, LOSSES[name](prediction, target, labels))
        assert ours.dtype == torch.float32

    def test_float64_stays_and_may_be_mixed_with_float32(self, name):
        prediction, target, labels = batch()
        expected = LOSSES[name](prediction, target, labels).double()
        for given in ((prediction.double(), target.double()), (prediction, target.double())):
            torch.testing.assert_close(LOSSES[name](*given, labels).double(), expected, rtol=1e-5, atol=1e-6)
        assert LOSSES[name](prediction.double(), target.double(), labels).dtype == torch.float64

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
    def test_labels_of_any_integer_type(self, name, dtype):
        prediction, target, labels = batch()
        assert torch.equal(LOSSES[name](prediction, target, labels.to(dtype)), LOSSES[name](prediction, target, labels))

    def test_one_image_is_as_twice_the_same(self, name):
        prediction, target, labels = batch(1)
        if name.startswith("bmc"):
            with pytest.raises(InputError, match=r"^BMC compares .* needs at least two, got 1; GAI needs one$"):
                LOSSES[name](prediction, target, labels)
            return
        ours = LOSSES[name](prediction, target, labels)
        twice = LOSSES[name](prediction.expand(2, -1), target.expand(2, -1), labels.expand(2))
        torch.testing.assert_close(ours, twice[:1] if name == "elementwise_error" else twice)
        assert ours.abs().sum() > 0

    def test_no_image_is_refused(self, name):
        if name == "mean_by_class":
            assert not mean_by_class(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), 2)[0].any()
            return
        with pytest.raises(InputError, match=r"^prediction must hold at least one image"):
            LOSSES[name](*batch(0))

    def test_a_nan_in_the_prediction_shows(self, name):
        prediction, target, labels = batch()
        prediction[2, 0] = torch.nan
        assert LOSSES[name](prediction, target, labels).isnan().any()

    def test_a_nan_in_the_target_is_left_out_or_refused(self, name):
        prediction, target, labels = batch()
        target[2, 0] = torch.nan
        if name in LEAVES_GAPS_OUT or name in WITHOUT_TARGET:
            assert LOSSES[name](prediction, target, labels).isfinite().all()
            return
        with pytest.raises(InputError, match=r"^target must not hold NaN here; only ReMSE and class_error leave such"):
            LOSSES[name](prediction, target, labels)

    def test_without_gradients(self, name):
        prediction, target, labels = batch()
        expected = LOSSES[name](prediction, target, labels).detach()
        for context in (torch.no_grad(), torch.inference_mode()):
            with context:
                ours = LOSSES[name](prediction.clone().requires_grad_(), target, labels)
            assert not ours.requires_grad
            assert torch.equal(ours, expected)


@pytest.mark.parametrize("name", BY_CLASS | WITHOUT_TARGET)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels[:, None], r"^labels must have shape \(5,\), got \(5, 1\)$"),
        (lambda labels: labels - 1, r"^labels must lie in 0\.\.3 \(num_classes=4\), got -1\.\.2$"),
        (lambda labels: labels.int() + 1, r"^labels must lie in 0\.\.3 \(num_classes=4\), got 1\.\.4$"),
        (lambda labels: labels.float(), "^labels must be of an integer type"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_labels_are_refused(name, change, message):
    prediction, target, labels = batch()
    with pytest.raises(InputError, match=message):
        (BY_CLASS | WITHOUT_TARGET)[name](prediction, target, change(labels))


@pytest.mark.parametrize("name", sorted((PLAIN | BY_CLASS).keys() - {"remse"}))
def test_one_output_has_no_direction(name, unchecked):
    """The loss was exactly 0 for every positive prediction."""
    with pytest.raises(InputError, match=r"^normalize=True compares directions, which one output does not have"):
        (PLAIN | BY_CLASS)[name](torch.ones(5, 1), torch.rand(5, 1), batch()[2])


NUMBERS = {
    "delta": lambda number: huber_loss(*batch()[:2], delta=number),
    "gamma": lambda number: focal_loss(*batch()[:2], gamma=number),
    "step": lambda number: GroupDRO(SHAPE, step=number),
    "alpha": lambda number: CVaR(SHAPE, alpha=number),
    "sigma": lambda number: BMC(sigma=number),
    "sigma of the function": lambda number: bmc_loss(*batch()[:2], sigma=number),
}


@pytest.mark.parametrize("number", ["1", None])
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.usefixtures("unchecked")
def test_text_is_no_number(name, number):
    with pytest.raises(InputError, match=rf"^{name.split()[0]} must .*, got {number!r}$"):
        NUMBERS[name](number)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WeightedMSE(VECTORS.numpy()), r"^weights must be a torch\.Tensor, got ndarray$"),
        (lambda: WeightedMSE(VECTORS[0]), r"^weights must have shape \(classes, attributes\) without a 0, got \(3,\)$"),
        (lambda: WeightedMSE(VECTORS - 1), r"^weights must hold finite numbers of at least 0, got -1\.0$"),
        (lambda: WeightedMSE(VECTORS * torch.nan), "^weights must hold finite numbers of at least 0, got nan$"),
        (lambda: GroupDRO((4,)), r"^weights must have shape \(classes, attributes\) without a 0, got \(4,\)$"),
        (lambda: CVaR((4, 0)), r"^weights must have shape \(classes, attributes\) without a 0, got \(4, 0\)$"),
        (lambda: GAI(VECTORS.tolist(), COUNTS), r"^vectors must be a torch\.Tensor, got list$"),
        (lambda: Uncertainty(3.0), r"^num_attributes must be a whole number of at least 1, got 3\.0$"),
        (lambda: Uncertainty(2)(*batch()), "^prediction must have 2 attributes, got 3$"),
    ],
)
def test_modules_refuse_what_they_cannot_use(make, message, unchecked):
    """Before, negative weights made the loss fall below 0, and others ended in errors of torch."""
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("name", ["normalize", "unit_mean"])
def test_the_text_false_is_not_true(name, unchecked):
    for value in ("False", "", None if name == "unit_mean" else "no"):
        with pytest.raises(InputError, match=rf"^{name} must be True or False, got {value!r}$"):
            ReMSE(2, 2, p=1, p2=1, **{name: value})
    assert ReMSE(2, 2, p=1, p2=1, **{name: np.False_})
    with pytest.raises(InputError, match=r"^normalize must be True or False, got 'no'$"):
        class_error(*batch(), 4, normalize="no")


@pytest.mark.parametrize("size", [1e18, 1e25, 3e38])
def test_large_rows_are_normalised_without_overflow(size):
    values = torch.tensor([[0.5, -1.0, 1.0]], requires_grad=True)
    ours = l2_normalize(size * values)
    torch.testing.assert_close(ours, l2_normalize(values))
    (gradient,) = torch.autograd.grad(ours[0, 0], values)
    torch.testing.assert_close(gradient, torch.autograd.grad(l2_normalize(values)[0, 0], values)[0])


def test_a_zero_row_of_half_precision_stays_zero():
    assert not l2_normalize(torch.zeros(2, 3, dtype=torch.float16)).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_integer_class_vectors_of_gai(dtype, unchecked):
    prediction, target, _ = batch()
    ours = gai_loss(prediction, target, VECTORS.long(), COUNTS, sigma=0.5)
    assert torch.equal(ours, gai_loss(prediction, target, VECTORS, COUNTS, sigma=0.5))
    with pytest.raises(InputError, match=r"^vectors \(classes, attributes\) must fit prediction .*got \(4, 1\) and"):
        gai_loss(prediction, target, VECTORS[:, :1], COUNTS, sigma=0.5)


def test_gradients_of_single_images_by_torch_func(unchecked):
    """``vmap`` cannot read values."""
    vectors, labels = torch.eye(3), torch.tensor([0, 2])
    prediction = torch.tensor([[1.0, 0.5, 0.2], [0.3, 0.4, 0.9]])
    losses = {
        "mse": lambda row, label: mse_loss(row[None], vectors[label[None]]),
        "entropy": lambda row, label: cosine_cross_entropy(row[None], vectors, label[None], scale=5.0),
    }
    for loss in losses.values():
        found = torch.func.vmap(torch.func.grad(loss))(prediction, labels)
        for row, label, gradient in zip(prediction, labels, found, strict=True):
            one = row.clone().requires_grad_()
            torch.testing.assert_close(torch.autograd.grad(loss(one, label), one)[0], gradient)


def test_remse_under_torch_func(unchecked):
    remse = ReMSE(3, 3, p=0.5, p2=0.5, normalize=True)
    prediction, labels = torch.rand(3, 3, requires_grad=True), torch.arange(3)
    (expected,) = torch.autograd.grad(remse(prediction, torch.eye(3), labels), prediction)
    found = torch.func.grad(lambda rows: remse(rows, torch.eye(3), labels))(prediction.detach())
    torch.testing.assert_close(found, expected)
    remse = ReMSE(3, 3, p=0.5, p2=0.5, normalize=True, memory="ema")
    with pytest.raises(InputError, match=r"^under torch\.func a memory or a control must be in evaluation mode"):
        torch.func.grad(lambda rows: remse(rows, torch.eye(3), torch.arange(3)))(torch.rand(3, 3))

"""Every regression loss by name: one signature, its options, and finite numbers whatever the batch."""

import inspect
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from zslcore import InputError
from zslcore.config import RunConfig
from zslcore.criteria import CRITERIA, build_criterion, criterion_options
from zslcore.data.tasks import test_task as zero_shot_task
from zslcore.losses import mse_loss
from zslcore.training.objective import regression_loss

REQUIRED = {
    "remse": {"p": 0.5, "p2": 0.75},
    "remse_permuted": {"p": 0.5, "p2": 0.75},
    "remse_random": {"p": 1, "p2": 1},
}
WEIGHTED_MSE = {"mse", "inverse", "sqrt_inverse", "lds", "group_dro", "cvar", *REQUIRED}


def build(name, vectors, counts, **options):
    return build_criterion(name, vectors, counts, **REQUIRED.get(name, {}), **options)


def inputs(case, dtype):
    """Prediction, target, labels, class vectors and class sizes of a batch that is special in one way."""
    classes, attributes, images = {"one class": (1, 4, 6), "one attribute": (5, 1, 6), "one image": (5, 4, 1)}.get(
        case, (5, 4, 6)
    )
    rng = np.random.default_rng(0)
    vectors = torch.from_numpy(rng.gamma(0.7, size=(classes, attributes))).to(dtype)
    labels = torch.from_numpy(rng.integers(classes, size=images))
    if case == "absent classes":
        labels = labels % 2
    prediction = torch.from_numpy(rng.normal(size=(images, attributes))).to(dtype)
    if case == "perfect":
        prediction = vectors[labels].clone()
    if case == "zero prediction":
        prediction = torch.zeros_like(prediction)
    if case == "zero vectors":
        vectors = torch.zeros_like(vectors)
    if case == "all zero":
        prediction, vectors = torch.zeros_like(prediction), torch.zeros_like(vectors)
    if case == "identical rows":
        prediction, vectors = prediction[:1].expand(images, -1).clone(), vectors[:1].expand(classes, -1).clone()
    if case == "tiny":
        prediction, vectors = prediction * 1e-30, vectors * 1e-30
    counts = torch.bincount(labels, minlength=classes)
    return prediction.requires_grad_(), vectors[labels], labels, vectors, counts


CASES = [
    *("ordinary", "one class", "one attribute", "one image", "absent classes"),
    *("perfect", "zero prediction", "zero vectors", "all zero", "identical rows", "tiny"),
]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("mode", ["float32", "float64", "autocast"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", CRITERIA)
def test_value_and_gradients_are_finite(name, case, mode, normalize):
    dtype = torch.float64 if mode == "float64" else torch.float32
    prediction, target, labels, vectors, counts = inputs(case, dtype)
    if case == "one attribute" and normalize:
        with pytest.raises(InputError, match=r"^normalize=True compares directions, which one output does not have"):
            build(name, vectors, counts, normalize=normalize)
        return
    criterion = build(name, vectors, counts, normalize=normalize).to(dtype)
    if case == "one image" and name.startswith("bmc"):
        with pytest.raises(InputError, match=r"^BMC compares with the other images of the batch"):
            criterion(prediction, target, labels)
        return
    given = prediction.bfloat16() if mode == "autocast" else prediction
    with torch.autocast("cpu", torch.bfloat16, enabled=mode == "autocast"):
        for _ in range(2):  # the second time with whatever the first left behind
            loss = criterion(given, target, labels)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == dtype  # statistics in float32, also in the autocast region
    assert bool(loss.isfinite())
    assert bool(prediction.grad.isfinite().all())
    assert all(bool(parameter.grad.isfinite().all()) for parameter in criterion.parameters())
    assert all(bool(buffer.isfinite().all()) for key, buffer in criterion.named_buffers() if key != "amplification")


@pytest.mark.parametrize("name", CRITERIA)
def test_amplification_is_the_raise_of_a_weighted_mse(name):
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float64)
    criterion = build(name, vectors, counts).double()
    loss = criterion(prediction, target, labels)
    if name in WEIGHTED_MSE:
        assert criterion.amplification.item() == pytest.approx((loss / mse_loss(prediction, target)).item())
    else:
        assert math.isnan(criterion.amplification)


@pytest.mark.parametrize("name", CRITERIA)
def test_order_of_the_images_does_not_matter(name):
    if name in ("remse_permuted", "remse_random"):
        pytest.skip("draws by cell, not by image: see the next test")
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float64)
    order = torch.randperm(len(labels))
    criteria = [build(name, vectors, counts).double() for _ in range(2)]
    first = criteria[0](prediction, target, labels)
    torch.testing.assert_close(criteria[1](prediction[order], target[order], labels[order]), first)


@pytest.mark.parametrize("name", ["remse_permuted", "remse_random"])
def test_controls_see_cells_not_images(name):
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float64)
    order = torch.randperm(len(labels))
    criteria = [build(name, vectors, counts).double() for _ in range(2)]
    criteria[0](prediction, target, labels)
    criteria[1](prediction[order], target[order], labels[order])
    torch.testing.assert_close(criteria[0].weights, criteria[1].weights)


@pytest.mark.parametrize("name", CRITERIA)
def test_a_step_against_the_gradient_lowers_the_loss(name):
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float64)
    criterion = build(name, vectors, counts).double().eval()
    loss = criterion(prediction, target, labels)
    (gradient,) = torch.autograd.grad(loss, prediction)
    assert criterion(prediction - 1e-3 * gradient / gradient.norm(), target, labels) < loss


@pytest.mark.parametrize("name", CRITERIA)
def test_options_are_listed_and_taken(name):
    _, _, _, vectors, counts = inputs("ordinary", torch.float32)
    for option, default in criterion_options(name).items():
        value = 0.5 if default is inspect.Parameter.empty else default
        build_criterion(name, vectors, counts, **REQUIRED.get(name, {}) | {option: value})
    with pytest.raises(InputError, match=rf"^options of {name} must be among: .*; got 'strength'$"):
        build(name, vectors, counts, strength=1.0)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        *(("huber", {"delta": 0.01}), ("focal", {"beta": 9.0}), ("focal", {"gamma": 2.0}), ("inverse", {"bins": 2})),
        *(("sqrt_inverse", {"bins": 2}), ("lds", {"kernel_width": 0.5}), ("lds", {"bins": 3}), ("bmc", {"sigma": 1.0})),
        *(("bmc_per_attribute", {"sigma": 1.0}), ("gai", {"sigma": 1.0}), ("cvar", {"alpha": 0.5})),
        *(("group_dro", {"step": 1.0}), ("remse", {"unit_mean": True}), ("remse", {"reference": "median"})),
        *(("remse", {"kind": "mae"}), ("remse_permuted", {"seed": 5}), ("remse_random", {"seed": 5})),
    ],
)
def test_options_change_the_loss(name, changed):
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float64)
    plain, other = (build(name, vectors, counts, **options).double() for options in ({}, changed))
    assert plain(prediction, target, labels) != other(prediction, target, labels)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v, c: build_criterion("l3", v, c), "^loss must be one of mse, mae, .*remse_random, got 'l3'$"),
        (lambda v, c: build_criterion("remse", v, c, p=1), "^remse needs the options p2$"),
        (lambda v, c: build_criterion("huber", v, c, delta=-1.0), "^delta must be a finite number above 0"),
        (
            lambda v, c: build_criterion("bmc", v, c, sigma=0.0),
            "^sigma must be a number from 1e-06 to 1000000.0, got 0.0$",
        ),
        (lambda v, c: build_criterion("cvar", v, c, alpha=2.0), "^alpha must lie in"),
        (lambda v, c: build_criterion("lds", v, c, bins=0), "^bins must be a whole number of at least 1"),
        (lambda v, c: build_criterion("mse", v.numpy(), c), "^vectors must be a torch.Tensor, got ndarray$"),
        (lambda v, c: build_criterion("gai", v, c.tolist()), "^counts must be a torch.Tensor, got list$"),
        (lambda v, c: build_criterion("mse", v, c, normalize="False"), "^normalize must be True or False, got 'False'"),
    ],
)
def test_bad_input_is_one_sentence(call, message, unchecked):
    _, _, _, vectors, counts = inputs("ordinary", torch.float32)
    with pytest.raises(InputError, match=message):
        call(vectors, counts)


BY_CLASS = sorted(WEIGHTED_MSE - {"mse"})


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
@pytest.mark.parametrize("name", BY_CLASS)
def test_labels_may_be_of_any_integer_type(name, dtype):
    """uint8 labels were a mask: a number came out, and it was another one."""
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float64)
    first, second = (build(name, vectors, counts).double() for _ in range(2))
    assert torch.equal(first(prediction, target, labels.to(dtype)), second(prediction, target, labels))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels[:, None], r"^labels must have shape \(6,\), got \(6, 1\)$"),
        (lambda labels: labels[:1], r"^labels must have shape \(6,\), got \(1,\)$"),
        (lambda labels: labels[0], r"^labels must have shape \(6,\), got \(\)$"),
        (lambda labels: labels.float(), r"^labels must be of an integer type \(.*int64\), got torch.float32$"),
        (lambda labels: labels > 0, r"^labels must be of an integer type \(.*int64\), got torch.bool$"),
        (lambda labels: labels.tolist(), r"^labels must be a torch.Tensor, got list$"),
        (lambda labels: labels.to(torch.int8) - 9, r"^labels must lie in 0\.\.4 \(num_classes=5\), got -9\.\.-\d$"),
    ],
)
@pytest.mark.parametrize("name", BY_CLASS)
@pytest.mark.usefixtures("unchecked")
def test_other_labels_are_refused(name, change, message):
    """Labels (B, 1) and a single label were broadcast over the images."""
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float32)
    with pytest.raises(InputError, match=message):
        build(name, vectors, counts)(prediction, target, change(labels))


@pytest.mark.parametrize("argument", ["prediction", "target"])
@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.usefixtures("unchecked")
def test_arrays_are_refused(name, argument):
    """The message was "'numpy.ndarray' object has no attribute 'float'"."""
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float32)
    arguments = {"prediction": prediction, "target": target, "labels": labels}
    arguments[argument] = arguments[argument].detach().numpy()
    with pytest.raises(InputError, match=f"^{argument} must be a torch.Tensor, got ndarray$"):
        build(name, vectors, counts)(**arguments)


@pytest.mark.parametrize("name", sorted(WEIGHTED_MSE - {"mse"}))
def test_amplification_of_a_loss_that_is_not_finite_is_nan(name):
    """It was 1.0, as if nothing had happened; the step after it is an ordinary one."""
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float32)
    criterion = build(name, vectors, counts)
    assert not criterion(torch.full_like(prediction, torch.nan), target, labels).isfinite()
    assert criterion.amplification.isnan()
    assert criterion(prediction, target, labels).isfinite()
    assert criterion.amplification > 0


def test_losses_do_not_import_the_factory_or_remse():
    code = "import sys, zslcore.losses; print(*sorted(m for m in sys.modules if m.startswith('zslcore')))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"zslcore.criteria", "zslcore.losses.modules", "zslcore.remse"} & set(result.stdout.split())


@pytest.mark.parametrize("name", ["inverse", "cvar", "group_dro", "remse"])
@pytest.mark.usefixtures("unchecked")
def test_compiled_losses_check_labels_too(name):
    prediction, target, labels, vectors, counts = inputs("ordinary", torch.float32)
    compiled, whole = (torch.compile(build(name, vectors, counts), backend="eager", fullgraph=f) for f in (False, True))
    plain = build(name, vectors, counts)(prediction, target, labels)
    torch.testing.assert_close(compiled(prediction, target, labels.byte()), plain)
    torch.testing.assert_close(whole(prediction, target, labels), plain)
    with pytest.raises(RuntimeError, match=r"^labels must lie in 0\.\."):
        whole(prediction, target, labels - labels.max() - 1)
    with pytest.raises(InputError, match=r"^labels must have shape \(6,\), got \(6, 1\)$"):
        compiled(prediction, target, labels[:, None])


@pytest.mark.parametrize("name", ["remse_permuted", "remse_random"])
def test_controls_of_a_run_draw_by_its_seed(benchmark, name):
    """All seeds of a study shared the draws of seed 0; ``loss_options`` may still name one."""
    config, task = RunConfig(dataset="SYNTH", loss=name, seed=2), zero_shot_task(benchmark)
    assert regression_loss(config, benchmark, task).seed == 2
    assert regression_loss(config.replace(loss_options={"seed": 7}), benchmark, task).seed == 7

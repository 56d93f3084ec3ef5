"""ReMSE with masks, gaps in the target, sample weights and without labels, against loops in numpy."""

import math
import warnings

import numpy as np
import pytest
import torch

from zslcore import InputError, ReMSE, class_error
from zslcore.losses import mse_loss

B, C, A = 12, 4, 5
SETTINGS = {"p": 0.7, "p2": 0.4}


def batch(seed=0):
    """Prediction, target, labels, mask, sample weights; class 3 is absent, and class 2 is masked but for one image."""
    rng = np.random.default_rng(seed)
    prediction, target = rng.normal(size=(2, B, A))
    labels, mask, weight = rng.integers(0, 3, B), rng.random((B, A)) < 0.7, rng.uniform(0.5, 2, B)
    mask[np.flatnonzero(labels == 2)[1:]] = False
    weight[1] = 0
    target[0, 2] = np.nan
    return tuple(torch.from_numpy(part) for part in (prediction, target, labels, mask, weight))


def looped(prediction, target, labels, mask, weight, *, normalize, unit_mean=False):
    """Loss, mean errors and amplification by the definition, cell by cell."""
    counts = mask & ~np.isnan(target) & (weight > 0)[:, None]
    error, mean, total = np.zeros((B, A)), np.zeros((C, A)), np.zeros((C, A))
    for i in range(B):
        p, t = ([row[a] if counts[i, a] else 0.0 for a in range(A)] for row in (prediction[i], target[i]))
        norms = [math.sqrt(sum(x * x for x in row)) + 1e-10 for row in (p, t)] if normalize else (1.0, 1.0)
        for a in range(A):
            error[i, a] = (p[a] / norms[0] - t[a] / norms[1]) ** 2
            if counts[i, a]:
                mean[labels[i], a] += weight[i] * error[i, a]
                total[labels[i], a] += weight[i]
    mean = mean / np.where(total > 0, total, 1)
    cells = np.ones((C, A))
    for c, a in np.argwhere(mean > 0):
        over_classes, over_attributes = (min(x for x in line if x > 0) for line in (mean[:, a], mean[c]))
        cells[c, a] = (1 + math.log(mean[c, a] / over_classes)) ** 0.7
        cells[c, a] *= (1 + math.log(mean[c, a] / over_attributes)) ** 0.4
    if unit_mean:
        cells /= (total * cells).sum() / total.sum()
    weighted = sum(weight[i] * cells[labels[i], a] * error[i, a] for i, a in np.argwhere(counts))
    plain = sum(weight[i] * error[i, a] for i, a in np.argwhere(counts))
    return weighted / total.sum(), mean, weighted / plain


@pytest.mark.parametrize("unit_mean", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_loss_equals_its_definition(normalize, unit_mean, seed):
    prediction, target, labels, mask, weight = batch(seed)
    remse = ReMSE(C, A, **SETTINGS, normalize=normalize, unit_mean=unit_mean).double()
    loss = remse(prediction, target, labels, mask=mask, sample_weight=weight)
    numbers = (part.numpy() for part in batch(seed))
    expected, mean, amplification = looped(*numbers, normalize=normalize, unit_mean=unit_mean)
    assert loss.item() == pytest.approx(expected)
    assert remse.amplification.item() == pytest.approx(amplification)
    np.testing.assert_allclose(remse.error, mean, rtol=1e-9)
    ours = class_error(prediction, target, labels, C, normalize=normalize, mask=mask, sample_weight=weight)
    np.testing.assert_allclose(ours, mean, rtol=1e-9)


@pytest.mark.parametrize("kind", ["mse", "mae", "charbonnier"])
@pytest.mark.parametrize("normalize", [False, True])
def test_gradients_are_those_of_finite_differences_and_zero_elsewhere(normalize, kind):
    prediction, target, labels, mask, weight = batch()
    prediction[~mask] = torch.nan  # whatever a model says there
    target[~mask] = torch.inf
    remse = ReMSE(C, A, p=0, p2=0, normalize=normalize, kind=kind).double().eval()  # fixed weights

    def loss(values):
        return remse(prediction.masked_scatter(mask, values), target, labels, mask=mask, sample_weight=weight)

    assert torch.autograd.gradcheck(loss, (prediction[mask].requires_grad_(),))
    values = prediction.clone().requires_grad_()
    rebalanced = ReMSE(C, A, **SETTINGS, normalize=normalize, kind=kind).double()
    rebalanced(values, target, labels, mask=mask, sample_weight=weight).backward()
    counts = mask & ~target.isnan() & (weight > 0)[:, None]
    assert not values.grad[~counts].any()
    assert values.grad.isfinite().all()
    assert values.grad[counts].any()


@pytest.mark.parametrize("memory", ["batch", "running", "ema"])
@pytest.mark.parametrize("control", ["none", "permuted", "random"])
def test_masks_of_true_and_weights_of_one_change_no_bit(memory, control):
    prediction, target, labels, _, _ = (part.float() if part.is_floating_point() else part for part in batch())
    target = target.nan_to_num(0.3)
    plain, ours = (ReMSE(C, A, **SETTINGS, memory=memory, control=control, normalize=True) for _ in range(2))
    for _ in range(2):
        everything = {"mask": torch.ones(B, A, dtype=torch.bool), "sample_weight": torch.ones(B, dtype=torch.int64)}
        assert torch.equal(ours(prediction, target, labels, **everything), plain(prediction, target, labels))
        assert torch.equal(ours.weights, plain.weights)
        assert torch.equal(ours.amplification, plain.amplification)


def test_a_weight_of_two_is_a_row_given_twice():
    prediction, target, labels, mask, _ = batch()
    times = torch.tensor([1, 2, 0, 3, 1, 1, 2, 1, 0, 1, 1, 4])
    weighted, repeated = (ReMSE(C, A, **SETTINGS, normalize=False, unit_mean=True).double() for _ in range(2))
    rows = [part.repeat_interleave(times, 0) for part in (prediction, target, labels, mask)]
    ours = weighted(prediction, target, labels, mask=mask, sample_weight=times)
    torch.testing.assert_close(ours, repeated(*rows[:3], mask=rows[3]))
    torch.testing.assert_close(weighted.error, repeated.error)


def test_no_labels_are_one_group():
    prediction, target, _, mask, weight = batch()
    zeros = torch.zeros(B, dtype=torch.long)
    losses = [
        ReMSE(classes, A, **SETTINGS, normalize=False).double()(
            prediction, target, labels, mask=mask, sample_weight=weight
        )
        for classes, labels in ((1, None), (C, None), (1, zeros))
    ]
    assert losses[0] == losses[1] == losses[2]
    assert torch.equal(class_error(prediction, target, None, 1), class_error(prediction, target, zeros, 1))


@pytest.mark.parametrize("memory", ["running", "ema"])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("where", ["prediction", "target"])
def test_infinite_values_raise_nothing_and_are_forgotten(where, normalize, memory):
    remse = ReMSE(C, A, **SETTINGS, normalize=normalize, memory=memory).double()
    prediction, target, labels, mask, _ = batch()
    mask[4] = True
    remse(prediction, target, labels, mask=mask)
    before = remse.error.clone()
    {"prediction": prediction, "target": target}[where][4, 1] = torch.inf
    assert not remse(prediction, target, labels, mask=mask).isfinite()
    assert remse.amplification.isnan()
    assert remse.error.isfinite().all()
    torch.testing.assert_close(remse.error[labels[4], 1], before[labels[4], 1])
    assert remse(*batch(1)[:3]).isfinite()


@pytest.mark.parametrize("control", ["none", "permuted", "random"])
@pytest.mark.parametrize("reason", ["mask", "target", "sample_weight"])
def test_a_batch_without_a_value_that_counts_has_loss_and_gradient_zero(reason, control):
    prediction, target, labels, mask, weight = batch()
    prediction.requires_grad_()
    remse = ReMSE(C, A, **SETTINGS, normalize=True, control=control, memory="running", unit_mean=True).double()
    remse(prediction, target, labels)
    before = remse.error.clone()
    changed = {"mask": mask & False} if reason == "mask" else {}
    changed |= {"sample_weight": 0 * weight} if reason == "sample_weight" else {}
    loss = remse(prediction, target * torch.nan if reason == "target" else target, labels, **changed)
    (gradient,) = torch.autograd.grad(loss, prediction)
    assert loss == 0
    assert not gradient.any()
    assert torch.equal(remse.error, before)
    assert remse.weights.isfinite().all()


def test_gaps_alone_are_the_same_as_their_mask():
    prediction, target, labels, mask, _ = batch()
    gaps = target.masked_fill(~mask, torch.nan)
    first, second = (ReMSE(C, A, **SETTINGS, normalize=True).double() for _ in range(2))
    assert torch.equal(first(prediction, gaps, labels), second(prediction, target, labels, mask=mask))


def test_whole_number_targets_are_taken_as_floats(unchecked):
    prediction, _, labels, mask, _ = batch()
    target = torch.arange(B * A).view(B, A)
    first, second = (ReMSE(C, A, **SETTINGS, normalize=False).double() for _ in range(2))
    ours = first(prediction, target, labels, mask=mask)
    torch.testing.assert_close(ours, second(prediction, target.double(), labels, mask=mask))


def test_weights_for_are_those_of_the_loss():
    prediction, target, labels, _, _ = batch()
    target = target.nan_to_num(0.3)
    remse = ReMSE(C, A, **SETTINGS, normalize=False).double()
    assert bool((remse.weights_for(labels) == 1).all())
    loss = remse(prediction, target, labels)
    assert loss == (remse.weights_for(labels.to(torch.uint8)) * (prediction - target).square()).mean()
    with pytest.raises(InputError, match=r"^labels must lie in 0\.\.3"):
        remse.weights_for(labels + 3)


def test_one_output_needs_normalize_false():
    """The loss was exactly 0 for every positive prediction."""
    for normalize in (True, None):
        with pytest.raises(InputError, match=r"^normalize=True compares directions, .*: pass normalize=False$"):
            ReMSE(3, 1, p=1, p2=1, normalize=normalize)
    prediction, target = torch.rand(2, 6, 1)
    assert ReMSE(1, 1, p=1, p2=1, normalize=False)(prediction, target) == mse_loss(prediction, target, normalize=False)


def test_targets_of_plain_regression_are_pointed_out_once():
    prediction, target, labels, mask, _ = batch()
    with pytest.warns(UserWarning, match=r"^targets of one class differ.*: pass normalize=False to compare values"):
        (remse := ReMSE(C, A, **SETTINGS))(prediction, target, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        remse(prediction, target, labels)
        ReMSE(C, A, **SETTINGS, normalize=True)(prediction, target, labels)
        vectors = torch.rand(C, A, dtype=torch.float64)[labels].masked_fill(~mask, torch.nan)
        ReMSE(C, A, **SETTINGS)(prediction, vectors, labels)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("reference", ["min", "mean", 0.25])
def test_it_compiles_to_one_graph_with_masks(reference):
    prediction, target, _, mask, weight = batch()
    torch._dynamo.reset()
    settings = SETTINGS | {"normalize": True, "memory": "running", "reference": reference}
    plain, compiled = (ReMSE(1, A, **settings).double() for _ in range(2))
    function = torch.compile(compiled, backend="eager", fullgraph=True)
    ours = function(prediction, target, mask=mask, sample_weight=weight)
    assert torch.equal(ours, plain(prediction, target, mask=mask, sample_weight=weight))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": torch.ones(B, A)}, r"^mask must be of type torch.bool and have shape \(12, 5\), got torch.float32"),
        ({"mask": torch.ones(B, 1, dtype=torch.bool)}, r"^mask must be .* \(12, 5\), got torch.bool \(12, 1\)$"),
        ({"mask": np.ones((B, A), dtype=bool)}, r"^mask must be a torch.Tensor, got ndarray$"),
        ({"sample_weight": torch.ones(B, 1)}, r"^sample_weight must have shape \(12,\), got \(12, 1\)$"),
        ({"sample_weight": -torch.ones(B)}, r"^sample_weight must hold finite numbers of at least 0, got -1.0$"),
        (
            {"sample_weight": torch.full((B,), torch.nan)},
            r"^sample_weight must hold finite numbers of at least 0, got nan$",
        ),
        ({"sample_weight": [1.0] * B}, r"^sample_weight must be a torch.Tensor, got list$"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_masks_and_weights_are_refused(change, message):
    prediction, target, labels, _, _ = batch()
    with pytest.raises(InputError, match=message):
        ReMSE(C, A, **SETTINGS, normalize=False)(prediction, target, labels, **change)
    with pytest.raises(InputError, match=message):
        class_error(prediction, target, labels, C, **change)


def test_the_gradient_of_sample_weight_is_that_of_the_weighted_mean():
    remse, rng = ReMSE(2, 3, p=0.5, p2=0.5, normalize=False).double(), np.random.default_rng(0)
    prediction, target = (torch.from_numpy(rng.random((6, 3))) for _ in range(2))
    labels = torch.tensor([0, 1, 0, 1, 0, 1])

    def loss(sample_weight, weights):
        error = weights[labels] * (prediction - target).square()
        return (error * sample_weight[:, None]).sum() / (3 * sample_weight.sum())

    weight = torch.from_numpy(rng.uniform(0.5, 2, 6)).requires_grad_()
    (found,) = torch.autograd.grad(remse(prediction, target, labels, sample_weight=weight), weight)
    (expected,) = torch.autograd.grad(loss(weight, remse.weights), weight)
    torch.testing.assert_close(found, expected)


def test_targets_that_do_not_count_give_no_warning():
    target = torch.tensor([[9.0, 0.2], [0.1, 0.2], [0.3, 0.4], [0.3, 0.4]])
    mask = torch.tensor([[False, True], [True, True], [True, True], [True, True]])
    for rows in (slice(None), [1, 0, 2, 3]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ReMSE(2, 2, p=0.5, p2=0.5)(torch.rand(4, 2), target[rows], torch.tensor([0, 0, 1, 1]), mask=mask[rows])

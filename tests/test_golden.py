"""Losses, networks and metrics against the values of the authors' released code (golden/README.md)."""

import numpy as np
import pytest
import torch

from zslcore import ReMSE
from zslcore.losses import (
    attribute_decorrelation_loss,
    bmc_loss,
    compactness_loss,
    cosine_scores,
    elementwise_error,
)
from zslcore.metrics import per_class_accuracy, seen_unseen_curve
from zslcore.models import AttentionNet, BasicNet, GEMNet

KINDS = {"MSE": "mse", "RMSE": "charbonnier"}
EXPONENTS = [(0.1, 0.75), (1.0, 0.1), (0.0, 0.0), (2.0, 0.5), (1.25, 0.0)]


def assert_close(ours, golden, tolerance=1e-5):
    """Relative error of the whole array, largest deviation over largest value, at most ``tolerance``."""
    ours, golden = np.asarray(ours.detach() if torch.is_tensor(ours) else ours), np.asarray(golden)
    assert ours.shape == golden.shape
    assert np.abs(ours - golden).max() <= tolerance * np.abs(golden).max()


@pytest.mark.parametrize("memory", ["in_batch", "cross_batch"])
@pytest.mark.parametrize(("p", "p2"), EXPONENTS)
@pytest.mark.parametrize("scale", ["norm", "raw"])
@pytest.mark.parametrize("kind", KINDS)
def test_remse_over_two_batches(golden, kind, scale, p, p2, memory):
    remse = ReMSE(
        int(golden["num_seen"]),
        golden["attributes"].shape[1],
        p=p,
        p2=p2,
        kind=KINDS[kind],
        normalize=scale == "norm",
        memory={"in_batch": "batch", "cross_batch": "running"}[memory],
    )
    attributes = torch.from_numpy(golden["attributes"])
    for step in (1, 2):
        prediction = torch.from_numpy(golden[f"pred_{step}"]).requires_grad_()
        labels = torch.from_numpy(golden[f"labels_{step}"])
        loss = remse(prediction, attributes[labels], labels)
        (gradient,) = torch.autograd.grad(loss, prediction)
        prefix = f"{kind}_{scale}_p{p}_q{p2}/{memory}"
        assert_close(remse.error, golden[f"{prefix}/error_{step}"])
        assert_close(remse.weights, golden[f"{prefix}/weights_{step}"])
        assert_close(loss, golden[f"{prefix}/loss_{step}"])
        assert_close(gradient, golden[f"{prefix}/grad_{step}"])


@pytest.mark.parametrize("scale", ["norm", "raw"])
def test_mean_absolute_error(golden, scale):
    prediction = torch.from_numpy(golden["pred_2"]).requires_grad_()
    target = torch.from_numpy(golden["attributes"])[torch.from_numpy(golden["labels_2"])]
    loss = elementwise_error(prediction, target, kind="mae", normalize=scale == "norm").mean()
    assert_close(loss, golden[f"MAE_{scale}/loss"])
    assert_close(torch.autograd.grad(loss, prediction)[0], golden[f"MAE_{scale}/grad"])


@pytest.mark.parametrize(("key", "divisor", "normalize"), [("BMC_norm", 1, True), ("BMC_raw100", 100, False)])
def test_balanced_mse(golden, key, divisor, normalize):
    """One sigma for the whole vector; released in float32, so that distances of large values lose digits."""
    prediction = torch.from_numpy(golden["pred_2"]).requires_grad_()
    target = torch.from_numpy(golden["attributes"])[torch.from_numpy(golden["labels_2"])] / divisor
    loss = bmc_loss(prediction, target, sigma=0.1, normalize=normalize)
    assert_close(loss, golden[f"{key}/loss"])
    assert_close(torch.autograd.grad(loss, prediction)[0], golden[f"{key}/grad"], tolerance=1e-4)


def test_basic_net(golden):
    net = BasicNet(16, 14)
    net.head[0].weight.data = torch.from_numpy(golden["BasicNet/param/0.weight"])
    net.head[0].bias.data = torch.from_numpy(golden["BasicNet/param/0.bias"])
    assert_close(net(torch.from_numpy(golden["feature_map"])), golden["BasicNet/pred"])


@pytest.mark.parametrize("hidden", [0, 24])
def test_attention_net(golden, hidden):
    prefix = f"AttentionNet_hid{hidden}"
    net = AttentionNet(16, torch.from_numpy(golden["word_vectors"]), hidden=hidden)
    names = {
        "query": "QueryW",
        "key": "KeyW",
        "value": "ValueW",
        "output": "W_o",
        "hidden": "V_att_hidden_branch.0",
    }
    state = {"word_vectors": torch.from_numpy(golden["word_vectors"])}
    state["embedding"] = torch.from_numpy(golden[f"{prefix}/param/V_att_final_branch"])
    for ours, theirs in names.items():
        for part in ("weight", "bias"):
            if f"{prefix}/param/{theirs}.{part}" in golden:
                state[f"{ours}.{part}"] = torch.from_numpy(golden[f"{prefix}/param/{theirs}.{part}"])
    net.load_state_dict(state)  # strict: every parameter is set, and none is left over
    feature_map = torch.from_numpy(golden["feature_map"])
    prediction = net(feature_map)
    assert_close(prediction, golden[f"{prefix}/pred"])
    assert_close(net.attention(feature_map), golden[f"{prefix}/attention"])
    scores = cosine_scores(prediction, torch.from_numpy(golden["attributes"]), scale=20.0)
    assert_close(scores, golden[f"{prefix}/score"])


@pytest.mark.parametrize("variant", ["release", "gem-zsl"])
def test_gem_net(golden, variant):
    net = GEMNet(16, torch.from_numpy(golden["word_vectors"]), variant=variant)
    names = {"projection": "W", "head.weight": "V.0.weight", "head.bias": "V.0.bias"}
    state = {ours: torch.from_numpy(golden[f"GEMNet/param/{theirs}"]) for ours, theirs in names.items()}
    net.load_state_dict(state | {"word_vectors": torch.from_numpy(golden["word_vectors"])})
    feature_map = torch.from_numpy(golden["feature_map"])
    branches, attention = net.branches(feature_map), net.attention(feature_map).unflatten(2, (4, 4))
    assert_close(net(feature_map), golden["GEMNet/pred"])
    assert_close(branches.prediction, golden["GEMNet/pred"])
    assert_close(branches.attention_prediction, golden["GEMNet/attention_pred"])
    assert_close(branches.query, golden["GEMNet/query"])
    assert_close(branches.attention.unflatten(2, (4, 4)), golden["GEMNet/attention"])
    assert_close(attention, golden["GEMNet/attention"])
    assert_close(branches.regressed, golden["GEMNet/pred" if variant == "release" else "GEMNet/attention_pred"])
    groups = [range(7), range(7, 14)]
    assert_close(attribute_decorrelation_loss(branches.query, groups), golden["GEMNet/attribute_decorrelation_loss"])
    assert_close(compactness_loss(attention), golden["GEMNet/compactness_loss"])


def test_generalised_accuracies(golden):
    num_seen = int(golden["num_seen"])
    seen, unseen = golden["gzsl/score_seen"], golden["gzsl/score_unseen"]
    labels_seen, labels_unseen = golden["gzsl/label_seen"], golden["gzsl/label_unseen"]
    curve = seen_unseen_curve(seen, labels_seen, unseen, labels_unseen, num_seen=num_seen)

    assert_close(per_class_accuracy(unseen[:, num_seen:].argmax(1) + num_seen, labels_unseen), golden["gzsl/T1"])
    assert_close(curve.at(0.0)[:3], [golden["gzsl/S0"], golden["gzsl/U0"], golden["gzsl/H0"]])
    # the sweep in steps of 0.01 can miss a step of the curve, and so reaches at most what is exact
    step = 0.01
    assert -1e-9 <= curve.best()[2] - golden["gzsl/grid_best_H"] <= step
    assert abs(curve.ausuc - golden["gzsl/grid_AUSUC"]) <= step
    at_grid = curve.at(float(golden["gzsl/grid_best_gamma"]))
    assert_close(at_grid[:3], [golden["gzsl/grid_best_S"], golden["gzsl/grid_best_U"], golden["gzsl/grid_best_H"]])

"""GEMNet's losses against loops over their definitions and finite differences; the network against its formula."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from zslcore import InputError
from zslcore.losses import attribute_decorrelation_loss, compactness_loss, group_membership, square_map
from zslcore.models import GEMNet

GROUPS = [[0, 3], [1], [2, 4, 5]]


def looped_decorrelation(query, groups):
    norms = [
        math.sqrt(sum(query[attribute, channel] ** 2 for attribute in group))
        for group in groups
        for channel in range(query.shape[1])
    ]
    return sum(norms) / len(norms)


def looped_compactness(attention):
    total = 0.0
    for maps in attention:
        for one in maps:
            peak = np.unravel_index(np.argmax(one), one.shape)
            for (row, column), value in np.ndenumerate(one):
                total += value * ((row - peak[0]) ** 2 + (column - peak[1]) ** 2)
    return total / attention.size


@pytest.fixture
def attention():
    """Three images, four attributes, a map that is no square."""
    return torch.randn(3, 4, 3 * 5, dtype=torch.float64).softmax(2).unflatten(2, (3, 5))


class TestDecorrelation:
    @pytest.mark.parametrize("groups", [GROUPS, [[0, 1, 2, 3, 4, 5]], [[a] for a in range(6)]], ids=len)
    def test_equals_the_loop(self, groups):
        query = torch.randn(6, 7, dtype=torch.float64)
        expected = pytest.approx(looped_decorrelation(query.numpy(), groups), rel=1e-12)
        assert attribute_decorrelation_loss(query, groups).item() == expected
        assert attribute_decorrelation_loss(query, group_membership(groups, 6)).item() == expected

    def test_gradient(self):
        query = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
        assert gradcheck(lambda query: attribute_decorrelation_loss(query, GROUPS), query)

    def test_zero_queries_have_no_gradient(self):
        query = torch.randn(6, 3)
        query[[0, 3], 1] = 0  # all of a group
        query.requires_grad_()
        (gradient,) = torch.autograd.grad(attribute_decorrelation_loss(query, GROUPS), query)
        assert gradient.isfinite().all()
        assert (gradient[[0, 3], 1] == 0).all()
        assert attribute_decorrelation_loss(torch.zeros(6, 3), GROUPS).item() < 1e-15

    def test_sharing_within_a_group_is_cheaper_than_across(self):
        together, apart = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        assert attribute_decorrelation_loss(together, [[0, 1]]) < attribute_decorrelation_loss(apart, [[0, 1]])

    @pytest.mark.parametrize(
        "groups", [[[0, 1], [1, 2, 3, 4, 5]], [[0, 1, 2]], [[0, 1, 2, 3, 4, 5, 6]], [[0, 1, 2, 3, 4, 5], []], []]
    )
    def test_groups_part_the_attributes(self, groups):
        with pytest.raises(InputError, match=r"^groups must hold each attribute from 0 to 5 exactly once"):
            attribute_decorrelation_loss(torch.zeros(6, 2), groups)


class TestCompactness:
    def test_equals_the_loop(self, attention):
        assert compactness_loss(attention).item() == pytest.approx(looped_compactness(attention.numpy()), rel=1e-12)

    def test_gradient(self, attention):
        assert gradcheck(compactness_loss, attention.requires_grad_())

    def test_a_map_of_one_location_is_compact(self):
        assert compactness_loss(torch.ones(2, 3, 1, 1)) == 0

    def test_all_at_the_peak_is_zero_and_spread_is_not(self):
        attention = torch.zeros(1, 1, 4, 4)
        attention[0, 0, 2, 1] = 1
        assert compactness_loss(attention) == 0
        assert compactness_loss(torch.full((1, 1, 4, 4), 1 / 16)) > 0

    @pytest.mark.usefixtures("unchecked")
    def test_flat_attention_is_refused(self):
        with pytest.raises(InputError, match=r"^attention must have shape .*height, width\), got \(2, 3, 16\)$"):
            compactness_loss(torch.ones(2, 3, 16))


class TestSquareMap:
    def test_a_class_token_is_left_out(self):
        attention = torch.rand(2, 3, 5)
        assert torch.equal(square_map(attention), attention[:, :, 1:].reshape(2, 3, 2, 2))
        assert torch.equal(square_map(attention[:, :, 1:]), attention[:, :, 1:].reshape(2, 3, 2, 2))
        assert square_map(attention[:, :, :1]).shape == (2, 3, 1, 1)

    def test_other_maps_are_refused(self):
        with pytest.raises(InputError, match="square map, with or without class token, got 6 locations"):
            square_map(torch.rand(2, 3, 6))


@pytest.mark.parametrize("loss", ["decorrelation", "compactness"])
def test_bfloat16_is_computed_in_float32(loss):
    values = torch.randn(6, 4, 3, 3, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        if loss == "compactness":
            result, expected = compactness_loss(values), compactness_loss(values.float())
        else:
            result, expected = (
                attribute_decorrelation_loss(value.flatten(1), GROUPS) for value in (values, values.float())
            )
    assert result.dtype == torch.float32
    assert result == expected


class TestGEMNet:
    def test_equals_its_formula(self):
        """Attention written as a sum over channels; and the 4-d map is the flat one."""
        net, feature_map = GEMNet(6, torch.randn(5, 4)), torch.randn(2, 6, 3, 3)
        flat = feature_map.flatten(2)
        logits = torch.einsum("ak,kd,bdn->ban", net.word_vectors, net.projection, flat)
        weights = logits.exp() / logits.exp().sum(2, keepdim=True)
        torch.testing.assert_close(net.attention(feature_map), weights)
        torch.testing.assert_close(net.branches(flat).attention_prediction, weights.max(2).values)
        torch.testing.assert_close(net(feature_map), net.head(feature_map.mean((2, 3))))

    @pytest.mark.parametrize(("variant", "learns"), [("release", "head.weight"), ("gem-zsl", "projection")])
    def test_the_variant_says_what_regression_trains(self, variant, learns):
        net = GEMNet(6, torch.randn(5, 4), variant=variant)
        net.branches(torch.randn(2, 6, 9)).regressed.sum().backward()
        gradients = {name: value.grad is not None for name, value in net.named_parameters() if name != "head.bias"}
        assert gradients == {"head.weight": learns == "head.weight", "projection": learns == "projection"}

    def test_bad_input_is_named(self):
        with pytest.raises(InputError, match=r"^variant must be one of release, gem-zsl, got 'gem'$"):
            GEMNet(6, torch.randn(5, 4), variant="gem")
        for call in ("forward", "attention", "branches"):
            with pytest.raises(InputError, match=r"feature_map must have shape \(images, 6, .*got \(2, 3, 7\)"):
                getattr(GEMNet(6, torch.randn(5, 4)), call)(torch.zeros(2, 3, 7))

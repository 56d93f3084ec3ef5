"""Networks: the folded attention against its plain form, standardisation against numpy, bad input."""

import numpy as np
import pytest
import torch

from zslcore import InputError
from zslcore.models import AttentionNet, BasicNet, Standardize


def plain_attention(net, feature_map):
    """AttentionNet written out with its (B, A, K) and (B, A, D) tensors: the oracle of the folded form."""
    sequence = feature_map.flatten(2).mT  # (B, N, D)
    logits = net.query(net.word_vectors) @ net.key(sequence).mT
    attended = net.output(logits.softmax(2) @ net.value(sequence))
    feature = sequence.mean(1, keepdim=True) + net.ratio * attended
    if net.hidden is not None:
        feature = net.hidden(feature)
    return (feature * net.embedding).sum(2)


@pytest.mark.parametrize("hidden", [0, 11])
@pytest.mark.parametrize("ratio", [1.0, 0.125])
def test_folded_attention_equals_the_plain_form(hidden, ratio):
    net = AttentionNet(24, torch.randn(7, 12), key_dim=16, hidden=hidden, ratio=ratio).double()
    feature_map = torch.randn(3, 24, 4, 5, dtype=torch.float64, requires_grad=True)
    folded, plain = net(feature_map), plain_attention(net, feature_map)
    torch.testing.assert_close(folded, plain, rtol=1e-10, atol=1e-10)
    inputs = [feature_map, *net.parameters()]
    for ours, reference in zip(
        torch.autograd.grad(folded.square().sum(), inputs),
        torch.autograd.grad(plain.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-9)


def test_attention_is_a_distribution_over_locations():
    net = AttentionNet(6, torch.randn(5, 4), key_dim=8)
    attention = net.attention(torch.randn(2, 6, 3, 3))
    torch.testing.assert_close(attention.sum(2), torch.ones(2, 5))
    assert bool((attention >= 0).all())


def test_permuting_locations_changes_nothing_but_the_map():
    net, order = AttentionNet(6, torch.randn(5, 4), key_dim=8), torch.randperm(9)
    feature_map = torch.randn(2, 6, 9)
    torch.testing.assert_close(net(feature_map[:, :, order]), net(feature_map))
    torch.testing.assert_close(net.attention(feature_map[:, :, order]), net.attention(feature_map)[:, :, order])


def test_basic_net_with_hidden_layer_is_leaky():
    net = BasicNet(3, 2, hidden=4)
    feature_map = torch.randn(5, 3, 2, 2)
    first, second = net.head[0], net.head[2]
    hidden = first(feature_map.mean((2, 3)))
    expected = second(torch.where(hidden > 0, hidden, 0.1 * hidden))
    torch.testing.assert_close(net(feature_map), expected)


def test_wrong_channels_are_named():
    for net in (BasicNet(4, 2), AttentionNet(4, torch.randn(2, 3), key_dim=5)):
        with pytest.raises(InputError, match=r"feature_map must have shape \(images, 4, .*got \(2, 3, 7\)"):
            net(torch.zeros(2, 3, 7))


class TestStandardize:
    def test_equals_numpy_however_it_is_cut_into_batches(self):
        maps = np.random.default_rng(0).normal(5, 3, size=(30, 6, 4)).astype(np.float32)
        layer = Standardize(6)
        layer.fit(torch.from_numpy(part) for part in np.split(maps, [1, 12]))
        np.testing.assert_allclose(layer.mean[:, 0], maps.mean((0, 2), dtype=float), rtol=1e-6)
        np.testing.assert_allclose(layer.std[:, 0], maps.std((0, 2), dtype=float), rtol=1e-6)
        standard = layer(torch.from_numpy(maps)).numpy()
        np.testing.assert_allclose(standard.mean((0, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(standard.std((0, 2)), 1, rtol=1e-5)

    @pytest.mark.parametrize("constant", [0.0, 0.1, -1e4, 1e-6])
    def test_a_constant_channel_is_shifted_to_zero(self, constant):
        maps = torch.randn(50, 2, 3)
        maps[:, 1] = constant
        layer = Standardize(2)
        layer.fit([maps])
        assert layer.std[1].item() == 1
        assert layer(maps)[:, 1].abs().max() == 0
        assert layer(maps)[:, 0].std(correction=0).item() == pytest.approx(1, rel=1e-5)

    def test_small_spread_far_from_zero_keeps_its_digits(self):
        maps = (1000 + 0.1 * torch.randn(4000, 1, 1, dtype=torch.float64)).float()
        layer = Standardize(1)
        layer.fit([maps])
        assert layer.std.item() == pytest.approx(maps.double().std(correction=0).item(), rel=1e-4)

"""Networks: the folded attention against its plain form, standardisation against numpy, bad input."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from zslcore import InputError
from zslcore.models import AttentionNet, BasicNet, GEMNet, Standardize


def plain_attention(net, feature_map):
    """AttentionNet written out with its (B, A, K) and (B, A, D) tensors: the oracle of the folded form."""
    sequence = feature_map.flatten(2).mT  # (B, N, D)
    logits = net.query(net.word_vectors) @ net.key(sequence).mT
    attended = net.output(logits.softmax(2) @ net.value(sequence))
    feature = sequence.mean(1, keepdim=True) + net.ratio * attended
    if net.hidden is not None:
        feature = net.hidden(feature)
    return (feature * net.embedding).sum(2)


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_GPU)])
@pytest.mark.parametrize("hidden", [0, 11])
@pytest.mark.parametrize("ratio", [1.0, 0.125])
def test_folded_attention_equals_the_plain_form(hidden, ratio, device):
    net = AttentionNet(24, torch.randn(7, 12), key_dim=16, hidden=hidden, ratio=ratio).double().to(device)
    feature_map = torch.randn(3, 24, 4, 5, dtype=torch.float64, device=device, requires_grad=True)
    folded, plain = net(feature_map), plain_attention(net, feature_map)
    torch.testing.assert_close(folded, plain, rtol=1e-10, atol=1e-10)
    inputs = [feature_map, *net.parameters()]
    for ours, reference in zip(
        torch.autograd.grad(folded.square().sum(), inputs),
        torch.autograd.grad(plain.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-9)


class TensorSizes(TorchDispatchMode):
    """Keeps the numbers of elements of all tensors that any operation gives, in forward and backward."""

    def __init__(self):
        super().__init__()
        self.sizes = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.sizes |= {value.numel() for value in tree_leaves(result) if isinstance(value, torch.Tensor)}
        return result


class TestAttentionAtTheSizeOfCub:
    """16 images, 312 attributes, 2048 channels at 14 x 14 locations, key dimension 1024."""

    @pytest.fixture(scope="class")
    def net(self):
        return AttentionNet(2048, torch.randn(312, 300), key_dim=1024)

    @staticmethod
    def step(forward, feature_map):
        forward(feature_map).square().sum().backward()

    @pytest.mark.parametrize("learns", [False, True])  # frozen features, and a backbone that learns
    def test_folded_form_needs_a_quarter_of_the_arithmetic(self, net, learns):
        feature_map = torch.randn(16, 2048, 14, 14, requires_grad=learns)
        operations = {}
        for name, forward in (("folded", net), ("plain", lambda maps: plain_attention(net, maps))):
            with FlopCounterMode(display=False) as counter:
                self.step(forward, feature_map)
            operations[name] = counter.get_total_flops()
        assert operations["plain"] > 4 * operations["folded"], operations

    @pytest.mark.parametrize("device", ["cpu", "meta"])  # any device but the CPU takes another product
    def test_no_tensor_of_images_by_attributes_by_channels_or_keys(self, net, device):
        net = AttentionNet(2048, net.word_vectors.to(device), key_dim=1024).to(device)
        feature_map = torch.zeros(16, 2048, 14, 14, device=device, requires_grad=True)
        with TensorSizes() as folded:
            self.step(net, feature_map)
        assert max(folded.sizes - {feature_map.numel()}) < 16 * 312 * 1024
        if device == "meta":  # in no time; to see that the recorder sees what must not be there
            with TensorSizes() as plain:
                self.step(lambda maps: plain_attention(net, maps), feature_map)
            assert {16 * 312 * 1024, 16 * 312 * 2048} <= plain.sizes


def test_attention_is_a_distribution_over_locations():
    net = AttentionNet(6, torch.randn(5, 4), key_dim=8)
    attention = net.attention(torch.randn(2, 6, 3, 3))
    torch.testing.assert_close(attention.sum(2), torch.ones(2, 5))
    assert bool((attention >= 0).all())


@pytest.mark.parametrize("net", [AttentionNet, GEMNet])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
@pytest.mark.usefixtures("unchecked")
def test_word_vectors_of_any_type(net, dtype):
    given, feature_map = torch.tensor([[0.0, 1.0], [3.0, 2.0]]), torch.randn(2, 6, 4)
    with torch.random.fork_rng():
        expected = net(6, given).attention(feature_map)
    torch.testing.assert_close(net(6, given.to(dtype)).attention(feature_map), expected, rtol=0, atol=0)
    with pytest.raises(InputError, match=r"^word_vectors must be a torch.Tensor, got ndarray$"):
        net(6, given.numpy())


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

    @pytest.mark.parametrize("size", [(1, 1), (1, 6), (6, 6), (2, 3)])
    def test_a_map_of_rows_and_columns_is_that_of_its_locations(self, size):
        maps = torch.randn(5, 6, *size)
        flat, square = Standardize(6), Standardize(6)
        flat.fit([maps.flatten(2)])
        square.fit([maps.contiguous(memory_format=torch.channels_last)])
        torch.testing.assert_close(square(maps), flat(maps.flatten(2)).view(maps.shape))

    def test_no_or_other_maps_are_refused_in_one_sentence(self, unchecked):
        with pytest.raises(InputError, match="batches must hold at least one image"):
            Standardize(3).fit([])
        for other in (torch.zeros(3, 4), torch.zeros(2, 4, 3), np.zeros((2, 3, 4))):
            with pytest.raises(InputError, match="feature_map must"):
                Standardize(3).fit([other])

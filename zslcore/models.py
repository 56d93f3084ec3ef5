"""Networks that predict attributes from a feature map: ``(B, D, N)`` or ``(B, D, H, W)`` -> ``(B, A)``.

Symbols: ``B`` images, ``D`` channels, ``N`` locations, ``A`` attributes, ``K`` key dimension.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zslcore.errors import InputError
from zslcore.losses.checks import check_tensors, check_whole

GEM_VARIANTS = ("release", "gem-zsl")
FeatureMap = Float[Tensor, "B D N"] | Float[Tensor, "B D H W"]


def _as_sequence(feature_map: Tensor, num_channels: int) -> Float[Tensor, "B D N"]:
    """Check the channels of a feature map and flatten its locations."""
    check_tensors(feature_map=feature_map)
    if feature_map.ndim not in (3, 4) or feature_map.shape[1] != num_channels:
        shape = f"(images, {num_channels}, locations) or (images, {num_channels}, height, width)"
        raise InputError(f"feature_map must have shape {shape}, got {tuple(feature_map.shape)}")
    return feature_map.flatten(2)


def _checked_word_vectors(word_vectors: Tensor) -> Float[Tensor, "A k"]:
    """A copy of the word vectors in the type of new layers; InputError if they are not a matrix."""
    check_tensors(word_vectors=word_vectors)
    if word_vectors.ndim != 2 or not word_vectors.numel():
        raise InputError(f"word_vectors must have shape (attributes, dimensions), got {tuple(word_vectors.shape)}")
    return word_vectors.to(torch.get_default_dtype(), copy=True)


def _at_locations(rows: Float[Tensor, "R D"], sequence: Float[Tensor, "B D N"]) -> Float[Tensor, "B R N"]:
    """``rows @ sequence``, but without expanding the rows over the images to a (B, R, D) tensor."""
    # on the CPU a convolution of size 1 is twice as fast (at CUB's size); on a GPU it would round to TF32 by default
    if sequence.device.type == "cpu":
        return F.conv1d(sequence, rows[:, :, None])
    return F.linear(sequence.mT, rows).mT


class BasicNet(nn.Module):
    """Average pooling over the locations, a hidden layer with LeakyReLU(0.1) if ``hidden`` > 0, and a linear layer.

    Example:
        >>> BasicNet(num_channels=16, num_attributes=5)(torch.zeros(2, 16, 7, 7)).shape
        torch.Size([2, 5])
    """

    def __init__(self, num_channels: int, num_attributes: int, *, hidden: int = 0) -> None:
        super().__init__()
        self.num_channels = num_channels
        layers = [nn.Linear(num_channels, hidden), nn.LeakyReLU(0.1)] if hidden else []
        self.head = nn.Sequential(*layers, nn.Linear(hidden or num_channels, num_attributes))

    def forward(self, feature_map: FeatureMap) -> Float[Tensor, "B A"]:
        """Predicted attributes."""
        return self.head(_as_sequence(feature_map, self.num_channels).mean(2))


class AttentionNet(nn.Module):
    """Cross-modal attention: the word vector of each attribute attends to the locations of the feature map.

    With query q_a = W_q w_a + b_q, key k_n = W_k f_n + b_k and value u_n = W_v f_n + b_v::

        attention[a, n] = softmax over n of q_a . k_n                      (no division by a temperature)
        feature[a]      = mean_n f_n + ratio * (W_o sum_n attention[a, n] u_n + b_o)
        prediction[a]   = v_a . feature[a]         or   v_a . (W_h feature[a] + b_h)   if ``hidden`` > 0

    The logits are linear in f_n. For a given attention, the prediction is also linear in f_n. Both are computed with
    products of the matrices, W_k^T q_a and v_a W_h W_o W_v of shape (A, D), so that no (B, A, D) tensor is needed.

    Args:
        word_vectors: one vector per attribute, used without normalisation and not trained.
        key_dim: K; 1024 in the released code (300 for AWA2).
        hidden: width of the linear hidden layer; 0 for none.
        ratio: weight of the attended feature relative to the pooled one.

    Example:
        >>> AttentionNet(16, torch.randn(5, 12), key_dim=8).attention(torch.zeros(2, 16, 7, 7)).shape
        torch.Size([2, 5, 49])
    """

    def __init__(
        self,
        num_channels: int,
        word_vectors: Float[Tensor, "A k"],
        *,
        key_dim: int = 1024,
        hidden: int = 0,
        ratio: float = 1.0,
    ) -> None:
        super().__init__()
        word_vectors = _checked_word_vectors(word_vectors)
        check_whole("key_dim", key_dim)
        num_attributes, word_dim = word_vectors.shape
        self.num_channels, self.ratio = num_channels, ratio
        self.register_buffer("word_vectors", word_vectors)
        self.query = nn.Linear(word_dim, key_dim)
        self.key = nn.Linear(num_channels, key_dim)
        self.value = nn.Linear(num_channels, key_dim)
        self.output = nn.Linear(key_dim, num_channels)
        self.hidden = nn.Linear(num_channels, hidden) if hidden else None
        # unit variance as in the released code: cosine scores ignore its scale, but the step size depends on it
        self.embedding = nn.Parameter(torch.randn(num_attributes, hidden or num_channels))

    def reset_parameters(self) -> None:
        """Draw the embedding again; the layers have their own ``reset_parameters``."""
        nn.init.normal_(self.embedding)

    def forward(self, feature_map: FeatureMap) -> Float[Tensor, "B A"]:
        """Predicted attributes."""
        sequence = _as_sequence(feature_map, self.num_channels)
        embedding, constant = self.embedding, 0.0
        if self.hidden is not None:
            embedding, constant = embedding @ self.hidden.weight, embedding @ self.hidden.bias  # (A, D), (A,)
        through_output = embedding @ self.output.weight  # (A, K)
        content = through_output @ self.value.weight  # (A, D): contribution of a location to each attribute
        bias = through_output @ self.value.bias + embedding @ self.output.bias
        looking, shift = self._folded_query()
        # one product for both, so that the features are read once
        logits, values = _at_locations(torch.cat([looking, content]), sequence).chunk(2, dim=1)  # (B, A, N) each
        attended = ((logits + shift[:, None]).softmax(2) * values).sum(2)
        return sequence.mean(2) @ embedding.T + self.ratio * (attended + bias) + constant

    def attention(self, feature_map: FeatureMap) -> Float[Tensor, "B A N"]:
        """Attention of each attribute; sums to 1 over the N locations."""
        looking, shift = self._folded_query()
        logits = _at_locations(looking, _as_sequence(feature_map, self.num_channels))
        return (logits + shift[:, None]).softmax(2)

    def _folded_query(self) -> tuple[Float[Tensor, "A D"], Float[Tensor, " A"]]:
        """The queries times the key weight, and the part of the logits that comes from the key bias."""
        query = self.query(self.word_vectors)  # (A, K)
        # the bias cancels in the softmax, but this keeps it in the autograd graph
        return query @ self.key.weight, query @ self.key.bias


class Branches(NamedTuple):
    """Outputs of a network for the losses of a training step; only GEMNet has the last three.

    Attributes:
        prediction: predicted attributes for the cross entropy.
        regressed: predicted attributes for the regression loss; the same, except for GEMNet ``"gem-zsl"``.
        attention: sums to 1 over the N locations.
        attention_prediction: the peaks of the attention, in [1 / N, 1].
        query: one query per attribute.
    """

    prediction: Float[Tensor, "B A"]
    regressed: Float[Tensor, "B A"]
    attention: Float[Tensor, "B A N"] | None = None
    attention_prediction: Float[Tensor, "B A"] | None = None
    query: Float[Tensor, "A D"] | None = None


class GEMNet(nn.Module):
    """Global prediction and attribute attention of GEM-ZSL (Liu et al., CVPR 2021).

    With the word vector w_a of attribute a::

        prediction              = V mean_n f_n + b              (the global branch; it classifies in both variants)
        query_a                 = w_a W
        attention[a, n]         = softmax over n of query_a . f_n
        attention_prediction[a] = max over n of attention[a, n]

    Args:
        word_vectors: one vector per attribute, used without normalisation and not trained.
        variant: the prediction for the regression loss: the global one with ``"release"`` (the released ReMSE code),
            the attention prediction with ``"gem-zsl"`` (GEM-ZSL). It changes :meth:`branches` only.

    Example:
        >>> GEMNet(16, torch.randn(5, 12)).attention(torch.zeros(2, 16, 7, 7)).shape
        torch.Size([2, 5, 49])
    """

    def __init__(self, num_channels: int, word_vectors: Float[Tensor, "A k"], *, variant: str = "release") -> None:
        super().__init__()
        if variant not in GEM_VARIANTS:
            raise InputError(f"variant must be one of {', '.join(GEM_VARIANTS)}, got {variant!r}")
        word_vectors = _checked_word_vectors(word_vectors)
        num_attributes, word_dim = word_vectors.shape
        self.num_channels, self.variant = num_channels, variant
        self.register_buffer("word_vectors", word_vectors)
        self.head = nn.Linear(num_channels, num_attributes)
        # unit variance, like the initial values of the released code
        self.projection = nn.Parameter(torch.randn(word_dim, num_channels))

    def reset_parameters(self) -> None:
        """Draw the projection again; the layer has its own ``reset_parameters``."""
        nn.init.normal_(self.projection)

    def forward(self, feature_map: FeatureMap) -> Float[Tensor, "B A"]:
        """Attributes predicted by the global branch."""
        return self.head(_as_sequence(feature_map, self.num_channels).mean(2))

    def attention(self, feature_map: FeatureMap) -> Float[Tensor, "B A N"]:
        """Attention of each attribute; sums to 1 over the N locations."""
        return self.branches(feature_map).attention

    def branches(self, feature_map: FeatureMap) -> Branches:
        """Both predictions, the attention and the queries, for the losses of a training step."""
        prediction, query = self(feature_map), self.word_vectors @ self.projection
        attention = _at_locations(query, _as_sequence(feature_map, self.num_channels)).softmax(2)
        peak = attention.amax(2)
        regressed = peak if self.variant == "gem-zsl" else prediction
        return Branches(prediction, regressed, attention, peak, query)


class Standardize(nn.Module):
    """Standardise each channel by the mean and variance of the images that it was fitted on; before, the identity.

    Example:
        >>> layer = Standardize(2)
        >>> layer.fit([torch.tensor([[[1.0], [5.0]], [[3.0], [5.0]]])])  # two images, two channels, one location
        >>> layer(torch.tensor([[[3.0], [6.0]]])).flatten()
        tensor([1., 1.])
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_channels, 1))
        self.register_buffer("std", torch.ones(num_channels, 1))

    def reset_parameters(self) -> None:
        """Reset the layer to the identity."""
        self.mean.fill_(0)
        self.std.fill_(1)

    @torch.no_grad()
    def fit(self, batches: Iterable[FeatureMap]) -> None:
        """Compute mean and standard deviation over all images and locations; a constant channel is only shifted."""
        count, total, squares = 0, 0.0, 0.0
        for maps in batches:
            maps = _as_sequence(maps, len(self.mean)).double()  # a sum of many float32 squares would lose digits
            count += maps.shape[0] * maps.shape[2]
            total = total + maps.sum((0, 2))
            squares = squares + maps.square().sum((0, 2))
        if not count:
            raise InputError("batches must hold at least one image, got none")
        mean = total / count
        std = (squares / count - mean.square()).clamp(min=0).sqrt()
        self.mean.copy_(mean[:, None])
        self.std.copy_(torch.where(std > 1e-6 * mean.abs().clamp(min=1e-12), std, 1.0)[:, None])

    def forward(self, feature_map: FeatureMap) -> FeatureMap:
        """The standardised feature map, in the same shape."""
        sequence = _as_sequence(feature_map, len(self.mean))
        return ((sequence - self.mean) / self.std).view(feature_map.shape)


class AttributeModel(nn.Module):
    """A complete model: optional backbone, optional standardisation, and the network that predicts the attributes.

    The backbone maps images (B, 3, H, W) to feature maps; without it, the inputs are feature maps.

    Example:
        >>> AttributeModel(BasicNet(3, 5), standardize=Standardize(3))(torch.zeros(2, 3, 49)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self, network: nn.Module, *, standardize: Standardize | None = None, backbone: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.backbone, self.standardize, self.network = backbone, standardize, network

    def forward(self, inputs: FeatureMap) -> Float[Tensor, "B A"]:
        """Predicted attributes."""
        return self.network(self._feature_map(inputs))

    def attention(self, inputs: FeatureMap) -> Float[Tensor, "B A N"]:
        """Attention of each attribute; sums to 1 over the N locations. BasicNet has none."""
        return self.network.attention(self._feature_map(inputs))

    def branches(self, inputs: FeatureMap) -> Branches:
        """Outputs for the losses of a training step."""
        feature_map = self._feature_map(inputs)
        if isinstance(self.network, GEMNet):
            return self.network.branches(feature_map)
        prediction = self.network(feature_map)
        return Branches(prediction, prediction)

    def _feature_map(self, inputs: Tensor) -> Tensor:
        if self.backbone is not None:
            inputs = self.backbone(inputs)
        return inputs if self.standardize is None else self.standardize(inputs)

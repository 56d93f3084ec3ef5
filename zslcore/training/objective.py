"""The training objective of a config as one module, from inputs and labels to the loss and its parts.

accelerate wraps this module, so it contains everything with parameters or state: the model, the trainable part of a
regression loss (the sigma of a Balanced MSE), and the error matrix of ReMSE.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zslcore.backbone import backbone_spec, build_backbone
from zslcore.config import RunConfig
from zslcore.criteria import CRITERIA, build_criterion, criterion_options
from zslcore.data.benchmark import Benchmark
from zslcore.data.semantics import attribute_groups
from zslcore.data.tasks import ZeroShotTask
from zslcore.loss_options import OPTION_FIELDS, reference_value
from zslcore.losses import (
    attribute_decorrelation_loss,
    compactness_loss,
    cosine_cross_entropy,
    group_membership,
    square_map,
)
from zslcore.models import AttentionNet, AttributeModel, BasicNet, Branches, GEMNet, Standardize
from zslcore.remse import ReMSE


def build_model(
    config: RunConfig, benchmark: Benchmark, *, weights: str | None = None, num_channels: int | None = None
) -> AttributeModel:
    """The model of a config. Its inputs are images (B, 3, H, W) with ``fine_tune``, and feature maps (B, D, N) without.

    ``weights`` replaces the setting, for a backbone that gets its weights afterwards. ``num_channels`` is the number of
    channels of the features, by default that of the backbone.

    Example:
        >>> config = RunConfig(dataset="SYNTH", backbone="resnet18", weights="random")
        >>> build_model(config, benchmark)(torch.zeros(2, 512, 49)).shape  # SYNTH has 57 attributes
        torch.Size([2, 57])
    """
    num_channels = num_channels or backbone_spec(config.backbone).num_channels
    network = build_network(config, num_channels, benchmark)  # first: the order decides the random initial weights
    backbone = build_backbone(config.backbone, weights=weights or config.weights) if config.fine_tune else None
    return AttributeModel(network, standardize=Standardize(num_channels), backbone=backbone)


def build_network(config: RunConfig, num_channels: int, benchmark: Benchmark) -> nn.Module:
    """The network of a config for feature maps of ``num_channels`` channels."""
    if config.network == "basic":
        return BasicNet(num_channels, benchmark.attributes.shape[1], hidden=config.hidden)
    word_vectors = torch.from_numpy(benchmark.word_vectors(config.word_vectors))
    if config.network == "gem":
        return GEMNet(num_channels, word_vectors, variant=config.gem_variant)
    return AttentionNet(num_channels, word_vectors, key_dim=config.key_dim, hidden=config.hidden, ratio=config.ratio)


def seen_vectors(config: RunConfig, benchmark: Benchmark, task: ZeroShotTask) -> Float[np.ndarray, "S A"]:
    """Vectors of the seen classes of a task, in the order of its labels."""
    return benchmark.vectors(config.attribute_vectors, seen=task.seen_classes)[task.seen_classes]


def regression_loss(config: RunConfig, benchmark: Benchmark, task: ZeroShotTask) -> nn.Module:
    """The regression loss of a config over the seen classes of a task; without one, the MSE, which is only logged.

    Example:
        >>> from zslcore.data.tasks import test_task
        >>> config = RunConfig(dataset="SYNTH", loss="remse", p2=0.5)
        >>> regression_loss(config, benchmark, test_task(benchmark)).weights.shape  # four of the five classes are seen
        torch.Size([4, 57])
    """
    name = config.loss if config.loss in CRITERIA else "mse"
    vectors = torch.from_numpy(seen_vectors(config, benchmark, task))
    if config.targets == "images" and name == "mse":
        return ReMSE(*vectors.shape, p=0, p2=0, normalize=config.normalize)  # the MSE that leaves out missing labels
    counts = np.bincount(task.relabel(benchmark.labels[task.train]), minlength=task.num_seen)
    settings = {field: getattr(config, field) for field in OPTION_FIELDS} | {
        "reference": reference_value(config.reference),
        "seed": config.seed,  # for the random draws of a control
    }
    known = criterion_options(name)
    options = {field: value for field, value in settings.items() if field in known}
    if name == config.loss:
        options |= config.loss_options
    return build_criterion(name, vectors, torch.from_numpy(counts), normalize=config.normalize, **options)


class Losses(NamedTuple):
    """The loss to minimise, and its parts for the history of a run.

    Only ``loss`` has a gradient. ``amplification`` is the factor by which weights raise the regression loss. It is NaN
    for a loss without weights.
    """

    loss: Float[Tensor, ""]
    classification_loss: Float[Tensor, ""]
    regression_loss: Float[Tensor, ""]
    amplification: Float[Tensor, ""]


class Objective(nn.Module):
    """``lam_cls`` x cosine cross entropy + ``lam`` x regression loss + the losses of GEMNet's attention.

    With ``normalize``, the labels of an image and its prediction are scaled to unit length over the attributes that
    have labels, because cosine scores do not determine the length of a prediction.
    """

    def __init__(self, config: RunConfig, model: AttributeModel, benchmark: Benchmark, task: ZeroShotTask) -> None:
        super().__init__()
        self.config, self.model = config, model
        self.criterion = regression_loss(config, benchmark, task)
        vectors = torch.from_numpy(seen_vectors(config, benchmark, task))
        self.register_buffer("attributes", vectors, persistent=False)
        groups = group_membership(list(attribute_groups(benchmark.attribute_names).values()), vectors.shape[1])
        self.register_buffer("groups", groups, persistent=False)

    def forward(
        self, inputs: Tensor, labels: Int[Tensor, " B"], image_labels: Float[Tensor, "B A"] | None = None
    ) -> Losses:
        """The losses of a batch.

        Args:
            inputs: feature maps or pictures.
            labels: class of each image, in [0, S).
            image_labels: targets of the regression, NaN where there is no label; by default the vectors of the classes.
        """
        branches = self.model.branches(inputs)
        classification = cosine_cross_entropy(branches.prediction, self.attributes, labels, scale=self.config.scale)
        target = self.attributes[labels] if image_labels is None else image_labels
        regression = self.criterion(branches.regressed, target, labels)
        amplification = self.criterion.amplification
        if self.config.equal_lambda and self.config.loss.startswith("remse"):
            regression, amplification = regression / amplification, torch.ones_like(amplification)
        loss = self.config.lam_cls * classification + self._attention_loss(branches)
        # without a regression loss the MSE is still logged, so that the curves of all methods can be compared
        if self.config.loss in CRITERIA:
            loss = loss + self.config.lam * regression
        parts = (classification, regression, amplification)
        return Losses(loss, *(part.detach().to(loss) for part in parts))

    def _attention_loss(self, branches: Branches) -> Float[Tensor, ""] | float:
        """GEMNet's losses over the queries of the attribute groups and over the attention; 0 for other networks."""
        loss = 0.0
        if branches.query is not None and self.config.decorrelation:
            loss = loss + self.config.decorrelation * attribute_decorrelation_loss(branches.query, self.groups)
        if branches.attention is not None and self.config.compactness:
            loss = loss + self.config.compactness * compactness_loss(square_map(branches.attention))
        return loss

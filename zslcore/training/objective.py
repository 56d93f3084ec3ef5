"""The training objective of a config as one module: inputs and labels in, the loss and what it is made of out.

One module, so that accelerate wraps all that has parameters or state at once: the model, a trainable part of the
regression loss (the sigma of a Balanced MSE), and the error matrix of ReMSE.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zslcore.backbone import backbone_spec, build_backbone
from zslcore.config import OPTION_FIELDS, RunConfig, reference_value
from zslcore.data.benchmark import Benchmark
from zslcore.data.semantics import attribute_groups
from zslcore.data.tasks import ZeroShotTask
from zslcore.losses import (
    attribute_decorrelation_loss,
    compactness_loss,
    cosine_cross_entropy,
    group_membership,
    square_map,
)
from zslcore.losses.factory import build_criterion, criterion_options
from zslcore.models import AttentionNet, BasicNet, GEMBranches, GEMNet, Standardize

LOGGED = ("loss", "classification_loss", "regression_loss", "amplification")


class FineTuned(nn.Module):
    """A backbone and the head behind it, trained together: images (B, 3, H, W) -> predicted attributes (B, A).

    >>> FineTuned(nn.AvgPool2d(8), BasicNet(num_channels=3, num_attributes=5))(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B A"]:
        """Predicted attributes."""
        return self.head(self.backbone(images))


def build_model(config: RunConfig, benchmark: Benchmark, *, weights: str | None = None) -> nn.Module:
    """The model of a config: of feature maps (B, D, N), or of images (B, 3, H, W) with ``fine_tune``; gives (B, A).

    ``weights`` replaces those of the config, for a backbone whose state is loaded afterwards. Raises InputError for
    weights and word vectors that cannot be had.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> config = RunConfig(dataset="SYNTH", backbone="resnet18", weights="random")
    >>> build_model(config, benchmark)(torch.zeros(2, 512, 49)).shape  # SYNTH has 57 attributes
    torch.Size([2, 57])
    >>> build_model(config.replace(fine_tune=True, standardize=False), benchmark)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 57])
    """
    head = build_head(config, backbone_spec(config.backbone).num_channels, benchmark)
    if not config.fine_tune:
        return head
    return FineTuned(build_backbone(config.backbone, weights=weights or config.weights), head)


def build_head(config: RunConfig, num_channels: int, benchmark: Benchmark) -> nn.Sequential:
    """The network of a config behind its feature standardisation: (B, D, N) -> (B, A).

    ``num_channels`` is D. Raises InputError for word vectors that cannot be had, which BasicNet does without.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    ...     head = build_head(RunConfig(dataset="SYNTH", network="attention", key_dim=8), 16, benchmark)
    >>> [type(part).__name__ for part in head], head(torch.zeros(2, 16, 9)).shape
    (['Standardize', 'AttentionNet'], torch.Size([2, 57]))
    """
    if config.network == "basic":
        network = BasicNet(num_channels, benchmark.attributes.shape[1], hidden=config.hidden)
    else:
        word_vectors = torch.from_numpy(benchmark.word_vectors(config.word_vectors))
        if config.network == "gem":
            network = GEMNet(num_channels, word_vectors, variant=config.gem_variant)
        else:
            sizes = {"key_dim": config.key_dim, "hidden": config.hidden, "ratio": config.ratio}
            network = AttentionNet(num_channels, word_vectors, **sizes)
    return nn.Sequential(Standardize(num_channels), network)


def regression_loss(config: RunConfig, benchmark: Benchmark, task: ZeroShotTask) -> nn.Module:
    """The regression loss of a config over the seen classes of a task; the MSE for ``"none"``, which logs it only.

    ``criterion(prediction (B, A), target (B, A), labels (B,))`` -> scalar, of labels in [0, S); see
    :func:`zslcore.losses.factory.build_criterion`, which names the errors.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> from zslcore.data.tasks import test_task
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> criterion = regression_loss(RunConfig(dataset="SYNTH", loss="remse", p2=0.5), benchmark, test_task(benchmark))
    >>> criterion.p2, criterion.weights.shape  # three of the four classes are seen
    (0.5, torch.Size([3, 57]))
    """
    name = "mse" if config.loss == "none" else config.loss
    vectors = torch.from_numpy(benchmark.vectors(config.attribute_vectors)[task.seen_classes])
    counts = np.bincount(task.relabel(benchmark.labels[task.train]), minlength=task.num_seen)
    settings = {field: getattr(config, field) for field in OPTION_FIELDS} | {
        "reference": reference_value(config.reference),
        "seed": config.seed,  # of a control's draws; loss_options may name another
    }
    known = criterion_options(name)
    options = {field: value for field, value in settings.items() if field in known} | config.loss_options
    return build_criterion(name, vectors, torch.from_numpy(counts), normalize=config.normalize, **options)


class Objective(nn.Module):
    """Cosine cross entropy over the seen classes plus lambda times the regression loss, and GEMNet's own losses.

    ``forward(inputs, labels)`` takes labels in [0, S) and returns the values that ``LOGGED`` names; the first is the
    loss to minimise, the only one with a gradient.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> from zslcore.data.tasks import test_task
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> objective = Objective(RunConfig(dataset="SYNTH", loss="mse"), nn.Flatten(), benchmark, test_task(benchmark))
    >>> parts = objective(objective.attributes[[0]].neg()[:, :, None], torch.tensor([0]))  # the opposite of the truth
    >>> loss, classification, regression, amplification = parts.tolist()
    >>> round(57 * regression, 4), abs(loss - classification - 0.25 * regression) < 1e-4  # |-t - t|^2, and lambda 0.25
    (4.0, True)
    """

    def __init__(self, config: RunConfig, model: nn.Module, benchmark: Benchmark, task: ZeroShotTask) -> None:
        super().__init__()
        self.config, self.model = config, model
        self.criterion = regression_loss(config, benchmark, task)
        vectors = torch.from_numpy(benchmark.vectors(config.attribute_vectors)[task.seen_classes])
        self.register_buffer("attributes", vectors, persistent=False)
        groups = group_membership(list(attribute_groups(benchmark.attribute_names).values()), vectors.shape[1])
        self.register_buffer("groups", groups, persistent=False)

    def forward(self, inputs: Tensor, labels: Int[Tensor, " B"]) -> Float[Tensor, " 4"]:
        """One batch: loss, cross entropy, regression loss and its amplification."""
        prediction, regressed, attention_loss = self._predict(inputs)
        classification = cosine_cross_entropy(prediction, self.attributes, labels, scale=self.config.scale)
        regression = self.criterion(regressed, self.attributes[labels], labels)
        # a run without regression loss still logs the MSE, so that the curves of all methods compare
        loss = classification if self.config.loss == "none" else classification + self.config.lam * regression
        loss = loss + attention_loss
        parts = [classification, regression, self.criterion.amplification]
        return torch.stack([loss, *(part.detach().to(loss) for part in parts)])

    def _predict(self, inputs: Tensor) -> tuple[Float[Tensor, "B A"], Float[Tensor, "B A"], Float[Tensor, ""] | float]:
        """What is classified, what is regressed, and the loss of a GEMNet's attention; 0 for other networks."""
        if self.config.network != "gem":
            prediction = self.model(inputs)
            return prediction, prediction, 0.0
        head = self.model
        if self.config.fine_tune:
            inputs, head = self.model.backbone(inputs), self.model.head
        standardize, network = head
        branches = network.branches(standardize(inputs))
        return branches.prediction, branches.regressed, self._attention_loss(branches)

    def _attention_loss(self, branches: GEMBranches) -> Float[Tensor, ""] | float:
        """The losses over the queries of the attribute groups and over the attention, each by its weight."""
        loss = 0.0
        if self.config.decorrelation:
            loss = loss + self.config.decorrelation * attribute_decorrelation_loss(branches.query, self.groups)
        if self.config.compactness:
            loss = loss + self.config.compactness * compactness_loss(square_map(branches.attention))
        return loss

"""Training on frozen features: one model, one task, evaluated after every epoch.

The result of :func:`train` depends on nothing but its arguments: seeds, sampling and threads are its own.
:func:`zslcore.training.fit` puts two trainings together into a run folder.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm.auto import tqdm

from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.episodes import draw_episodes
from zslcore.data.semantics import attribute_groups
from zslcore.data.tasks import ZeroShotTask
from zslcore.determinism import reproducible, single_thread
from zslcore.errors import InputError
from zslcore.losses import (
    attribute_decorrelation_loss,
    compactness_loss,
    cosine_cross_entropy,
    cosine_scores,
    group_membership,
    mse_loss,
    square_map,
)
from zslcore.metrics import SeenUnseenCurve, per_class_accuracy, seen_unseen_curve
from zslcore.models import AttentionNet, BasicNet, GEMBranches, GEMNet, Standardize
from zslcore.remse import ReMSE

PREDICT_BATCH = 512  # images per forward pass when predicting; bounds memory, does not change the numbers


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Accuracies of a model on a task: ``t1`` among the unseen classes only, ``curve`` over all classes."""

    t1: float
    curve: SeenUnseenCurve


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training leaves: per epoch a row of numbers, an evaluation and the weights; and its seconds."""

    rows: list[dict[str, float]]
    evaluations: list[Evaluation]
    states: list[dict[str, Tensor]]
    seconds: float


class Maps:
    """Feature maps of all images of a benchmark, read by position as tensors of one device and precision."""

    def __init__(self, maps: Float[np.ndarray, "n D N"], device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype, self.num_channels = device, dtype, maps.shape[1]
        # pooled features fit into memory at once; whole maps stay on disk and are read by rows
        self.maps = torch.from_numpy(np.array(maps)).to(device, dtype) if maps.shape[2] == 1 else maps

    def __getitem__(self, images: Int[np.ndarray, " n"]) -> Float[Tensor, "n D N"]:
        if torch.is_tensor(self.maps):
            return self.maps[torch.from_numpy(images).to(self.device)]
        return torch.from_numpy(np.asarray(self.maps[images])).to(self.device, self.dtype)

    def batches(self, images: Int[np.ndarray, " n"]) -> Iterator[Float[Tensor, "b D N"]]:
        """The maps of many images, a bounded number at a time."""
        for start in range(0, len(images), PREDICT_BATCH):
            yield self[images[start : start + PREDICT_BATCH]]


def resolve_device(name: str) -> torch.device:
    """The device of a config: ``"auto"`` is the GPU where there is one.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device must be 'auto' or 'cpu' on a machine without a CUDA GPU, got 'cuda'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def build_model(config: RunConfig, num_channels: int, benchmark: Benchmark) -> nn.Module:
    """The network of a config behind its feature standardisation: (B, D, N) -> (B, A)."""
    if config.network == "basic":
        network = BasicNet(num_channels, benchmark.attributes.shape[1], hidden=config.hidden)
    elif config.network == "gem":
        word_vectors = torch.from_numpy(benchmark.word_vectors())
        network = GEMNet(num_channels, word_vectors, variant=config.gem_variant)
    else:
        word_vectors = torch.from_numpy(benchmark.word_vectors())
        network = AttentionNet(
            num_channels, word_vectors, key_dim=config.key_dim, hidden=config.hidden, ratio=config.ratio
        )
    return nn.Sequential(Standardize(num_channels), network)


@torch.inference_mode()
@single_thread()
def predict(model: nn.Module, maps: Maps, images: Int[np.ndarray, " n"]) -> Float[Tensor, "n A"]:
    """Predicted attributes of the images at these positions, in evaluation mode."""
    model.eval()
    return torch.cat([model(batch) for batch in maps.batches(images)])


@single_thread()
def evaluate(model: nn.Module, maps: Maps, benchmark: Benchmark, task: ZeroShotTask, *, scale: float) -> Evaluation:
    """T1 and the seen-unseen curve of a model on a task; scores and gamma are in units of scale x cosine."""
    attributes = torch.from_numpy(benchmark.attributes[task.classes]).to(maps.device, maps.dtype)
    scores, labels = [], []
    for images in (task.test_seen, task.test_unseen):
        scores.append(cosine_scores(predict(model, maps, images), attributes, scale=scale).cpu())
        labels.append(torch.from_numpy(task.relabel(benchmark.labels[images])))
    among_unseen = scores[1][:, task.num_seen :].argmax(1) + task.num_seen
    curve = seen_unseen_curve(scores[0], labels[0], scores[1], labels[1], num_seen=task.num_seen)
    return Evaluation(per_class_accuracy(among_unseen, labels[1]), curve)


def refuse_fine_tuning(config: RunConfig) -> None:
    """Raise InputError for a config that this version, which trains on frozen features, cannot run as it is."""
    if config.fine_tune:
        raise InputError(
            "fine_tune must be False in this version, which does not train the backbone, got True: "
            "config.replace(fine_tune=False) trains the same network on frozen features"
        )


def train(config: RunConfig, benchmark: Benchmark, maps: Float[np.ndarray, "n D N"], task: ZeroShotTask) -> Trained:
    """Train the config's model on a task, evaluating it on the task's test images after every epoch."""
    refuse_fine_tuning(config)
    start = time.perf_counter()
    with reproducible(config.seed):
        trainer = Trainer(config, benchmark, maps, task)
        rows, evaluations, states = [], [], []
        epochs = tqdm(range(config.epochs), desc=f"{task.name}: {config.loss}, seed {config.seed}", unit="epoch")
        for epoch in epochs:
            losses = trainer.epoch(epoch)
            evaluation = evaluate(trainer.model, trainer.maps, benchmark, task, scale=config.scale)
            seen, unseen, harmonic, gamma = evaluation.curve.best()
            accuracies = {"T1": evaluation.t1, "U": unseen, "S": seen, "H": harmonic, "gamma": gamma}
            rows.append({"epoch": epoch, **losses, **accuracies, "AUSUC": evaluation.curve.ausuc})
            evaluations.append(evaluation)
            state = trainer.model.state_dict()
            states.append({name: value.detach().cpu().clone() for name, value in state.items()})
            epochs.set_postfix(loss=f"{losses['loss']:.3f}", T1=f"{100 * evaluation.t1:.1f}")
    return Trained(rows, evaluations, states, time.perf_counter() - start)


def step_size(config: RunConfig, epoch: int) -> float:
    """Step size of an epoch, counted from 0: it falls every ``lr_step`` epochs, an epoch earlier if ``"released"``.

    >>> config = RunConfig(dataset="SYNTH", lr=1.0, lr_step=2, lr_decay=0.5, schedule="released")
    >>> [step_size(config, epoch) for epoch in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """
    begun = epoch + 1 if config.schedule == "released" else epoch
    return config.lr * config.lr_decay ** (begun // config.lr_step)


class Trainer:
    """Model, loss, sampler, optimiser and schedule of one training, and what they keep between epochs."""

    def __init__(
        self, config: RunConfig, benchmark: Benchmark, maps: Float[np.ndarray, "n D N"], task: ZeroShotTask
    ) -> None:
        device, dtype = resolve_device(config.device), getattr(torch, config.precision)
        self.config, self.task = config, task
        self.maps = Maps(maps, device, dtype)
        self.labels = task.relabel(benchmark.labels[task.train])
        self.attributes = torch.from_numpy(benchmark.attributes[task.seen_classes]).to(device, dtype)
        self.rng = np.random.default_rng(config.seed)
        self.model = build_model(config, self.maps.num_channels, benchmark).to(device, dtype)
        if config.standardize:
            self.model[0].fit(self.maps.batches(task.train))
        self.remse = None
        if config.loss == "remse":
            names = ("p", "p2", "memory", "reference", "unit_mean")
            settings = {name: getattr(config, name) for name in names}
            self.remse = ReMSE(*self.attributes.shape, **settings).to(device, dtype)
        groups = attribute_groups(benchmark.attribute_names).values()
        self.groups = group_membership(list(groups), self.attributes.shape[1]).to(device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )

    def epoch(self, index: int) -> dict[str, float]:
        """Train for one epoch (counted from 0): mean losses, mean amplification of lambda, step size."""
        config = self.config
        lr = step_size(config, index)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.model.train()
        episodes = draw_episodes(
            self.labels, ways=config.ways, shots=config.shots, episodes=config.episodes, rng=self.rng
        )
        totals = sum(self._batch(images) for images in episodes)
        names = ("loss", "classification_loss", "regression_loss", "amplification")
        return dict(zip(names, (totals / len(episodes)).tolist(), strict=True)) | {"lr": lr}

    def _batch(self, images: Int[np.ndarray, " b"]) -> Float[Tensor, " 4"]:
        """One step on the training images at these positions of the task: the four numbers that are logged."""
        labels = torch.from_numpy(self.labels[images]).to(self.maps.device)
        prediction, regressed, attention_loss = self._forward(self.maps[self.task.train[images]])
        classification = cosine_cross_entropy(prediction, self.attributes, labels, scale=self.config.scale)
        target = self.attributes[labels]
        if self.remse is None:
            regression, amplification = mse_loss(regressed, target), torch.ones_like(classification)
        else:
            regression = self.remse(regressed, target, labels)
            amplification = self.remse.amplification
        # a run without regression loss still logs the MSE, so that the curves of all methods compare
        loss = classification if self.config.loss == "none" else classification + self.config.lam * regression
        loss = loss + attention_loss
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return torch.stack([loss, classification, regression, amplification]).detach().double()

    def _forward(
        self, maps: Float[Tensor, "b D N"]
    ) -> tuple[Float[Tensor, "b A"], Float[Tensor, "b A"], Float[Tensor, ""] | float]:
        """What is classified, what is regressed, and the loss of a GEMNet's attention; 0 for other networks."""
        if self.config.network != "gem":
            prediction = self.model(maps)
            return prediction, prediction, 0.0
        standardize, network = self.model
        branches = network.branches(standardize(maps))
        return branches.prediction, branches.regressed, self._attention_loss(branches)

    def _attention_loss(self, branches: GEMBranches) -> Float[Tensor, ""] | float:
        """The losses over the queries of the attribute groups and over the attention, each by its weight."""
        loss = 0.0
        if self.config.decorrelation:
            loss = loss + self.config.decorrelation * attribute_decorrelation_loss(branches.query, self.groups)
        if self.config.compactness:
            loss = loss + self.config.compactness * compactness_loss(square_map(branches.attention))
        return loss

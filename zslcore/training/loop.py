"""One training: one model, one task, evaluated after every epoch, resumed after an interruption.

On a CPU, the result of :func:`train` depends only on its arguments, not on global seeds or the number of threads. On a
GPU, convolutions are deterministic too; ``docs/cluster.md`` says which trainings were compared.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float, Int
from torch import Tensor

from zslcore._io.determinism import reproducible
from zslcore._io.distributed import share_buffers, share_of_batch
from zslcore._io.progress import progress_bar
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.data.tasks import ZeroShotTask
from zslcore.errors import InputError
from zslcore.losses.modules import LearntNoise
from zslcore.training.checkpoints import Checkpoints, restore_tensors, training_key, training_tensors
from zslcore.training.device import callers_accelerate, make_accelerator, weight_dtype
from zslcore.training.evaluation import evaluate
from zslcore.training.inputs.episodes import draw_batches, draw_episodes
from zslcore.training.inputs.sources import Inputs
from zslcore.training.objective import Losses, Objective, build_model
from zslcore.training.tensorboard import logbook


@dataclass(eq=False)
class Trained:
    """The result of a training.

    Attributes:
        rows: per epoch, counted from 0: losses, amplification, step size, and accuracies in [0, 1] on the task's test
            images.
        state: the weights after the last epoch, on the CPU.
        seconds: time of all epochs, including those before an interruption.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    state: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0


@callers_accelerate()
def train(
    config: RunConfig,
    benchmark: Benchmark,
    inputs: Inputs,
    task: ZeroShotTask,
    *,
    checkpoints: Path | None = None,
    contents: dict[str, str] | None = None,
    progress: bool = True,
) -> Trained:
    """Train the model of a config on a task, and evaluate it on the task's test images after every epoch.

    Args:
        config: the settings.
        benchmark: holds labels and attribute vectors.
        inputs: the inputs of all images of the benchmark.
        task: names the training images, the test images and the classes.
        checkpoints: a folder for the state after each epoch. An interrupted training resumes from it, on a CPU with
            identical results.
        contents: hashes of the files that the inputs come from, see
            :func:`zslcore.training.inputs.contents.file_contents`. They identify the training.
        progress: show a bar over the epochs.

    Raises:
        InputError: if the folder has the state of another training, or if the training diverges.
    """
    accelerator = make_accelerator(config)
    with reproducible(config.seed):
        trainer = Trainer(config, benchmark, inputs, task, accelerator)
        trained = Trained()
        store = None
        if checkpoints is not None:
            processes = accelerator.num_processes
            key = training_key(config, benchmark, contents or {}, task=task.name, processes=processes)
            store = Checkpoints(checkpoints, key)
            if (found := store.load()) is not None:
                stored, tensors = found
                trained.rows, trained.seconds = stored["rows"], stored["seconds"]
                restore_tensors(tensors, trainer.plain_objective, trainer.optimizers)
                trainer.rng.bit_generator.state = stored["sampler"]
        done, epochs, main = len(trained.rows), config.epochs, accelerator.is_main_process
        title, hidden = f"{task.name}: {config.loss}, seed {config.seed}", not (progress and main)
        bar = progress_bar(range(done, epochs), hidden=hidden, desc=title, unit="epoch", initial=done, total=epochs)
        with logbook(checkpoints, done, enabled=main) as log:
            for epoch in bar:
                start = time.perf_counter()
                # draws of a layer such as dropout do not depend on the epochs before, so none of them is stored
                torch.manual_seed(int(np.random.SeedSequence([config.seed, epoch]).generate_state(1)[0]))
                row = {"epoch": epoch} | trainer.epoch(epoch) | trainer.evaluate(epoch)
                trained.rows.append(row)
                trained.seconds += time.perf_counter() - start
                log(epoch, row)
                if store is not None:
                    state = {"rows": trained.rows, "seconds": trained.seconds}
                    state["sampler"] = trainer.rng.bit_generator.state
                    store.save(accelerator, state, training_tensors(trainer.plain_objective, trainer.optimizers))
                bar.set_postfix(loss=f"{row['loss']:.3f}", T1=f"{100 * row['T1']:.1f}")
        trained.state = trainer.weights()
        return trained


def _diverged(what: str, epoch: int, step: int) -> InputError:
    return InputError(
        f"training diverged: the {what} stopped being finite in epoch {epoch}, step {step} (both counted from 0); "
        "a smaller lr, lam, p or p2, or a clip above 0, may help"
    )


def step_size(config: RunConfig, epoch: int) -> float:
    """Step size in an epoch, counted from 0: it falls every ``lr_step`` epochs, one epoch earlier if ``"released"``.

    Example:
        >>> config = RunConfig(dataset="SYNTH", lr=1.0, lr_step=2, lr_decay=0.5, schedule="released")
        >>> [step_size(config, epoch) for epoch in range(4)]
        [1.0, 0.5, 0.5, 0.25]
    """
    begun = epoch + 1 if config.schedule == "released" else epoch
    return config.lr * config.lr_decay ** (begun // config.lr_step)


# The noise that a loss learns (LearntNoise) has a gradient of arbitrary scale, so it is trained with Adam. A step
# changes it by 5 % at first, and by less as the network's step size falls.
NOISE_LR = 0.05


class Trainer:
    """Objective, sampler and optimisers of one training; :func:`train` seeds it and saves its state."""

    def __init__(
        self, config: RunConfig, benchmark: Benchmark, inputs: Inputs, task: ZeroShotTask, accelerator: Accelerator
    ) -> None:
        self.config, self.benchmark, self.inputs, self.task = config, benchmark, inputs, task
        self.accelerator = accelerator
        self.labels = task.relabel(benchmark.labels[task.train])
        self.rng = np.random.default_rng(config.seed)
        dtype = weight_dtype(config.precision)
        self.model = build_model(config, benchmark, num_channels=inputs.num_channels).to(inputs.device, dtype)
        if config.standardize:
            self.model.standardize.fit(inputs.batches(task.train))
        objective = Objective(config, self.model, benchmark, task).to(inputs.device, dtype)
        self.criterion = objective.criterion
        self._learns_noise = isinstance(self.criterion, LearntNoise)
        weights, noise = self.model.parameters(), self.criterion.parameters()
        sgd = torch.optim.SGD(weights, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
        self.optimizers = [sgd]
        if self._learns_noise:
            # errors fall, so gradients are averaged over 100 steps only; they can be near 1e-8, hence the small eps
            self.optimizers.append(torch.optim.Adam(noise, lr=NOISE_LR, betas=(0.9, 0.99), eps=1e-15))
        self.plain_objective = objective  # without the wrappers of several processes and of compilation
        # steps call the optimisers themselves, because accelerate's wrappers search sys.path in each step
        self.objective, *_ = accelerator.prepare(objective, *self.optimizers)

    def epoch(self, index: int) -> dict[str, float]:
        """Train for one epoch, counted from 0; InputError if the loss or a weight is no longer finite.

        Returns the means of :class:`zslcore.training.objective.Losses` over the steps, the step size ``lr``, and for
        losses that learn a noise ``sigma``, its geometric mean over the attributes at the end of the epoch.
        """
        lr = step_size(self.config, index)
        for optimizer, size in zip(self.optimizers, (lr, NOISE_LR * lr / self.config.lr), strict=False):
            for group in optimizer.param_groups:
                group["lr"] = size
        self.objective.train()
        batches = self._draw()
        rank, processes = share_of_batch()
        images = self.task.train[batches]
        read = self.inputs.training(images, seed=self.config.seed, epoch=index, share=(rank, processes))
        labels = torch.from_numpy(self.labels[batches][:, rank::processes]).to(self.inputs.device)
        image_labels = self._image_labels(images[:, rank::processes])
        steps = [self._step(*batch) for batch in zip(read, labels, image_labels, strict=True)]
        share_buffers(self.model)  # each process predicts a part, and the first one's model is kept
        means = Losses(*(sum(values) / len(steps) for values in zip(*steps, strict=True)))
        means = self.accelerator.reduce(means, "mean")
        self._check_finite(torch.stack([step.loss for step in steps]), means.loss, index)
        row = {name: mean.item() for name, mean in means._asdict().items()}
        if self._learns_noise:
            row["sigma"] = self.criterion.log_sigma.mean().exp().item()
        return row | {"lr": lr}

    def _check_finite(self, losses: Float[Tensor, " steps"], mean: Float[Tensor, ""], epoch: int) -> None:
        """Raise InputError if the training diverged; once an epoch, since reading a loss makes a GPU wait."""
        finite = mean.isfinite() & torch.stack([part.isfinite().all() for part in self.objective.parameters()]).all()
        if finite:
            return
        lost = (~self.accelerator.reduce(losses, "mean").isfinite()).nonzero()
        raise _diverged("loss", epoch, lost[0].item()) if len(lost) else _diverged("weights", epoch, len(losses) - 1)

    def evaluate(self, epoch: int) -> dict[str, float]:
        """T1, AUSUC, and the best U, S, H and gamma on the task's test images after an epoch."""
        try:
            return evaluate(self.config, self.model, self.inputs, self.benchmark, self.task).best()
        except InputError as error:  # large finite weights may still give scores that are not finite
            raise _diverged("scores", epoch, self.config.episodes - 1) from error

    def weights(self) -> dict[str, Tensor]:
        """A copy of the model's state, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}

    def _draw(self) -> Int[np.ndarray, "steps batch"]:
        config = self.config
        if config.sampling == "random":
            size = config.ways * config.shots
            return draw_batches(len(self.labels), size=size, batches=config.episodes, rng=self.rng)
        return draw_episodes(self.labels, ways=config.ways, shots=config.shots, episodes=config.episodes, rng=self.rng)

    def _image_labels(self, images: Int[np.ndarray, "steps b"]) -> Iterator[Float[Tensor, "b A"] | None]:
        """The image labels of every batch; None if the targets are class vectors."""
        for of_batch in images:
            if self.config.targets == "classes":
                yield None
            else:
                values = torch.from_numpy(self.benchmark.image_attributes[of_batch])
                yield values.to(self.inputs.device, weight_dtype(self.config.precision))

    def _step(
        self, inputs: Tensor, labels: Int[Tensor, " b"], image_labels: Float[Tensor, "b A"] | None = None
    ) -> Losses:
        """One step of the optimisers; its losses, detached."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses = self.objective(inputs, labels, image_labels)
        losses.loss.backward()
        if self.config.clip:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        # copies, since the next step of a compiled objective may reuse the memory of its outputs
        return Losses(*(value.detach().to(torch.float64, copy=True) for value in losses))

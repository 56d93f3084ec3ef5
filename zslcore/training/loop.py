"""One training: one model, one task, evaluated after every epoch, resumed where it was cut off.

The result of :func:`train` depends on nothing but its arguments: seeds, sampling and threads are its own.
:func:`zslcore.training.fit` puts two trainings together into a run folder.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from zslcore.training.checkpoints import Checkpoints
from zslcore.training.device import autocast, make_accelerator
from zslcore.training.evaluation import Evaluation, evaluate
from zslcore.training.inputs.episodes import draw_batches, draw_episodes
from zslcore.training.inputs.sources import Inputs, file_contents, weight_dtype
from zslcore.training.objective import LOGGED, Objective, build_model
from zslcore.training.tensorboard import logbook


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training leaves: a row of numbers per epoch, the kept epoch and its weights, the last weights, seconds.

    ``rows``: losses, amplification, step size, and on the task's test images the accuracies in [0, 1]. Epochs count
    from 0; weights are on the CPU; seconds are those of all epochs, also before an interruption.
    """

    rows: list[dict[str, float]]
    kept: int
    state: dict[str, Tensor]
    last: dict[str, Tensor]
    seconds: float


def train(
    config: RunConfig,
    benchmark: Benchmark,
    inputs: Inputs,
    task: ZeroShotTask,
    *,
    keep: int | None = None,
    checkpoints: Path | None = None,
    progress: bool = True,
) -> Trained:
    """Train the config's model on a task, evaluating it on the task's test images after every epoch.

    Keeps the weights of epoch ``keep``, by default of the epoch with the best harmonic mean (the first of equals).
    ``checkpoints``: a folder for the state after each epoch; a training cut off there goes on as if it never had been.
    ``progress`` shows a bar over the epochs. Raises InputError for a training that diverges, for an episode that the
    task cannot fill, and for checkpoints of another training.

    >>> import tempfile
    >>> from zslcore.synthbirds import generate
    >>> from zslcore.data.tasks import test_task
    >>> from zslcore.training.inputs.sources import Maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = generate(folder, num_classes=4, num_unseen=1, images_per_class=2, size=32, workers=1)
    ...     benchmark = Benchmark.load(root, "SYNTH")
    >>> maps = benchmark.attributes[benchmark.labels] @ np.eye(57, 1280, dtype=np.float32)  # that show the attributes
    >>> inputs = Maps(maps[:, :, None], torch.device("cpu"), torch.float32)
    >>> config = RunConfig(dataset="SYNTH", epochs=2, episodes=10, ways=3, shots=1, device="cpu")
    >>> first, last = train(config, benchmark, inputs, test_task(benchmark), progress=False).rows
    >>> last["loss"] < first["loss"], last["S"]  # all classes of the training are recognised
    (True, 1.0)
    """
    accelerator = make_accelerator(config)
    with reproducible(config.seed):
        trainer = Trainer(config, benchmark, inputs, task, accelerator)
        history = History(keep, [], -1, {}, 0.0)
        store = None
        if checkpoints is not None:
            key = {"config": config.to_dict(), "fingerprint": benchmark.fingerprint, "task": task.name, "keep": keep}
            key |= {"processes": accelerator.num_processes, "contents": file_contents(config)}
            store = Checkpoints(checkpoints, key)
            history.resume(trainer, store)
        with logbook(checkpoints, len(history.rows), enabled=accelerator.is_main_process) as log:
            _train_epochs(trainer, history, store, log, progress=progress and accelerator.is_main_process)
        return Trained(history.rows, history.kept, history.state, trainer.weights(), history.seconds)


def _train_epochs(
    trainer: "Trainer", history: "History", store: Checkpoints | None, log: Any, *, progress: bool
) -> None:
    config, done = trainer.config, len(history.rows)
    title = f"{trainer.task.name}: {config.loss}, seed {config.seed}"
    settings = {"desc": title, "unit": "epoch", "initial": done, "total": config.epochs}
    epochs = progress_bar(range(done, config.epochs), disable=not progress, **settings)
    for epoch in epochs:
        start = time.perf_counter()
        losses = trainer.epoch(epoch)
        row = {"epoch": epoch, **losses, **_accuracies(trainer, epoch)}
        history.add(row, trainer.weights, time.perf_counter() - start)
        log(epoch, row)
        if store is not None:
            progress = {"rows": history.rows, "kept": history.kept, "seconds": history.seconds}
            store.save(trainer.accelerator, progress | {"sampler": trainer.rng.bit_generator.state}, history.state)
        epochs.set_postfix(loss=f"{losses['loss']:.3f}", T1=f"{100 * row['T1']:.1f}")


def _accuracies(trainer: "Trainer", epoch: int) -> dict[str, float]:
    """T1, AUSUC, U, S and H after an epoch; finite weights can be so large that they give no finite scores."""
    try:
        return trainer.evaluate().best()
    except InputError as error:
        raise _diverged("scores", epoch, trainer.config.episodes - 1) from error


def _diverged(what: str, epoch: int, step: int) -> InputError:
    return InputError(
        f"training diverged: the {what} stopped being finite in epoch {epoch}, step {step} (both counted from 0); "
        "a smaller lr, lam, p or p2, or a clip above 0, may help"
    )


@dataclass
class History:
    """Rows of the epochs so far, and the weights of the one to keep: epoch ``keep``, or the best so far.

    >>> history = History(None, [], -1, {}, 0.0)
    >>> for epoch, harmonic in enumerate([0.2, 0.5, 0.5]):
    ...     history.add({"epoch": epoch, "H": harmonic}, dict, seconds=1.5)
    >>> history.kept, history.seconds  # the first of equals
    (1, 4.5)
    """

    keep: int | None
    rows: list[dict[str, float]]
    kept: int
    state: dict[str, Tensor]
    seconds: float

    def add(self, row: dict[str, float], weights: Any, seconds: float) -> None:
        """Note an epoch; ``weights()`` is called when they are to be kept."""
        better = self.kept < 0 or row["H"] > self.rows[self.kept]["H"]
        self.rows.append(row)
        self.seconds += seconds
        if row["epoch"] == self.keep or (self.keep is None and better) or self.kept < 0:
            self.kept, self.state = row["epoch"], weights()

    def resume(self, trainer: "Trainer", store: Checkpoints) -> None:
        """Take up the last checkpoint, if there is one."""
        found = store.load(trainer.accelerator)
        if found is not None:
            progress, self.state = found
            self.rows, self.kept, self.seconds = progress["rows"], progress["kept"], progress["seconds"]
            trainer.rng.bit_generator.state = progress["sampler"]


def step_size(config: RunConfig, epoch: int) -> float:
    """Step size of an epoch, counted from 0: it falls every ``lr_step`` epochs, an epoch earlier if ``"released"``.

    >>> config = RunConfig(dataset="SYNTH", lr=1.0, lr_step=2, lr_decay=0.5, schedule="released")
    >>> [step_size(config, epoch) for epoch in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """
    begun = epoch + 1 if config.schedule == "released" else epoch
    return config.lr * config.lr_decay ** (begun // config.lr_step)


# Adam for the noise that a loss learns (LearntNoise), whose gradient's scale says nothing: 5 % a step, falling as the
# network's step size does; a memory of 100 steps, since errors fall; Adam's own eps, 1e-8, is their size.
NOISE_LR = 0.05
NOISE_BETAS = (0.9, 0.99)
NOISE_EPS = 1e-15


class Trainer:
    """Objective, sampler and optimisers of one training, and what they keep between epochs.

    For :func:`train`, which seeds it, keeps its history and saves its state. ``task`` names images of ``benchmark``,
    which ``inputs`` holds; ``accelerator`` is :func:`zslcore.training.device.make_accelerator`'s.
    """

    def __init__(
        self, config: RunConfig, benchmark: Benchmark, inputs: Inputs, task: ZeroShotTask, accelerator: Accelerator
    ) -> None:
        self.config, self.benchmark, self.inputs, self.task = config, benchmark, inputs, task
        self.accelerator = accelerator
        self.labels = task.relabel(benchmark.labels[task.train])
        self.vectors = benchmark.vectors(config.attribute_vectors)
        self.rng = np.random.default_rng(config.seed)
        self.model = build_model(config, benchmark).to(inputs.device, weight_dtype(config))
        if config.standardize:
            self.model[0].fit(inputs.batches(task.train))
        objective = Objective(config, self.model, benchmark, task).to(inputs.device, weight_dtype(config))
        self.criterion = objective.criterion
        self._learns_noise = isinstance(self.criterion, LearntNoise)
        settings = {"lr": config.lr, "momentum": config.momentum, "weight_decay": config.weight_decay}
        optimizers = [torch.optim.SGD(self.model.parameters(), **settings)]
        if self._learns_noise:
            settings = {"lr": NOISE_LR, "betas": NOISE_BETAS, "eps": NOISE_EPS}
            optimizers.append(torch.optim.Adam(self.criterion.parameters(), **settings))
        self.objective, *self.optimizers = accelerator.prepare(objective, *optimizers)

    def epoch(self, index: int) -> dict[str, float]:
        """Train for one epoch (counted from 0): mean losses, mean amplification of lambda, step size.

        And ``sigma``, for losses that learn one: the geometric mean over the attributes at the end of the epoch.
        Raises InputError when the loss or a weight is no longer finite.
        """
        lr = step_size(self.config, index)
        for optimizer, size in zip(self.optimizers, (lr, NOISE_LR * lr / self.config.lr), strict=False):
            for group in optimizer.param_groups:
                group["lr"] = size
        self.objective.train()
        batches = self._draw()
        share = share_of_batch()
        read = self.inputs.training(self.task.train[batches], seed=self.config.seed, epoch=index, share=share)
        labels = torch.from_numpy(self.labels[batches][:, share[0] :: share[1]]).to(self.inputs.device)
        logged = [self._step(batch, of_batch) for batch, of_batch in zip(read, labels, strict=True)]
        share_buffers(self.model)  # one model in all processes: each predicts a part, and the first one's is kept
        means = self.accelerator.reduce(sum(logged) / len(batches), "mean")
        self._check_finite(torch.stack(logged)[:, 0], means[0], index)
        noise = {"sigma": self.criterion.log_sigma.mean().exp().item()} if self._learns_noise else {}
        return dict(zip(LOGGED, means.tolist(), strict=True)) | noise | {"lr": lr}

    def _check_finite(self, losses: Float[Tensor, " steps"], mean: Float[Tensor, ""], epoch: int) -> None:
        """InputError that names the epoch and the step, counted from 0, in which a training diverged.

        Once an epoch, since a GPU would wait for every look at a loss; all processes come to the same end.
        """
        finite = mean.isfinite() & torch.stack([part.isfinite().all() for part in self.objective.parameters()]).all()
        if finite:
            return
        lost = (~self.accelerator.reduce(losses, "mean").isfinite()).nonzero()
        raise _diverged("loss", epoch, lost[0].item()) if len(lost) else _diverged("weights", epoch, len(losses) - 1)

    def evaluate(self) -> Evaluation:
        """Accuracies on the task's test images."""
        with autocast(self.config, self.inputs.device):
            return evaluate(self.model, self.inputs, self.vectors, self.benchmark, self.task, scale=self.config.scale)

    def weights(self) -> dict[str, Tensor]:
        """A copy of the model's state, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}

    def _draw(self) -> Int[np.ndarray, "steps batch"]:
        config = self.config
        if config.sampling == "random":
            return draw_batches(
                len(self.labels), size=config.ways * config.shots, batches=config.episodes, rng=self.rng
            )
        sizes = {"ways": config.ways, "shots": config.shots, "episodes": config.episodes}
        return draw_episodes(self.labels, **sizes, rng=self.rng)

    def _step(self, inputs: Tensor, labels: Int[Tensor, " b"]) -> Float[Tensor, " 4"]:
        """One step of the optimisers: the numbers that are logged."""
        logged = self.objective(inputs, labels)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(logged[0])
        if self.config.clip:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        return logged.detach().double()

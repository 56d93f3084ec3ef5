"""Training: whole runs on frozen features, and steps that fine-tune a backbone."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import nn

from benchmarks.harness import Row, Timing, flops_of, gpu_seconds, measure, peak_memory, product_of
from benchmarks.remse import batch
from zslcore._io.locations import data_root
from zslcore.backbone import build_backbone
from zslcore.config import RunConfig
from zslcore.data import Benchmark, load_benchmark
from zslcore.data.images import resized_side
from zslcore.data.tasks import fold_tasks, test_task
from zslcore.losses import l2_normalize
from zslcore.remse import ReMSE, class_error, remse_weights
from zslcore.training.device import make_accelerator
from zslcore.training.inputs.pictures import Pictures
from zslcore.training.inputs.sources import Maps, PictureInputs
from zslcore.training.loop import Trainer
from zslcore.training.protocols import fold_config

CHANNELS, LOCATIONS = 1280, 49  # of EfficientNet-Lite0 at 224 px
GOALS = {"basic": 10, "attention": 120}  # seconds of a run
MEASURED = {"basic": 40, "attention": 6}  # episodes that are measured
# backbone, image size, images a step on the CPU and on a GPU
DISTINCT = 64  # pictures of noise, which are used again and again
GPU_STEPS = 20  # steps of a fine-tuned backbone that are measured together, since a GPU works behind the processor
FINE_TUNED = [("efficientnet_lite0", 160, 16, 32), ("efficientnet_lite0", 224, 16, 32), ("resnet101", 448, 2, 32)]


def noise_pictures(folder: Path, size: int, number: int) -> Pictures:
    """Decoded pictures of noise, of the shape that photographs have before a crop to ``size`` pixels."""
    height = resized_side(size, 8 / 7)
    width = height * 4 // 3
    num_bytes = 3 * height * width
    np.random.default_rng(0).integers(256, size=DISTINCT * num_bytes, dtype=np.uint8).tofile(folder / "pictures.bin")
    offsets = np.arange(number) % DISTINCT * num_bytes
    np.savez(folder / "index.npz", shapes=np.full((number, 2), [height, width]), offsets=offsets)
    return Pictures(folder, size)


def benchmark_at_hand() -> Benchmark:
    """CUB100 where the data folder holds it, else SYNTH."""
    return load_benchmark("CUB100" if (data_root() / "xlsa17" / "data" / "CUB100").is_dir() else "SYNTH")


def steps_of_run(config: RunConfig, benchmark: Benchmark) -> int:
    """Steps of all trainings of a run: on the folds of the seen classes, and on all of them."""
    episodes = [fold_config(config, benchmark, fold).episodes for fold in fold_tasks(benchmark)]
    return config.epochs * (sum(episodes) + config.episodes)


def plain_loop(config: RunConfig, benchmark: Benchmark, device: str) -> Callable[[int], None]:
    """A linear map trained with cosine cross entropy and ReMSE, in torch alone; takes the number of steps."""
    vectors = torch.from_numpy(benchmark.attributes[benchmark.seen_classes]).to(device)
    features = torch.randn(4000, CHANNELS, device=device)
    labels = torch.randint(len(vectors), (len(features),), device=device)
    model = nn.Linear(CHANNELS, vectors.shape[1]).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=config.lr, momentum=config.momentum)

    def run(steps: int) -> None:
        for rows in torch.randint(len(features), (steps, config.ways * config.shots), device=device):
            prediction, target, truth = model(features[rows]), vectors[labels[rows]], labels[rows]
            direction = l2_normalize(prediction)
            loss = F.cross_entropy(config.scale * direction @ vectors.T, truth)
            weights = remse_weights(class_error(prediction, target, truth, len(vectors)), p=config.p, p2=config.p2)
            loss = loss + config.lam * (weights[truth] * (direction - target).square()).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return run


def rows(device: str) -> Iterator[Row]:
    """Two runs on frozen features, and steps of three fine-tuned backbones."""
    benchmark = benchmark_at_hand()
    for network in GOALS:
        yield _frozen(network, benchmark, device)
    for backbone, size, few, many in FINE_TUNED:
        images = many if device == "cuda" else few
        with tempfile.TemporaryDirectory() as folder:
            yield _fine_tuned(backbone, size, images, benchmark, device, Path(folder))


def _frozen(network: str, benchmark: Benchmark, device: str) -> Row:
    config = RunConfig.study(benchmark.name, method="remse").replace(network=network, device=device)
    rng = np.random.default_rng(0)
    locations = 1 if network == "basic" else LOCATIONS
    some = rng.normal(size=(500, CHANNELS, locations)).astype(np.float32 if network == "basic" else np.float16)
    maps: Float[np.ndarray, "n D N"] = np.tile(some, (len(benchmark.labels) // 500 + 1, 1, 1))[: len(benchmark.labels)]
    inputs = Maps(maps, torch.device(device), torch.float32)
    measured = config.replace(episodes=MEASURED[network])
    trainer = Trainer(measured, benchmark, inputs, test_task(benchmark), make_accelerator(measured))
    steps = steps_of_run(config, benchmark)
    evaluations = config.epochs * (len(fold_tasks(benchmark)) + 1)
    flops = flops_of(lambda: trainer.epoch(0)) / measured.episodes
    part = min(steps, max(1, round(2e10 / flops)))
    functions = {"epoch": lambda: trainer.epoch(0), "evaluation": lambda: trainer.evaluate(0)}
    functions["floor"] = product_of(part * flops, device)
    if network == "basic":
        loop = plain_loop(config, benchmark, device)
        functions["plain"] = lambda: loop(measured.episodes)
    times = measure(device, 3, **functions)
    epochs = zip(times["epoch"].seconds, times["evaluation"].seconds, strict=True)
    ours = [steps / measured.episodes * epoch + evaluations * test for epoch, test in epochs]
    plain = times["plain"].scaled(steps / measured.episodes) if network == "basic" else None
    goal = GOALS[network]
    at_floor = times["epoch"].median <= 1.25 * times["floor"].median * measured.episodes / part
    described = f"plain: the same {steps:,} steps in torch alone, without evaluation; " if plain else ""
    return Row(
        what=f"frozen training, {network}",
        size=f"{benchmark.name}, {steps:,} steps in four trainings, {evaluations} evaluations",
        ours=Timing(ours),
        plain=plain,
        floor=times["floor"].scaled(steps / part),
        target=f"{goal} s, or 1.25 times the floor",
        met=float(np.median(ours)) <= goal or at_floor,
        note=f"{described}floor: matrix product of the steps' {steps * flops / 1e9:.0f} GFLOP; from "
        f"{measured.episodes} steps and an evaluation",
        memory=peak_memory(lambda: trainer.epoch(0), device),
        device=device,
    )


def _fine_tuned(backbone: str, size: int, images: int, benchmark: Benchmark, device: str, folder: Path) -> Row:
    """A step, with the crops, against the backbone alone; on a GPU bf16 and compiled against float32 as it stands."""
    torch.compiler.reset()  # or the second size would be compiled for sizes of any kind
    config = RunConfig.study(benchmark.name, method="remse").replace(
        backbone=backbone, weights="random", image_size=size, fine_tune=True, standardize=False, device=device
    )
    steps = GPU_STEPS if device == "cuda" else 1
    config = config.replace(ways=images // 2, shots=2, episodes=steps, lr=1e-4)
    task, pictures = test_task(benchmark), noise_pictures(folder, size, len(benchmark.labels))
    inputs = PictureInputs(pictures, pictures, torch.device(device), torch.float32)

    def epoch(**changes: object) -> Callable[[], object]:
        changed = config.replace(**changes)
        trainer = Trainer(changed, benchmark, inputs, task, make_accelerator(changed))
        return lambda: trainer.epoch(0)

    model = build_backbone(backbone, weights="random").train().to(device, memory_format=torch.channels_last)
    crops = torch.rand(images, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)

    def backbone_alone() -> None:
        model(crops).mean().backward()

    # a backward pass costs two forward passes; the counter takes the gradients of grouped convolutions for full ones
    flops = 3 * flops_of(lambda: model(crops))
    if device == "cuda":
        functions = {"ours": epoch(precision="bf16", compile=True), "plain": epoch()}
        functions["floor"] = product_of(steps * flops, device, torch.bfloat16)
        target, goal, described = "3 times float32, eager", 3.0, "plain: float32, eager, with the same crops"
    else:
        functions = {"ours": epoch(), "plain": backbone_alone, "floor": product_of(flops, device)}
        target, goal, described = "1.2 times the backbone", 1 / 1.2, "plain: forward and backward of the backbone alone"
    times = measure(device, 3 if size < 448 or device == "cuda" else 1, **functions)
    if device == "cuda":
        busy = [100 * gpu_seconds(functions[name]) / times[name].median for name in ("ours", "plain")]
        described += f"; the GPU is busy for {busy[0]:.0f} % of the time (plain: {busy[1]:.0f} %)"
    times = {name: timing.scaled(1 / steps) for name, timing in times.items()}
    gain = times["plain"].median / times["ours"].median
    share = _remse_seconds(images, device) / times["ours"].median
    return Row(
        what=f"fine-tuning, {backbone}",
        size=f"{size} px, {images} images a step",
        **times,
        target=target,
        met=gain >= goal,
        note=f"{described}; floor: matrix product of {flops / 1e9:.0f} GFLOP; {images / times['ours'].median:.1f} "
        "images per second, cropped at random from decoded pictures; ReMSE at the size of CUB, forward and backward, "
        f"takes {100 * share:.3f} % of that time if it is not compiled",
        memory=peak_memory(functions["ours"], device) if device == "cuda" else None,
        device=device,
    )


def _remse_seconds(images: int, device: str) -> float:
    """Forward and backward pass of ReMSE for predictions of 312 attributes and 150 classes."""
    prediction, target, labels = batch(images, 150, 312, device)
    prediction.requires_grad_()
    remse = ReMSE(150, 312, p=0.1, p2=0.75, normalize=True).to(device)
    return measure(device, 10, loss=lambda: remse(prediction, target, labels).backward())["loss"].median

"""Extraction of frozen features from image files, against the backbone's own forward pass."""

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from unittest import mock

import torch

from benchmarks.harness import Row, Timing, flops_of, product_of, synchronize
from benchmarks.training import benchmark_at_hand
from zslcore.backbone import build_backbone
from zslcore.data.images import eval_transform, read_image
from zslcore.training.inputs.features import CPU_BATCH, GPU_BATCH, frozen_features

BACKBONE, SIZE = "efficientnet_lite0", 224
REPEATS = 3
IMAGES = {"cpu": 300, "cuda": 2000}


def rows(device: str) -> Iterator[Row]:
    """EfficientNet-Lite0 at 224 px. Images are decoded in other processes, so the times are those of a clock."""
    whole, num_images = benchmark_at_hand(), IMAGES[device]
    benchmark = dataclasses.replace(whole, labels=whole.labels[:num_images], image_paths=whole.image_paths[:num_images])
    model = build_backbone(BACKBONE).to(device, memory_format=torch.channels_last)
    size = CPU_BATCH if device == "cpu" else GPU_BATCH
    transform = eval_transform(SIZE)
    batch = torch.stack([transform(read_image(path)) for path in benchmark.image_paths[:size]])
    batch = batch.to(device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def forward() -> None:
        for _ in range(num_images // size):
            model(batch)

    @torch.inference_mode()
    def one_batch() -> None:
        model(batch)

    def extract() -> None:
        with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, ZSLCORE_CACHE=cache):
            frozen_features(benchmark, backbone=BACKBONE, size=SIZE)

    flops = flops_of(one_batch) * num_images / size
    times = _measure(device, ours=extract, plain=forward, floor=product_of(flops, device))
    ratio = times["ours"].median / times["plain"].median
    yield Row(
        what="feature extraction",
        size=f"{benchmark.name}, {num_images} images, {SIZE} px",
        **times,
        target="1.3 times the forward pass",
        met=ratio <= 1.3,
        note=f"plain: the backbone's forward pass on decoded images; {ratio:.2f} times that; floor: matrix product of "
        f"{flops / 1e9:.0f} GFLOP; includes the start of a process that decodes",
        device=device,
    )


def _measure(device: str, **functions: Callable[[], object]) -> dict[str, Timing]:
    """As :func:`benchmarks.harness.measure`, by a clock."""
    seconds = {name: [] for name in functions}
    for _ in range(REPEATS):
        for name, function in functions.items():
            synchronize(device)
            start = time.perf_counter()
            function()
            synchronize(device)
            seconds[name].append(time.perf_counter() - start)
    return {name: Timing(values) for name, values in seconds.items()}

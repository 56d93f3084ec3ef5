"""The exact seen-unseen curve, against a sweep over gamma in steps of 0.01."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int

from benchmarks.harness import Row, Timing, copy_of, measure, peak_memory
from zslcore.metrics import CurveAccumulator, seen_unseen_curve

STEP = 0.01
# test images of seen and of unseen classes, classes, seen classes
SIZES = {"CUB": (1764, 2967, 200, 150), "SUN": (2580, 1440, 717, 645)}
IMAGES, CLASSES, SEEN, CHUNK = 100_000, 21_000, 20_000, 1000


def accuracy(score: Float[np.ndarray, "n C"], labels: Int[np.ndarray, " n"]) -> float:
    """Mean accuracy over the classes, one class at a time."""
    predicted = score.argmax(1)
    return float(np.mean([(predicted[labels == label] == label).mean() for label in np.unique(labels)]))


def at_gamma(gamma: float, sides: list[tuple[np.ndarray, np.ndarray]], num_seen: int) -> list[float]:
    """S and U when gamma is subtracted from the scores of the seen classes."""
    result = []
    for score, labels in sides:
        lowered = score.copy()
        lowered[:, :num_seen] -= gamma
        result.append(accuracy(lowered, labels))
    return result


def problem(seen: int, unseen: int, classes: int, num_seen: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores and labels of the images of seen and of unseen classes."""
    rng = np.random.default_rng(0)
    sides = []
    for images, low, high in ((seen, 0, num_seen), (unseen, num_seen, classes)):
        labels = rng.integers(low, high, images)
        score = rng.normal(size=(images, classes))
        score[np.arange(images), labels] += 3
        sides.append((2 * score, labels))  # margins then have about the range of cosines times a scale of 20
    return sides


def rows(device: str) -> Iterator[Row]:
    """Two benchmarks on the CPU, and a streamed data set."""
    for name, (seen, unseen, classes, num_seen) in SIZES.items() if device == "cpu" else ():
        yield _whole(name, problem(seen, unseen, classes, num_seen), num_seen)
    yield _streamed(device)


def _whole(name: str, sides: list[tuple[np.ndarray, np.ndarray]], num_seen: int) -> Row:
    (score_seen, labels_seen), (score_unseen, labels_unseen) = sides

    def exact() -> object:
        return seen_unseen_curve(score_seen, labels_seen, score_unseen, labels_unseen, num_seen=num_seen)

    curve = exact()
    for gamma in np.quantile(curve.threshold, [0.1, 0.5, 0.9]) + 1e-9:
        np.testing.assert_allclose(curve.at(gamma)[:2], at_gamma(gamma, sides, num_seen), atol=1e-12)
    steps = int(np.ptp(curve.threshold) / STEP)
    num_bytes = score_seen.nbytes + score_unseen.nbytes
    times = measure(
        "cpu", 5, ours=exact, plain=lambda: at_gamma(0.0, sides, num_seen), floor=copy_of(2 * num_bytes, "cpu")
    )
    plain = times["plain"].scaled(steps)
    return Row(
        what="seen-unseen curve",
        size=f"{name}, {len(labels_seen) + len(labels_unseen):,} images × {score_seen.shape[1]} classes",
        ours=times["ours"],
        plain=plain,
        floor=times["floor"],
        target="10,000 times the sweep" if name == "CUB" else "",
        met=plain.median >= 10_000 * times["ours"].median if name == "CUB" else None,
        note=f"plain: {steps:,} steps of {STEP}, of which one was measured; floor: copy of the scores, which is "
        f"{plain.median / times['floor'].median:,.0f} times faster than the sweep",
    )


def _streamed(device: str) -> Row:
    """One pass over the same chunk again and again, since to draw 2.1 billion scores takes longer than the curve."""
    generator = torch.Generator(device).manual_seed(0)
    score = torch.randn(CHUNK, CLASSES, generator=generator, device=device)
    labels = torch.randint(CLASSES, (CHUNK,), generator=generator, device=device)

    def one_pass() -> None:
        accumulator = CurveAccumulator(num_seen=SEEN)
        for _ in range(IMAGES // CHUNK):
            accumulator.update(score, labels)
        accumulator.compute()

    copy = copy_of(2 * score.numel() * score.element_size(), device)
    times = measure(device, 1, ours=one_pass) | measure(device, 5, floor=copy)
    return Row(
        what="seen-unseen curve, streamed",
        size=f"{IMAGES:,} images × {CLASSES:,} classes, chunks of {CHUNK:,}",
        ours=times["ours"],
        floor=Timing([IMAGES // CHUNK * value for value in times["floor"].seconds]),
        target="one pass, bounded memory",
        met=True,
        note=f"floor: copy of all scores, {IMAGES * CLASSES * 4 / 1e9:.1f} GB; memory: of a pass without the chunk",
        memory=peak_memory(one_pass, device),
        device=device,
    )

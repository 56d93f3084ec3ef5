"""Episodes: batches of ``ways`` classes with ``shots`` images each, drawn without replacement."""

import numpy as np
from jaxtyping import Int

from zslcore.errors import InputError


def draw_episodes(
    labels: Int[np.ndarray, " n"], *, ways: int, shots: int, episodes: int, rng: np.random.Generator
) -> Int[np.ndarray, "episodes batch"]:
    """Draw the episodes of an epoch: first the classes, then images of each, uniformly without replacement.

    Returns positions in ``labels``: a row of ways x shots images per episode, grouped by class.

    Example:
        >>> labels = np.array([0, 0, 1, 1, 2, 2])
        >>> labels[draw_episodes(labels, ways=2, shots=2, episodes=3, rng=np.random.default_rng(0))].tolist()
        [[2, 2, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0]]
    """
    classes, counts = np.unique(labels, return_counts=True)
    if ways > len(classes):
        raise InputError(f"ways must be at most the {len(classes)} classes to draw from, got {ways}")
    if shots > counts.min():
        smallest = classes[counts.argmin()]
        raise InputError(f"shots must be at most {counts.min()}, the images of class {smallest}, got {shots}")

    # a padded table of the images of each class; sorting by random keys, infinite for padding, is a random draw
    table = np.zeros((len(classes), counts.max()), dtype=np.int64)
    padded = np.arange(counts.max()) >= counts[:, None]
    table[~padded] = np.argsort(labels, kind="stable")
    chosen = rng.random((episodes, len(classes))).argsort(axis=1)[:, :ways]
    keys = rng.random((episodes, ways, counts.max()))
    keys[padded[chosen]] = np.inf
    images = np.argsort(keys, axis=2)[:, :, :shots]
    return table[chosen[:, :, None], images].reshape(episodes, ways * shots)


def draw_batches(images: int, *, size: int, batches: int, rng: np.random.Generator) -> Int[np.ndarray, "batches size"]:
    """Draw batches of ``size`` images regardless of their class, from one random permutation after the other.

    Images are therefore equally frequent (up to one draw), and the frequency of a class is that of its images.

    Example:
        >>> draw_batches(4, size=2, batches=2, rng=np.random.default_rng(0)).tolist()
        [[2, 0], [1, 3]]
    """
    passes = -(-batches * size // images)
    return np.concatenate([rng.permutation(images) for _ in range(passes)])[: batches * size].reshape(batches, size)

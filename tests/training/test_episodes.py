"""Episode sampling: its laws, by property, and its distribution, by chi-square."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from zslcore import InputError
from zslcore.training.inputs.episodes import draw_batches, draw_episodes


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.integers(2, 9), min_size=3, max_size=8), st.integers(1, 3), st.integers(1, 2), st.integers(0, 99))
def test_every_episode_has_its_ways_and_shots(counts, ways, shots, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)) * 3 + 1, counts))
    for episode in draw_episodes(labels, ways=ways, shots=shots, episodes=5, rng=rng):
        assert len(set(episode)) == ways * shots
        classes, counted = np.unique(labels[episode], return_counts=True)
        assert len(classes) == ways
        assert (counted == shots).all()


def test_classes_and_images_are_uniform():
    labels = np.repeat([0, 1, 2, 3], [2, 3, 5, 10])
    episodes = draw_episodes(labels, ways=2, shots=2, episodes=4000, rng=np.random.default_rng(0))
    assert chisquare(np.bincount(labels[episodes].ravel())).pvalue > 0.01
    assert chisquare(np.bincount(episodes.ravel())[10:]).pvalue > 0.01  # the ten images of class 3


def test_same_generator_state_same_episodes():
    labels = np.repeat(np.arange(5), 4)
    first, second = (draw_episodes(labels, ways=3, shots=2, episodes=7, rng=np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ways": 4}, "ways must be at most the 3 classes to draw from, got 4"),
        ({"shots": 3}, "shots must be at most 2, the images of class 1, got 3"),
    ],
)
def test_impossible_episodes_are_refused(change, message):
    settings = {"ways": 2, "shots": 2, "episodes": 1} | change
    with pytest.raises(InputError, match=message):
        draw_episodes(np.array([0, 0, 0, 1, 1, 2, 2, 2]), rng=np.random.default_rng(0), **settings)


@pytest.mark.parametrize(("images", "size", "batches"), [(10, 4, 5), (7, 3, 1), (3, 5, 4), (1, 1, 6)])
def test_random_batches_take_every_image_equally_often(images, size, batches):
    drawn = draw_batches(images, size=size, batches=batches, rng=np.random.default_rng(0))
    assert drawn.shape == (batches, size)
    counts = np.bincount(drawn.ravel(), minlength=images)
    assert len(counts) == images
    assert np.ptp(counts) <= 1


def test_random_batches_are_random():
    rng = np.random.default_rng(0)
    first, second = (draw_batches(50, size=10, batches=5, rng=rng) for _ in range(2))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first.ravel(), np.arange(50))

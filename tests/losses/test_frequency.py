"""Frequency weights against numpy's histogram and scipy's convolution."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import convolve1d

from zslcore import InputError
from zslcore.losses import frequency_weights, label_frequency

RNG = np.random.default_rng(0)
VECTORS = RNG.gamma(0.6, size=(30, 7))
COUNTS = RNG.integers(1, 40, size=30)


def frequency(bins, width=0.0):
    """Plain numpy, attribute by attribute."""
    result = np.empty_like(VECTORS)
    for a, values in enumerate(VECTORS.T):
        histogram, edges = np.histogram(values, bins=bins, weights=COUNTS)
        if width:
            reach = max(1, round(3 * width))
            kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
            histogram = convolve1d(histogram.astype(float), kernel / kernel.sum(), mode="constant")
        result[:, a] = histogram[np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)]
    return result


@pytest.mark.parametrize("bins", [1, 5, 20])
@pytest.mark.parametrize("width", [0.0, 0.4, 2.0])
def test_frequencies_equal_numpy_and_scipy(bins, width):
    ours = label_frequency(torch.from_numpy(VECTORS), torch.from_numpy(COUNTS), bins=bins, kernel_width=width)
    np.testing.assert_allclose(ours, frequency(bins, width), rtol=1e-6)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_weights_are_powers_of_the_frequency_with_mean_one_over_the_images(power):
    weights = frequency_weights(torch.from_numpy(VECTORS), torch.from_numpy(COUNTS), power=power).numpy()
    np.testing.assert_allclose(np.average(weights, axis=0, weights=COUNTS), 1)
    ratio = weights * frequency(20) ** power
    np.testing.assert_allclose(ratio, ratio[:1].repeat(30, 0))


@given(st.integers(0, 2**31), st.floats(0.1, 10), st.floats(-3, 3))
def test_only_the_order_and_spacing_of_values_matter(seed, factor, shift):
    """A change of unit, or of the origin, changes nothing; neither does twice as many images of all classes."""
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.integers(0, 20, size=(12, 3)) / 20 + 0.01)
    counts = torch.from_numpy(rng.integers(1, 9, size=12))
    expected = frequency_weights(values, counts, bins=7)
    torch.testing.assert_close(frequency_weights(values * 2.0 ** round(factor), 2 * counts, bins=7), expected)
    order = torch.from_numpy(rng.permutation(12))
    torch.testing.assert_close(frequency_weights(values[order], counts[order], bins=7), expected[order])


def test_degenerate_labels():
    constant = frequency_weights(torch.full((3, 2), 0.4), torch.tensor([5, 1, 0]), power=1.0)
    assert bool((constant == 1).all())
    absent = frequency_weights(torch.tensor([[0.0], [1.0]]), torch.tensor([4, 0]), power=1.0)
    assert absent.flatten().tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bins": 0}, "^bins must be a whole number of at least 1, got 0$"),
        ({"kernel_width": -1.0}, "^kernel_width must be a finite number of at least 0"),
        ({"power": -1.0}, "^power must be a finite number of at least 0"),
    ],
)
def test_impossible_options_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        frequency_weights(torch.from_numpy(VECTORS), torch.from_numpy(COUNTS), **settings)


def test_counts_must_be_there():
    for counts in (torch.zeros(30, dtype=torch.long), -torch.ones(30, dtype=torch.long)):
        with pytest.raises(InputError, match=r"^counts must hold the number of training images of each class"):
            frequency_weights(torch.from_numpy(VECTORS), counts)


def test_whole_numbers_are_attribute_values_too(unchecked):
    ages, people = torch.arange(5)[:, None], torch.tensor([1, 2, 3, 4, 5])
    expected = frequency_weights(ages.float(), people, bins=5, kernel_width=1.0)
    torch.testing.assert_close(frequency_weights(ages, people, bins=5, kernel_width=1.0), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bins", [3, 7, 10, 20])
def test_values_on_edges_are_in_the_bins_of_numpy(bins, dtype):
    """Rounding put values on an edge, such as tenths, into the bin below or above."""
    values = np.stack([np.arange(41) / 10, np.arange(41) * 0.1 - 1.3, np.arange(41) / 41, np.full(41, 2.5)], 1)
    values, counts = values.astype(dtype), np.arange(1, 42)
    ours = label_frequency(torch.from_numpy(values), torch.from_numpy(counts), bins=bins).numpy()
    for a, column in enumerate(values.T):
        histogram, edges = np.histogram(column, bins=bins, weights=counts)
        for value, found in zip(column, ours[:, a]):
            inside = [k for k in range(bins) if edges[k] <= value and (value < edges[k + 1] or k == bins - 1)]
            assert found == histogram[inside[0]]


def test_gaps_in_class_vectors_are_refused():
    with pytest.raises(InputError, match=r"^vectors must be finite, got NaN or infinity$"):
        frequency_weights(torch.tensor([[0.0], [torch.nan]]), torch.tensor([1, 1]))


def test_a_mixed_precision_step_makes_the_same_weights():
    vectors, counts = torch.rand(30, 3), torch.arange(30) + 200
    with torch.autocast("cpu", torch.bfloat16):
        mixed = frequency_weights(vectors, counts, kernel_width=2.0)
    assert torch.equal(mixed, frequency_weights(vectors, counts, kernel_width=2.0))

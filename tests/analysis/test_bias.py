"""Bias and variance by their definition, and the component that class vectors share."""

import numpy as np
import pytest
import torch

from zslcore import InputError
from zslcore.analysis import (
    bias_variance,
    restore_mean,
    restoring_scale,
    shared_bias,
    shared_direction,
)
from zslcore.remse import class_error

LABELS = np.repeat(np.arange(5), 20)


@pytest.fixture
def vectors():
    return np.random.default_rng(0).gamma(0.7, size=(5, 12))


@pytest.fixture
def prediction(vectors):
    return vectors[LABELS] - 0.8 * vectors.mean(0) + 0.4 * np.random.default_rng(1).normal(size=(100, 12))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


class TestBiasVariance:
    def test_sum_is_the_error_of_remse(self, vectors, prediction):
        bias, variance = bias_variance(prediction, vectors, LABELS)
        arrays = prediction, vectors[LABELS], LABELS
        np.testing.assert_allclose(bias + variance, class_error(*map(torch.from_numpy, arrays), 5), atol=1e-9)

    def test_parts_are_those_of_numpy(self, vectors, prediction):
        bias, variance = bias_variance(prediction, vectors, LABELS, normalize=False)
        by_class = prediction.reshape(5, 20, 12)
        np.testing.assert_allclose(bias, (by_class.mean(1) - vectors) ** 2)
        np.testing.assert_allclose(variance, by_class.var(1))

    def test_absent_classes_are_nan(self, vectors, prediction):
        for part in bias_variance(prediction[20:], vectors, LABELS[20:]):
            assert np.isnan(part).all(1).tolist() == [True, False, False, False, False]
            assert np.isfinite(part[1:]).all()


class TestShared:
    def test_direction_is_that_of_the_mean_of_unit_vectors(self, vectors):
        mean = unit(vectors).mean(0)
        np.testing.assert_allclose(shared_direction(vectors), mean / np.linalg.norm(mean))
        np.testing.assert_allclose(shared_direction(vectors * np.arange(1, 6)[:, None]), shared_direction(vectors))

    def test_bias_along_all_directions_is_the_bias(self, vectors, prediction):
        parts = [shared_bias(prediction, vectors, LABELS, direction) for direction in np.eye(12)]
        np.testing.assert_allclose(np.sum(parts, axis=0), bias_variance(prediction, vectors, LABELS).bias.sum(1))

    def test_a_missing_mean_is_found_along_it(self, vectors):
        direction = shared_direction(vectors)
        missing = unit(vectors) - np.outer(unit(vectors) @ direction, direction)
        bias = shared_bias(missing[LABELS], vectors, LABELS, direction)
        np.testing.assert_allclose(bias, (unit(vectors) @ direction) ** 2)

    def test_vectors_without_a_mean_are_refused(self):
        with pytest.raises(InputError, match="a mean that is not 0"):
            shared_direction(np.array([[1.0, 0.0], [-1.0, 0.0]]))


class TestRestored:
    def test_the_scale_minimises_the_error(self, vectors, prediction):
        shared = unit(vectors).mean(0)

        def error(scale):
            return ((restore_mean(prediction, shared, scale) - unit(vectors)[LABELS]) ** 2).mean()

        best = restoring_scale(prediction, vectors, LABELS, shared)
        assert error(best) < min(error(best - 0.01), error(best + 0.01), error(0))

    def test_lost_means_come_back(self, vectors):
        """Vectors that are equally far from their mean are restored exactly."""
        around = unit(np.concatenate([np.eye(3), -np.eye(3)]) @ np.eye(3, 4))
        whole = unit(around + 2 * np.eye(4)[3])
        shared, labels = whole.mean(0), np.arange(6)
        scale = restoring_scale(whole - shared, whole, labels, shared)
        np.testing.assert_allclose(restore_mean(5 * (whole - shared), shared, scale), whole)


@pytest.mark.parametrize("form", [lambda labels: labels[:, None], lambda labels: labels.astype(float)])
def test_labels_must_be_whole_numbers_in_one_axis(form, unchecked):
    """As ``loadmat`` gives them, (n, 1) or as floats, they gave other numbers, or a traceback."""
    rng = np.random.default_rng(0)
    prediction, vectors, labels = rng.random((8, 3)), rng.random((4, 3)), rng.integers(0, 4, 8)
    with pytest.raises(InputError, match=r"^labels must hold a whole number for each image, got shape \(8"):
        bias_variance(prediction, vectors, form(labels))

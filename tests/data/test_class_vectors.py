"""Class vectors relative to the seen classes, against formulas and against scikit-learn."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler, normalize

from zslcore.data.class_vectors import RELATIVE_VECTORS, describe_equal_vectors, relative_vectors

SEEN = np.array([0, 2, 3, 5, 6])


@pytest.fixture
def vectors():
    return normalize(np.random.default_rng(0).uniform(0, 1, (8, 12))).astype(np.float32)


def test_centred(vectors):
    expected = normalize(vectors - vectors[SEEN].mean(0))
    np.testing.assert_allclose(relative_vectors(vectors, SEEN, "centred"), expected, atol=1e-6)


def test_standardised_as_scikit_learn(vectors):
    expected = normalize(StandardScaler().fit(vectors[SEEN].astype(np.float64)).transform(vectors))
    np.testing.assert_allclose(relative_vectors(vectors, SEEN, "standardised"), expected, atol=1e-5)


def test_a_constant_attribute_is_only_shifted(vectors):
    vectors[SEEN, 4] = 0.3
    result = relative_vectors(vectors, SEEN, "standardised")
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result[SEEN, 4], 0, atol=1e-6)


def test_whitened_undoes_the_covariance(vectors):
    trained = vectors[SEEN].astype(np.float64)
    covariance = np.cov(trained.T, bias=True)
    covariance += np.eye(12) * np.trace(covariance) / 12
    values, axes = np.linalg.eigh(covariance)
    expected = normalize((vectors - trained.mean(0)) @ axes @ np.diag(values**-0.5) @ axes.T)
    np.testing.assert_allclose(relative_vectors(vectors, SEEN, "whitened"), expected, atol=1e-5)


@pytest.mark.parametrize("kind", RELATIVE_VECTORS)
def test_unseen_classes_do_not_change_the_vectors_of_the_seen_ones(vectors, kind):
    before = relative_vectors(vectors, SEEN, kind)
    vectors[[1, 4, 7]] = 0.9
    np.testing.assert_array_equal(relative_vectors(vectors, SEEN, kind)[SEEN], before[SEEN])


@pytest.mark.parametrize("kind", RELATIVE_VECTORS)
def test_unit_length_or_zero(vectors, kind):
    vectors[1] = vectors[SEEN].mean(0)
    length = np.linalg.norm(relative_vectors(vectors, SEEN, kind), axis=1)
    np.testing.assert_allclose(np.delete(length, 1), 1, atol=1e-6)
    assert length[1] < 1.1


def test_a_benchmark_takes_the_classes_of_the_task(small_synth):
    seen = small_synth.train_classes
    expected = relative_vectors(small_synth.attributes, seen, "centred")
    np.testing.assert_array_equal(small_synth.vectors("centred", seen=seen), expected)
    assert not np.array_equal(small_synth.vectors("centred"), expected)


@pytest.mark.parametrize("attributes", [1, 3, 40])
def test_equal_vectors_are_named_in_pairs(attributes):
    vectors = np.eye(1, attributes) + np.random.default_rng(0).normal(size=(200, attributes))
    vectors[[7, 150, 20]] = 3 * vectors[[2, 5, 4]]
    unit = np.ones((200, 1)) if attributes == 1 else normalize(vectors)
    described = describe_equal_vectors(unit.astype(np.float32), [f"c{index}" for index in range(200)])
    if attributes == 1:  # all are equal
        assert described.startswith("200 classes have the class vector of another one")
        assert described.endswith("told apart: 'c0' and 'c1'; 'c0' and 'c2'; 'c0' and 'c3'; ...")
    else:
        assert described.startswith("6 classes")
        assert described.endswith("told apart: 'c2' and 'c7'; 'c4' and 'c20'; 'c5' and 'c150'")


def test_many_equal_vectors_are_found_quickly():
    """A tree over all attributes took minutes."""
    vectors = normalize(np.random.default_rng(0).random((20_000, 300)).astype(np.float32))
    assert describe_equal_vectors(vectors, ["name"] * 20_000) == ""

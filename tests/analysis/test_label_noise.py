"""Image labels against class vectors: closed forms, the exact identity of the parts, scikit-learn as oracle."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from zslcore import InputError
from zslcore.analysis import average_precision, error_parts, image_information, oracle_errors
from zslcore.remse import class_error

LABELS = np.repeat(np.arange(6), 40)


@pytest.fixture
def shares():
    return np.random.default_rng(1).beta(0.6, 1.5, size=(6, 12))


@pytest.fixture
def truth(shares):
    """Labels of 240 images, drawn from the shares."""
    return (np.random.default_rng(2).random((240, 12)) < shares[LABELS]).astype(float)


class TestOracle:
    def test_error_is_the_variance_of_the_labels(self, truth):
        means = truth.reshape(6, 40, 12).mean(1)
        np.testing.assert_allclose(oracle_errors(truth, LABELS, means), means * (1 - means), atol=1e-12)

    def test_normalised_error_is_that_of_remse(self, shares, truth):
        torch = pytest.importorskip("torch")
        target = torch.from_numpy(shares)[torch.from_numpy(LABELS)]
        expected = class_error(torch.from_numpy(truth), target, torch.from_numpy(LABELS), 6).numpy()
        np.testing.assert_allclose(oracle_errors(truth, LABELS, shares, normalize=True), expected, atol=1e-9)

    def test_cells_without_labels_are_nan(self, shares, truth):
        truth[:, 3], truth[5, 0], truth[LABELS == 2] = np.nan, np.nan, np.nan
        errors = oracle_errors(truth, LABELS, shares)
        assert np.isnan(errors[2]).all()
        assert np.isnan(errors[:, 3]).all()
        assert np.isnan(errors).sum() == 12 + 6 - 1
        assert errors[0, 0] == pytest.approx(((np.delete(truth[:40, 0], 5) - shares[0, 0]) ** 2).mean())

    def test_normalised_errors_need_all_labels_of_an_image(self, shares, truth):
        kept = np.delete(np.arange(240), 5)
        expected = oracle_errors(truth[kept][:, 1:], LABELS[kept], shares[:, 1:], normalize=True)
        truth[:, 0], truth[5, 4] = np.nan, np.nan
        np.testing.assert_allclose(oracle_errors(truth, LABELS, shares, normalize=True)[:, 1:], expected)


class TestParts:
    @pytest.mark.parametrize("normalize", [False, True])
    def test_parts_sum_to_the_error_against_the_class_vector(self, shares, truth, rng, normalize):
        prediction = 3 * rng.random(truth.shape)
        error, image, variance, cross = error_parts(prediction, truth, shares, LABELS, normalize=normalize)
        np.testing.assert_allclose(image + variance + cross, error, atol=1e-12)
        if normalize:
            prediction /= np.linalg.norm(prediction, axis=1, keepdims=True)
            shares = shares / np.linalg.norm(shares, axis=1, keepdims=True)
        expected = ((prediction - shares[LABELS]) ** 2).reshape(6, 40, 12).mean(1)
        np.testing.assert_allclose(error, expected)

    def test_missing_labels_leave_the_identity(self, shares, truth, rng):
        truth[rng.random(truth.shape) < 0.3], truth[:, 2] = np.nan, np.nan
        error, image, variance, cross = error_parts(rng.random(truth.shape), truth, shares, LABELS)
        np.testing.assert_allclose(image + variance + cross, error, atol=1e-12)
        assert np.isnan(error[:, 2]).all()
        assert np.isfinite(np.delete(error, 2, axis=1)).all()

    def test_the_unit_of_the_vectors_does_not_matter_if_labels_have_it_too(self, shares, truth, rng):
        prediction = rng.random(truth.shape)
        ours, scaled = (error_parts(prediction, f * truth, f * shares, LABELS) for f in (1, 7))
        np.testing.assert_allclose(ours, scaled)

    def test_the_class_vector_is_not_charged_and_the_detector_is(self, shares, truth):
        shares = truth.reshape(6, 40, 12).mean(1)
        variance = shares * (1 - shares)
        for prediction, expected in (
            (truth, (variance, 0 * variance, variance, 0 * variance)),
            (shares[LABELS], (0 * variance, variance, variance, -2 * variance)),
        ):
            parts = error_parts(prediction, truth, shares, LABELS, normalize=False)
            np.testing.assert_allclose(parts, expected, atol=1e-12)


class TestInformation:
    def test_a_detector_is_told_from_its_shuffles(self, shares, truth):
        found, shuffled = image_information(truth, truth, shares, LABELS, normalize=False)
        np.testing.assert_allclose(found, 1)
        assert np.abs(shuffled.mean()) < 0.05
        assert shuffled.max() < 0.9

    def test_correlations_are_those_of_numpy(self, shares, truth, rng):
        prediction = truth + rng.normal(size=truth.shape)
        found, _ = image_information(prediction, truth, shares, LABELS, normalize=False, shuffles=1)
        deviation = prediction - shares[LABELS], truth - shares[LABELS]
        np.testing.assert_allclose(found, [np.corrcoef(x, y)[0, 1] for x, y in zip(*(d.T for d in deviation))])

    def test_what_is_known_about_the_class_stays_in_the_shuffles(self, shares, truth):
        """Labels that differ from the class table in their mean, and predictions that follow the labels' means."""
        means = truth.reshape(6, 40, 12).mean(1)
        wrong = np.clip(shares + np.random.default_rng(3).normal(0, 0.4, shares.shape), 0.01, 1)
        found, shuffled = image_information(means[LABELS], truth, wrong, LABELS, normalize=False)
        np.testing.assert_allclose(shuffled, np.tile(found, (100, 1)))
        assert found.mean() > 0.3

    def test_shuffles_stay_within_classes_and_repeat(self, shares, truth, rng):
        labels = rng.permutation(LABELS)  # classes need not be in order
        constant = shares[labels] + np.arange(6)[labels, None]
        _, shuffled = image_information(constant, truth, shares, labels, normalize=False, shuffles=3)
        np.testing.assert_allclose(shuffled, np.tile(shuffled[0], (3, 1)))
        first, again, other = (
            image_information(truth, truth, shares, labels, shuffles=2, seed=seed)[1] for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()

    def test_missing_labels_are_left_out(self, shares, truth, rng):
        prediction, kept = rng.random(truth.shape), rng.random(240) < 0.7
        expected, _ = image_information(prediction[kept], truth[kept], shares, LABELS[kept], shuffles=1)
        truth[~kept] = np.nan
        found, _ = image_information(prediction, truth, shares, LABELS, shuffles=1)
        np.testing.assert_allclose(found, expected)
        truth[:, 1] = np.nan
        assert np.isnan(image_information(prediction, truth, shares, LABELS, shuffles=1)[0]).tolist() == [
            index == 1 for index in range(12)
        ]


class TestAveragePrecision:
    @pytest.mark.parametrize("digits", [1, 8])  # with and without ties
    def test_is_that_of_scikit_learn(self, truth, rng, digits):
        scores = rng.random(truth.shape).round(digits)
        expected = [average_precision_score(truth[:, a], scores[:, a]) for a in range(12)]
        np.testing.assert_allclose(average_precision(scores, truth), expected)

    def test_missing_labels_are_left_out(self, truth, rng):
        scores = rng.random(truth.shape)
        expected = average_precision_score(truth[9:, 0], scores[9:, 0])
        truth[:9, 0], truth[:, 1], truth[:, 2] = np.nan, np.nan, 0
        found = average_precision(scores, truth)
        assert found[0] == pytest.approx(expected)
        assert np.isnan(found[1:3]).all()

    def test_other_labels_are_refused(self, truth):
        with pytest.raises(InputError, match="image_labels must be 0, 1 or NaN"):
            average_precision(truth, truth / 2)


@pytest.mark.usefixtures("unchecked")
def test_shapes_are_named(shares, truth):
    with pytest.raises(InputError, match=r"image_labels must have the shape \(240, 12\) .*, got \(240, 11\)"):
        oracle_errors(truth[:, 1:], LABELS, shares)
    with pytest.raises(InputError, match=r"prediction must have the shape \(240, 12\) .*, got \(10, 12\)"):
        error_parts(truth[:10], truth, shares, LABELS)
    with pytest.raises(InputError, match=r"labels must lie in 0\.\.4, got 0 to 5"):
        oracle_errors(truth, LABELS, shares[:5])
    with pytest.raises(InputError, match="must not be all 0, got class 2"):
        error_parts(truth, truth, shares * (np.arange(6) != 2)[:, None], LABELS)


def test_scores_may_be_true_and_false_but_not_nan(unchecked):
    shown = np.array([[1.0], [0.0], [np.nan]])
    assert average_precision(np.array([[True], [False], [True]]), shown).tolist() == [1]
    assert average_precision(np.array([[0.2], [0.1], [np.nan]]), shown).tolist() == [1]
    with pytest.raises(InputError, match=r"^scores must not be NaN where image_labels has a label$"):
        average_precision(np.array([[np.nan], [0.1], [0.2]]), shown)

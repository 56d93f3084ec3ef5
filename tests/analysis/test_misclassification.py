"""Misclassified images against scikit-learn's cosine similarity and nearest neighbours, and a count by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from zslcore import InputError
from zslcore.analysis import closest_class_share, misclassifications

# four classes on a cross: every class ties between its two neighbours
CROSS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def drawn(seed=0, images=200, classes=9, attributes=5):
    rng = np.random.default_rng(seed)
    vectors, labels = rng.random((classes, attributes)), rng.integers(0, classes, images)
    return vectors[labels] + 0.3 * rng.normal(size=(images, attributes)), labels, vectors


class TestMisclassifications:
    def test_equals_scikit_learn(self):
        prediction, labels, vectors = drawn()
        cosine, between = cosine_similarity(prediction, vectors), cosine_similarity(vectors)
        predicted = cosine.argmax(1)
        image = np.flatnonzero(predicted != labels)
        wrong = misclassifications(prediction, labels, vectors)
        assert wrong["image"].tolist() == image.tolist()
        assert wrong["predicted"].tolist() == predicted[image].tolist()
        neighbours = NearestNeighbors(n_neighbors=2, metric="cosine").fit(vectors).kneighbors(vectors)[1][:, 1]
        label, other = labels[image], predicted[image]
        for column, expected in {
            "to true": cosine[image, label],
            "to predicted": cosine[image, other],
            "true to predicted": between[label, other],
            "true to closest": between[label, neighbours[label]],
        }.items():
            np.testing.assert_allclose(wrong[column], expected, rtol=1e-12)
        np.testing.assert_array_equal(wrong["closest"], other == neighbours[label])
        assert 0 < wrong["closest"].mean() < 1
        np.testing.assert_array_equal(wrong[["tied", "chance"]], [[1, 1 / 8]] * len(image))

    def test_given_classes_replace_the_largest_cosine(self):
        prediction, labels, vectors = drawn()
        predicted = (labels + np.arange(200) % 3) % 9
        wrong = misclassifications(prediction, labels, vectors, predicted=predicted)
        assert wrong["image"].tolist() == np.flatnonzero(np.arange(200) % 3).tolist()
        np.testing.assert_array_equal(wrong["predicted"], predicted[wrong["image"]])

    @given(seed=st.integers(0, 50), scale=st.floats(1e-3, 1e3))
    def test_lengths_and_order_of_images_and_attributes_do_not_matter(self, seed, scale):
        prediction, labels, vectors = drawn(seed, images=30)
        rng = np.random.default_rng(seed)
        images, attributes = rng.permutation(30), rng.permutation(5)
        expected = misclassifications(prediction, labels, vectors)
        stretched = scale * prediction * rng.uniform(0.5, 2, (30, 1))
        pd.testing.assert_frame_equal(misclassifications(stretched, labels, 3 * vectors), expected)
        shuffled = misclassifications(prediction[images][:, attributes], labels[images], vectors[:, attributes])
        shuffled["image"] = images[shuffled["image"]]
        shuffled = shuffled.sort_values("image", ignore_index=True)
        pd.testing.assert_frame_equal(shuffled, expected)

    def test_any_of_the_tied_classes_is_the_closest(self):
        predicted = np.array([1, 3, 2])
        wrong = misclassifications(CROSS[predicted], np.array([0, 0, 0]), CROSS)
        assert wrong["closest"].tolist() == [True, True, False]
        assert wrong["tied"].tolist() == [2, 2, 2]
        np.testing.assert_allclose(wrong["chance"], 2 / 3)
        np.testing.assert_allclose(wrong["true to predicted"], [0, 0, -1])
        np.testing.assert_allclose(wrong["true to closest"], 0)

    def test_equal_class_vectors_tie_in_float32_too(self):
        vectors = np.random.default_rng(1).random((3, 300)).astype(np.float32)
        vectors = np.vstack([vectors, 3 * vectors[1], vectors[1] / 7])
        wrong = misclassifications(vectors[[3]], np.array([1]), vectors, predicted=np.array([3]))
        assert wrong["tied"].tolist() == [2]
        assert wrong["closest"].tolist() == [True]

    def test_two_classes_are_each_others_closest(self):
        wrong = misclassifications(CROSS[[1]], np.array([0]), CROSS[:2])
        assert wrong[["closest", "tied", "chance"]].to_numpy().tolist() == [[True, 1, 1.0]]

    def test_no_error_and_no_image_give_no_row(self):
        expected = misclassifications(CROSS[[1]], np.array([0]), CROSS).columns.tolist()
        for labels in (np.arange(4), np.arange(0)):
            wrong = misclassifications(CROSS[labels], labels, CROSS)
            assert len(wrong) == 0
            assert wrong.columns.tolist() == expected

    def test_a_prediction_of_zeros_has_no_direction(self):
        zeros, label = np.zeros((1, 2)), np.array([0])
        wrong = misclassifications(zeros, label, CROSS, predicted=np.array([1]))
        assert wrong[["to true", "to predicted"]].isna().all(axis=None)
        assert wrong["closest"].tolist() == [True]
        with pytest.raises(InputError, match="all zeros is closest to no class"):
            misclassifications(zeros, label, CROSS)

    @pytest.mark.usefixtures("unchecked")
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"class_vectors": CROSS[:1]}, "at least two classes, got 1"),
            ({"class_vectors": CROSS * np.nan}, "class_vectors must be finite"),
            ({"class_vectors": CROSS * [[1], [1], [0], [1]]}, "must not be all zeros, got zeros for class 2"),
            ({"prediction": CROSS[:3]}, r"prediction must be finite and have shape \(4, 2\), got \(3, 2\)"),
            ({"prediction": CROSS * np.nan}, "prediction must be finite"),
            ({"labels": np.array([0, 1, 2, 4])}, r"labels must lie in 0\.\.3, got 0\.\.4"),
            ({"predicted": np.array([-1, 1, 2, 3])}, r"predicted must lie in 0\.\.3, got -1\.\.3"),
            ({"predicted": np.array([0])}, r"predicted must have shape \(4,\), got \(1,\)"),
        ],
    )
    def test_bad_input_is_named(self, change, message):
        with pytest.raises(InputError, match=message):
            misclassifications(**({"prediction": CROSS, "labels": np.arange(4), "class_vectors": CROSS} | change))


class TestClosestClassShare:
    def test_counts_by_hand(self):
        predicted = np.array([1, 3, 2, 2])
        wrong = misclassifications(CROSS[predicted], np.array([0, 0, 0, 1]), CROSS)  # three of four meet a tie of two
        expected = {"errors": 4, "share": 3 / 4, "chance": 2 / 3, "share split": 3 / 8, "chance split": 1 / 3}
        assert closest_class_share(wrong) == pytest.approx(expected)

    def test_classes_drawn_by_chance_meet_the_chance(self):
        rng = np.random.default_rng(2)
        vectors = np.vstack([CROSS, [[1.0, 0.9], [-0.2, 1.0]]])
        labels = rng.integers(0, 6, 20000)
        predicted = (labels + rng.integers(1, 6, 20000)) % 6
        share = closest_class_share(misclassifications(vectors[predicted], labels, vectors, predicted=predicted))
        assert share["errors"] == 20000
        assert share["share"] == pytest.approx(share["chance"], abs=0.015)
        assert share["share split"] == pytest.approx(share["chance split"], abs=0.015)
        assert share["chance split"] == pytest.approx(1 / 5)

    def test_without_ties_both_countings_agree(self):
        share = closest_class_share(misclassifications(*drawn()))
        assert (share["share"], share["chance"]) == (share["share split"], share["chance split"])

    def test_without_errors_is_nan(self):
        share = closest_class_share(misclassifications(CROSS, np.arange(4), CROSS))
        assert share.pop("errors") == 0
        assert np.isnan([*share.values()]).all()

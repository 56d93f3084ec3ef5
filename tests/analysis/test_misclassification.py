"""Misclassified images against scikit-learn's cosine similarity and nearest neighbours, and a count by hand."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
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

    def test_a_tie_with_the_true_class_is_wrong(self):
        """Half way between the classes 0 and 1: the argmax of the cosines would be right for 0, wrong for 1."""
        wrong = misclassifications(np.array([[1.0, 1.0], [2.0, 2.0], [1.0, 1.1]]), np.array([0, 1, 1]), CROSS)
        assert wrong[["image", "label", "predicted"]].to_numpy().tolist() == [[0, 0, 1], [1, 1, 0]]
        np.testing.assert_allclose(wrong["to true"], wrong["to predicted"])

    def test_of_wrong_classes_that_tie_the_one_farthest_from_the_true_class_is_predicted(self):
        """Between 1 and 2, seen from 0: class 2 lies opposite to it, so the tie does not speak for the closest."""
        wrong = misclassifications(np.array([[-1.0, 1.0]] * 2), np.array([0, 3]), CROSS)
        assert wrong["predicted"].tolist() == [2, 1]
        assert wrong["closest"].tolist() == [False, False]

    def test_an_image_on_equal_class_vectors_is_wrong(self):
        vectors = np.vstack([CROSS[:2], CROSS[:1] * 3])
        wrong = misclassifications(vectors, np.arange(3), vectors)
        assert wrong[["label", "predicted", "closest"]].to_numpy().tolist() == [[0, 2, True], [2, 0, True]]

    @given(seed=st.integers(0, 50))
    def test_the_order_of_classes_does_not_matter_for_ties_either(self, seed):
        rng = np.random.default_rng(seed)
        vectors, labels = rng.normal(size=(6, 4)), rng.integers(0, 6, 60)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        several = [rng.choice(6, rng.integers(1, 4), replace=False) for _ in labels]
        prediction = np.array([np.linalg.pinv(vectors[c]) @ np.ones(len(c)) for c in several])  # c have one cosine
        expected = misclassifications(prediction, labels, vectors)
        order = rng.permutation(6)  # the new class k is the old class order[k]
        changed = misclassifications(prediction, np.argsort(order)[labels], vectors[order])
        changed[["label", "predicted"]] = order[changed[["label", "predicted"]]]
        pd.testing.assert_frame_equal(changed, expected)

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
        with pytest.raises(InputError, match="prediction must not be all zeros for an image"):
            misclassifications(zeros, label, CROSS)

    @pytest.mark.usefixtures("unchecked")
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"class_vectors": CROSS[:1]}, "at least two classes, got 1"),
            ({"class_vectors": CROSS * np.nan}, "class_vectors must be finite"),
            ({"class_vectors": CROSS * [[1], [1], [0], [1]]}, "must not be all 0, got class 2 without any value"),
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
        # the shares of the classes are 2/3 and 1/1, and a quarter of the resamples holds one of them twice
        expected = {"share": 3 / 4, "low": 2 / 3, "high": 1, "chance": 2 / 3}
        assert closest_class_share(wrong) == pytest.approx(expected)

    def test_classes_drawn_by_chance_meet_the_chance(self):
        rng = np.random.default_rng(2)
        vectors = np.vstack([CROSS, [[1.0, 0.9], [-0.2, 1.0]]])
        labels = rng.integers(0, 6, 20000)
        predicted = (labels + rng.integers(1, 6, 20000)) % 6
        share = closest_class_share(misclassifications(vectors[predicted], labels, vectors, predicted=predicted))
        assert share["share"] == pytest.approx(share["chance"], abs=0.015)

    def test_without_errors_is_nan(self):
        share = closest_class_share(misclassifications(CROSS, np.arange(4), CROSS))
        assert np.isnan([*share.values()]).all()


def wrong_images(hits, sizes):
    """The columns that the share needs, of classes with ``sizes`` wrong images, of which ``hits`` at the closest."""
    closest = [image < hit for hit, size in zip(hits, sizes) for image in range(size)]
    label = np.repeat(np.arange(len(sizes)), sizes)
    return pd.DataFrame({"label": label, "closest": np.array(closest, dtype=bool), "chance": 0.1})


def bounds(wrong, **settings):
    share = closest_class_share(wrong, **settings)
    return share["low"], share["high"]


class TestIntervalOverClasses:
    HITS, SIZES = np.array([3, 0, 1, 4, 2]), np.array([4, 5, 6, 4, 3])

    def test_equals_every_resample_of_five_classes(self):
        """All 5**5 ways to draw five classes with replacement, instead of a sample of them."""
        draws = np.array(list(product(range(5), repeat=5)))
        shares = self.HITS[draws].sum(1) / self.SIZES[draws].sum(1)
        for bound, level in zip(bounds(wrong_images(self.HITS, self.SIZES)), (0.025, 0.975)):
            # three standard errors of a quantile of 9999 resamples, of shares with few different values
            least, most = np.quantile(shares, level + np.array([-0.01, 0.01]))
            assert least - 1e-12 <= bound <= most + 1e-12

    def test_equals_a_bootstrap_that_copies_the_images_of_whole_classes(self):
        rng = np.random.default_rng(3)
        sizes = rng.integers(1, 12, 30)
        wrong = wrong_images(rng.binomial(sizes, rng.random(30)), sizes)
        groups = [group["closest"].to_numpy() for _, group in wrong.groupby("label")]
        drawn_classes = rng.integers(0, 30, (4000, 30))
        shares = [np.concatenate([groups[c] for c in draw]).mean() for draw in drawn_classes]
        np.testing.assert_allclose(bounds(wrong), np.quantile(shares, [0.025, 0.975]), atol=0.01)

    def test_covers_where_the_images_of_a_class_behave_alike(self):
        """40 classes with up to 30 wrong images each, all of which go to the closest class or none of them."""
        rng, truth, rounds = np.random.default_rng(4), 0.4, 100
        covered = {"images": 0, "classes": 0}
        for seed in range(rounds):
            sizes = rng.integers(1, 31, 40)
            wrong = wrong_images(sizes * (rng.random(40) < truth), sizes)
            of_images = stats.binomtest(int(wrong["closest"].sum()), len(wrong)).proportion_ci(method="wilson")
            for unit, (low, high) in {"images": of_images, "classes": bounds(wrong, seed=seed)}.items():
                covered[unit] += low <= truth <= high
        assert covered["classes"] / rounds > 0.9
        assert covered["images"] / rounds < 0.5

    def test_is_about_wilsons_with_one_image_in_each_class(self):
        wrong = wrong_images(np.arange(200) < 60, np.ones(200, int))
        expected = stats.binomtest(60, 200).proportion_ci(method="wilson")
        np.testing.assert_allclose(bounds(wrong), expected, atol=0.01)

    def test_is_seeded_and_does_not_depend_on_the_order_of_images_and_classes(self):
        wrong = wrong_images(self.HITS, self.SIZES)
        expected = bounds(wrong)
        shuffled = wrong.sample(frac=1, random_state=0)
        shuffled["label"] = np.array([7, 2, 9, 0, 4])[shuffled["label"]]
        assert bounds(shuffled) == bounds(wrong) == expected

    @pytest.mark.parametrize("hit", [0, 1])
    def test_all_or_none_at_the_closest_class_still_have_a_width(self, hit):
        """Every resample has the same share; five classes cannot show that it is exactly 0 or 1."""
        expected = stats.binomtest(5 * hit, 5).proportion_ci(method="wilson")
        assert bounds(wrong_images(hit * self.SIZES, self.SIZES)) == pytest.approx((expected.low, expected.high))
        assert expected.high - expected.low > 0.4

    def test_one_class_has_no_interval(self):
        share = closest_class_share(wrong_images([3], [4]))
        assert share["share"] == 0.75
        assert np.isnan([share["low"], share["high"]]).all()

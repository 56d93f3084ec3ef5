"""Null models against simulation image by image and the closed forms of their means."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import r2_score

from zslcore import InputError
from zslcore.analysis import explained_share, fit_null, label_correlation, matched_nulls, null_errors
from zslcore.analysis.nulls import NULLS

RAW = {"normalize": False}


@pytest.fixture
def labels():
    return np.random.default_rng(1).exponential(size=(8, 30))


def simulated(labels, kind, images, noise, pull, rng):
    """The definition: every image predicted, its errors squared and averaged."""
    draws = noise * rng.normal(size=(images, *labels.shape))
    prediction = {
        "constant": labels + draws,
        "multiplicative": labels * (1 + draws),
        "shrinkage": (1 - pull) * labels + pull * labels.mean(0) + draws,
        "missing_mean": labels - pull * labels.mean(0) + draws,
    }[kind]
    return ((prediction - labels) ** 2).mean(0)


def expected(labels, kind, noise, pull):
    return {
        "constant": np.full(labels.shape, noise**2),
        "multiplicative": (noise * labels) ** 2,
        "shrinkage": noise**2 + (pull * (labels.mean(0) - labels)) ** 2,
        "missing_mean": np.broadcast_to(noise**2 + (pull * labels.mean(0)) ** 2, labels.shape),
    }[kind]


class TestNullErrors:
    @pytest.mark.parametrize("kind", NULLS)
    def test_means_are_the_closed_forms(self, labels, kind, rng):
        errors = null_errors(labels, kind, images=20000, noise=0.4, pull=0.5, rng=rng, **RAW)
        np.testing.assert_allclose(errors, expected(labels, kind, 0.4, 0.5), rtol=0.06)

    @pytest.mark.parametrize("kind", NULLS)
    @pytest.mark.parametrize("images", [1, 4])
    def test_distribution_is_that_of_simulated_images(self, kind, images, rng):
        labels = np.tile([[0.2], [1.0], [3.0]], (1, 1000))
        ours = null_errors(labels, kind, images=images, noise=0.5, pull=0.3, rng=rng, **RAW)
        theirs = simulated(labels, kind, images, 0.5, 0.3, rng)
        for row in zip(ours, theirs):
            assert stats.ks_2samp(*row).pvalue > 0.001

    def test_each_class_has_its_own_number_of_images(self, rng):
        images = np.array([1, 0, 100])
        errors = null_errors(np.ones((3, 4000)), "constant", images=images, noise=0.5, rng=rng, **RAW)
        assert np.isnan(errors[1]).all()
        # a mean of n squared normals has the variance 2 sigma^4 / n
        np.testing.assert_allclose(errors[[0, 2]].var(1), 2 * 0.5**4 / images[[0, 2]], rtol=0.2)

    def test_correlate_with_the_label_as_the_theory_says(self, rng):
        labels = np.random.default_rng(2).exponential(size=(50, 300))
        mean = {
            kind: label_correlation(labels, null_errors(labels, kind, images=20, noise=0.3, rng=rng, **RAW))
            for kind in NULLS
        }
        assert abs(mean["constant"]) < 0.05
        assert min(mean["multiplicative"], mean["shrinkage"]) > 0.3

    @given(scale=st.floats(1e-3, 1e3), kind=st.sampled_from(NULLS))
    def test_scale_with_the_labels(self, scale, kind):
        labels = np.random.default_rng(3).exponential(size=(4, 5))
        unit = 1 if kind == "multiplicative" else scale
        small, large = (
            null_errors(
                factor * labels, kind, images=3, noise=0.2 * factor_of_noise, rng=np.random.default_rng(4), **RAW
            )
            for factor, factor_of_noise in ((1, 1), (scale, unit))
        )
        np.testing.assert_allclose(large, scale**2 * small, rtol=1e-6)

    def test_without_noise_only_the_bias_is_left(self, labels, rng):
        for kind in ("constant", "multiplicative"):
            np.testing.assert_array_equal(null_errors(labels, kind, images=2, noise=0, rng=rng, **RAW), 0)
        errors = null_errors(labels, "shrinkage", images=2, noise=0, pull=0.5, rng=rng, **RAW)
        np.testing.assert_allclose(errors, (labels - labels.mean(0)) ** 2 / 4)

    def test_one_class_is_its_own_mean(self, rng):
        errors = null_errors(np.ones((1, 4)), "shrinkage", images=2, noise=0, pull=1, rng=rng)
        np.testing.assert_array_equal(errors, 0)

    def test_no_class_gives_no_error(self, rng):
        assert null_errors(np.zeros((0, 3)), "shrinkage", images=2, noise=0.1, rng=rng).shape == (0, 3)

    def test_draws_come_from_the_generator(self, labels):
        first, again, other = (
            null_errors(labels, "constant", images=2, noise=1, rng=np.random.default_rng(seed)) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert (first != other).all()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"kind": "uniform"}, "kind must be one of constant, .*, missing_mean, image_labels, got 'uniform'"),
            ({"images": -1}, "images must be whole numbers of at least 0, got -1"),
            ({"noise": -0.1}, r"noise must be finite and at least 0, got -0\.1"),
            ({"noise": np.inf}, "noise must be finite"),
            ({"noise": np.nan}, "noise must be finite"),
            ({"kind": "shrinkage", "pull": 1.1}, r"pull must be in \[0, 1\], got 1\.1"),
            ({"kind": "missing_mean", "pull": 2.1}, r"pull must be in \[0, 2\], got 2\.1"),
            ({"kind": "image_labels"}, r"labels must be shares in \[0, 1\], got .* to "),
            ({"labels": np.full((2, 2), np.nan)}, "labels must be finite"),
            ({"labels": np.array([[1.0, 1.0], [0.0, 0.0]])}, "must not be all 0, got class 1 without any"),
        ],
    )
    def test_bad_input_is_named(self, labels, rng, change, message):
        with pytest.raises(InputError, match=message):
            null_errors(**({"labels": labels, "kind": "constant", "images": 1, "noise": 1.0, "rng": rng} | change))

    def test_normalised_predictions_of_constant_noise_go_with_the_label(self, rng):
        """Of many attributes, f / |f| is c a + c noise e with the cosine c = 1 / sqrt(1 + A noise^2)."""
        labels = np.random.default_rng(5).exponential(size=(6, 2000))
        unit = labels / np.linalg.norm(labels, axis=1, keepdims=True)
        errors = null_errors(3 * labels, "constant", images=4000, noise=0.03, rng=rng)
        cosine = 1 / np.sqrt(1 + 2000 * 0.03**2)
        np.testing.assert_allclose(errors, (1 - cosine) ** 2 * unit**2 + (cosine * 0.03) ** 2, rtol=0.2)
        assert label_correlation(unit, errors) > 0.6

    @pytest.mark.parametrize("kind", NULLS)
    def test_normalised_means_are_those_of_remse(self, labels, kind):
        """The measure itself, zslcore.remse.class_error, on simulated predictions."""
        unit = labels / np.linalg.norm(labels, axis=1, keepdims=True)
        ours = null_errors(labels, kind, images=4000, noise=0.3, pull=0.4, rng=np.random.default_rng(6))
        draws = 0.3 * np.random.default_rng(7).normal(size=(4000, *unit.shape))
        predictions = {
            "constant": unit + draws,
            "multiplicative": unit * (1 + draws),
            "shrinkage": 0.6 * unit + 0.4 * unit.mean(0) + draws,
            "missing_mean": unit - 0.4 * unit.mean(0) + draws,
        }[kind]
        theirs = [F.normalize(torch.from_numpy(predictions[:, c]), dim=1) - torch.from_numpy(unit[c]) for c in range(8)]
        theirs = torch.stack([difference.square().mean(0) for difference in theirs]).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=0.15, atol=1e-6)

    def test_normalised_errors_do_not_know_the_length_of_the_labels(self, labels):
        short, long = (
            null_errors(f * labels, "shrinkage", images=3, noise=0.1, rng=np.random.default_rng(4)) for f in (0.1, 70.0)
        )
        np.testing.assert_allclose(short, long)

    @pytest.mark.usefixtures("unchecked")
    def test_images_of_another_number_of_classes_are_named(self, labels, rng):
        with pytest.raises(InputError, match=r"one for each of 8 classes, got shape \(3,\)"):
            null_errors(labels, "constant", images=np.ones(3, dtype=int), noise=1, rng=rng)


class TestMatched:
    @pytest.fixture
    def labels(self):
        return np.random.default_rng(0).gamma(0.5, 0.1, size=(30, 40))

    @pytest.mark.parametrize("normalize", [False, True])
    def test_all_have_the_mean_error_asked_for(self, labels, normalize):
        errors = np.random.default_rng(1).exponential(0.02, size=labels.shape)
        nulls = matched_nulls(labels, errors, images=20, normalize=normalize)
        assert list(nulls) == ["constant", "multiplicative", "shrinkage", "missing_mean"]
        for matrix in nulls.values():
            assert matrix.mean() == pytest.approx(errors.mean(), rel=1e-3)

    def test_they_are_what_their_names_say(self, labels):
        nulls = matched_nulls(labels, np.full(labels.shape, 0.002), images=400, normalize=False)
        assert np.corrcoef(nulls["multiplicative"].ravel(), labels.ravel() ** 2)[0, 1] > 0.99
        assert nulls["constant"].std() < 0.1 * nulls["constant"].mean()

    @pytest.mark.parametrize("normalize", [False, True])
    @pytest.mark.parametrize(("kind", "pull"), [("shrinkage", 0.2), ("shrinkage", 0.7), ("missing_mean", 1.1)])
    def test_the_pull_that_made_the_errors_is_found(self, labels, kind, pull, normalize):
        how = {"images": 200, "noise": 0.05, "pull": pull, "normalize": normalize}
        made = null_errors(labels, kind, rng=np.random.default_rng(3), **how)
        found = matched_nulls(labels, made, images=200, seed=4, normalize=normalize)[kind]
        again = null_errors(labels, kind, rng=np.random.default_rng(5), **how)
        np.testing.assert_allclose(((found - made) ** 2).mean(), ((again - made) ** 2).mean(), rtol=0.3)

    def test_a_pull_never_errs_by_more_than_is_there(self, labels):
        """Far from the mean, and hardly any error: a full pull alone would be too much."""
        errors = np.full(labels.shape, 0.01 * labels.var())
        shrunk = matched_nulls(labels, errors, images=400, normalize=False)["shrinkage"]
        assert shrunk.mean() == pytest.approx(errors.mean(), rel=1e-3)

    def test_absent_classes_stay_absent(self, labels):
        errors = np.full(labels.shape, 0.002)
        errors[3] = np.nan
        for matrix in matched_nulls(labels, errors, images=10).values():
            assert np.isnan(matrix[3]).all()
            assert np.isfinite(np.delete(matrix, 3, axis=0)).all()
        for matrix in matched_nulls(labels, np.full(labels.shape, np.nan), images=10).values():
            assert np.isnan(matrix).all()

    def test_no_error_needs_no_noise(self, labels):
        for matrix in matched_nulls(labels, np.zeros(labels.shape), images=2).values():
            np.testing.assert_allclose(matrix, 0, atol=1e-12)

    @pytest.mark.parametrize(
        ("labels", "error", "kind"), [(np.zeros((3, 2)), 0.5, "multiplicative"), (np.ones((3, 2)), 3.5, "constant")]
    )
    def test_a_mean_that_no_noise_makes_is_named(self, labels, error, kind):
        how = {"normalize": bool(labels.any())}
        with pytest.raises(InputError, match=f"^errors must have a mean that {kind} noise can reach, got {error}"):
            matched_nulls(labels, np.full((3, 2), error), images=5, **how)


@pytest.mark.parametrize("shape", [(4, 4), (3, 1)])
def test_a_mean_that_noise_jumps_over_is_named(shape):
    """One attribute a class: a normalised prediction is right or opposite, and its error nothing in between."""
    labels = np.eye(4) if shape == (4, 4) else np.ones(shape)
    with pytest.raises(InputError, match=r"must have a mean that .* noise can reach"):
        matched_nulls(labels, np.full(shape, 0.01), images=2)


class TestMissingMean:
    def test_the_mean_can_be_that_of_other_classes(self, labels, rng):
        other = np.linspace(0, 2, 30)
        errors = null_errors(labels, "missing_mean", images=2, noise=0, pull=1.5, rng=rng, shared=other, **RAW)
        np.testing.assert_allclose(errors, np.broadcast_to((1.5 * other) ** 2, labels.shape))

    def test_noise_and_pull_are_found(self):
        labels = np.random.default_rng(0).gamma(0.5, 0.1, size=(30, 40))
        made = null_errors(labels, "missing_mean", images=200, noise=0.1, pull=1.05, rng=np.random.default_rng(3))
        noise, pull, errors = fit_null(labels, made, "missing_mean", images=200)
        assert (noise, pull) == pytest.approx((0.1, 1.05), rel=0.05)
        assert explained_share(made, errors) > 0.7
        constant = fit_null(labels, made, "constant", images=200)
        assert constant.pull == 0
        assert explained_share(made, constant.errors) < 0.2


class TestImageLabels:
    @pytest.fixture
    def shares(self):
        return np.random.default_rng(1).beta(0.5, 1.5, size=(8, 30))

    def test_its_error_is_the_variance_of_the_labels(self, shares, rng):
        errors = null_errors(shares, "image_labels", images=20000, noise=0.2, rng=rng, **RAW)
        np.testing.assert_allclose(errors, shares * (1 - shares) + 0.2**2, rtol=0.06)

    def test_normalised_errors_are_those_of_normalised_draws(self, shares, rng):
        errors = null_errors(shares, "image_labels", images=20000, noise=0, rng=rng)
        draws = np.random.default_rng(7).random((20000, *shares.shape)) < shares
        length = np.maximum(np.linalg.norm(draws, axis=2, keepdims=True), 1)
        unit = shares / np.linalg.norm(shares, axis=1, keepdims=True)
        np.testing.assert_allclose(errors, ((draws / length - unit) ** 2).mean(0), rtol=0.1, atol=1e-3)

    def test_noise_fills_up_to_the_mean_error(self, shares):
        target = np.full(shares.shape, 0.5)
        fitted = fit_null(shares, target, "image_labels", images=500, normalize=False)
        variance = (shares * (1 - shares)).mean()
        assert fitted.noise == pytest.approx(np.sqrt(0.5 - variance), rel=0.02)
        assert fit_null(shares, target * variance, "image_labels", images=500, normalize=False).noise == 0


class TestExplainedShare:
    def test_is_that_of_scikit_learn(self, rng):
        errors, null = rng.random((2, 5, 6))
        assert explained_share(errors, null) == pytest.approx(r2_score(errors.ravel(), null.ravel()))

    def test_absent_classes_are_left_out(self, rng):
        errors, null = rng.random((2, 5, 6))
        expected = explained_share(errors[[0, 2, 4]], null[[0, 2, 4]])
        errors[1], null[3] = np.nan, np.nan
        assert explained_share(errors, null) == pytest.approx(expected)
        assert np.isnan(explained_share(np.ones((2, 3)), np.ones((2, 3))))


def test_the_source_of_the_noise_may_be_a_seed(unchecked):
    labels, settings = np.ones((2, 3)), {"images": 3, "noise": 0.1}
    by_seed = null_errors(labels, "constant", **settings, rng=0)
    np.testing.assert_array_equal(by_seed, null_errors(labels, "constant", **settings, rng=np.random.default_rng(0)))

"""Accuracies against scikit-learn, the exact curve against a brute-force sweep over gamma."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from sklearn.metrics import balanced_accuracy_score

from zslcore import InputError
from zslcore.metrics import CurveAccumulator, harmonic_mean, per_class_accuracy, seen_unseen_curve


def problem(seed, num_seen=4, num_unseen=3, images=30, ties=False):
    """Random scores with signal; multiples of 1/8 (exact in binary) make ties."""
    rng = np.random.default_rng(seed)
    classes = num_seen + num_unseen
    labels_seen, labels_unseen = rng.integers(0, num_seen, images), rng.integers(num_seen, classes, images)
    scores = []
    for labels in (labels_seen, labels_unseen):
        score = rng.normal(size=(images, classes)) + 1.5 * np.eye(classes)[labels]
        score[:, :num_seen] += 0.8  # the bias towards seen classes that calibration is for
        scores.append((8 * score).round() / 8 if ties else score)
    return scores[0], labels_seen, scores[1], labels_unseen


def accuracies(gamma, score_seen, labels_seen, score_unseen, labels_unseen, num_seen):
    """S and U of calibrated stacking at one gamma, by argmax."""
    shift = np.where(np.arange(score_seen.shape[1]) < num_seen, gamma, 0.0)
    return [
        balanced_accuracy_score(labels, (score - shift).argmax(1))
        for score, labels in ((score_seen, labels_seen), (score_unseen, labels_unseen))
    ]


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label was found")
@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
def test_per_class_accuracy_equals_scikit_learn(pairs):
    predicted, labels = np.array(pairs).T
    expected = balanced_accuracy_score(labels, predicted)
    assert per_class_accuracy(predicted, labels) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_curve_equals_argmax_at_every_step(seed, ties):
    data = problem(seed, ties=ties)
    curve = seen_unseen_curve(*data, num_seen=4)
    for index, gamma in enumerate(curve.gamma):
        expected = accuracies(gamma, *data, 4)
        np.testing.assert_allclose([curve.seen[index], curve.unseen[index]], expected, atol=1e-12)
        np.testing.assert_allclose(curve.at(gamma)[:2], expected, atol=1e-12)


def test_a_class_that_is_ruled_out_never_wins():
    score_seen, labels_seen, score_unseen, labels_unseen = problem(4)
    curves = []
    for value in (-np.inf, -1e6):
        for score in (score_seen, score_unseen):
            score[:, [0, 6]] = value
        curves.append(seen_unseen_curve(score_seen, labels_seen, score_unseen, labels_unseen, num_seen=4))
    np.testing.assert_array_equal(curves[0].threshold, curves[1].threshold)
    np.testing.assert_array_equal(curves[0].seen, curves[1].seen)


def test_equal_scores_are_right_for_the_first_class_alone():
    score, labels = np.zeros((4, 4)), np.array([0, 1, 2, 3])
    curve = seen_unseen_curve(score[:2], labels[:2], score[2:], labels[2:], num_seen=2)
    assert (curve.seen.max(), curve.unseen.max()) == (0.5, 0.5)


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_best_and_area_agree_with_a_fine_sweep():
    data = problem(3)
    curve = seen_unseen_curve(*data, num_seen=4)
    sweep = np.array([accuracies(gamma, *data, 4) for gamma in np.arange(-6, 8, 0.02)])
    harmonic = harmonic_mean(sweep[:, 0], sweep[:, 1])
    assert curve.best()[2] >= harmonic.max() - 1e-12
    assert curve.best()[2] == pytest.approx(harmonic.max(), abs=0.01)
    assert curve.ausuc == pytest.approx(trapezoid(sweep[:, 0], sweep[:, 1]), abs=0.01)
    assert curve.ausuc == trapezoid(curve.seen, curve.unseen)


def test_curve_is_monotone_and_bounded():
    curve = seen_unseen_curve(*problem(7), num_seen=4)
    assert (np.diff(curve.seen) <= 0).all()
    assert (np.diff(curve.unseen) >= 0).all()
    assert curve.unseen[0] == curve.seen[-1] == 0
    assert 0 <= curve.ausuc <= curve.seen.max() * curve.unseen.max() <= 1


def test_curve_ignores_a_shift_and_scales_gamma_with_the_scores():
    data = problem(5)
    curve = seen_unseen_curve(*data, num_seen=4)
    moved = seen_unseen_curve(3 * data[0] + 1, data[1], 3 * data[2] + 1, data[3], num_seen=4)
    np.testing.assert_allclose(moved.seen, curve.seen)
    np.testing.assert_allclose(moved.threshold, 3 * curve.threshold)
    assert moved.ausuc == pytest.approx(curve.ausuc)


def test_tensors_and_arrays_agree():
    data = problem(2)
    ours = seen_unseen_curve(*(torch.from_numpy(part) for part in data), num_seen=4)
    assert ours.ausuc == seen_unseen_curve(*data, num_seen=4).ausuc


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("chunk", [1, 7, 60])
def test_chunks_give_the_curve_of_the_whole(chunk, ties):
    """Seen and unseen images come mixed; each side keeps its order."""
    score_seen, labels_seen, score_unseen, labels_unseen = problem(8, ties=ties)
    whole = seen_unseen_curve(score_seen, labels_seen, score_unseen, labels_unseen, num_seen=4)
    score, labels = np.concatenate([score_seen, score_unseen]), np.concatenate([labels_seen, labels_unseen])
    is_unseen = np.random.default_rng(0).permutation(labels >= 4)
    order = np.empty(60, dtype=int)
    order[~is_unseen], order[is_unseen] = np.arange(30), np.arange(30, 60)
    accumulator = CurveAccumulator(num_seen=4)
    for start in range(0, 60, chunk):
        rows = order[start : start + chunk]
        accumulator.update(torch.from_numpy(score[rows]), labels[rows])
    streamed = accumulator.compute()
    for name in ("gamma", "seen", "unseen", "harmonic", "ausuc", "threshold"):
        np.testing.assert_array_equal(getattr(streamed, name), getattr(whole, name))


def test_chunks_that_do_not_fit_are_refused(unchecked):
    accumulator, score = CurveAccumulator(num_seen=2), np.eye(3)
    with pytest.raises(InputError, match=r"^update must be called before compute$"):
        accumulator.compute()
    accumulator.update(score, np.array([0, 1, 1]))
    with pytest.raises(InputError, match=r"^the curve needs images of seen and of unseen classes, got one kind only$"):
        accumulator.compute()
    for bad, labels, message in (
        (np.eye(4), [0, 1, 2, 2], r"^score must have shape \(images, 3\), got \(4, 4\)$"),
        (score[0], [0], r"^score must have shape \(images, 3\), got \(3,\)$"),
        (score, [0, 1, 3], r"^labels must lie in 0\.\.2, got 0\.\.3$"),
        (score[:2], [0], r"^score must hold one row per label and at least one, got 2 and 1$"),
        (score * np.nan, [0, 1, 2], r"^score must be finite, got NaN or infinity$"),
        (np.where(score > 0, score, -np.inf), [0, 1, 2], r"^score must be finite, got NaN or infinity$"),
    ):
        with pytest.raises(InputError, match=message):
            accumulator.update(bad, np.array(labels))
    accumulator.update(score[2:], np.array([2]))
    assert accumulator.compute().at(0.0) == (0.75, 1.0, pytest.approx(6 / 7), 0.0)


def test_harmonic_mean_against_scipy():
    from scipy.stats import hmean

    assert harmonic_mean(0.3, 0.6) == pytest.approx(hmean([0.3, 0.6]))
    np.testing.assert_array_equal(harmonic_mean(np.array([0.0, 0.5]), np.array([0.0, 0.5])), [0, 0.5])


def test_bad_input_is_one_sentence(unchecked):
    score, labels = np.zeros((2, 3)), np.array([0, 1])
    with pytest.raises(InputError, match=r"num_seen must lie in 1..2 \(score_seen has C=3\), got 3"):
        seen_unseen_curve(score, labels, score, labels, num_seen=3)
    with pytest.raises(InputError, match="score_unseen must be finite"):
        seen_unseen_curve(score, labels, score * np.nan, np.array([2, 2]), num_seen=2)
    with pytest.raises(InputError, match="score_seen must hold one row per label"):
        seen_unseen_curve(score[:0], labels[:0], score, labels, num_seen=2)
    with pytest.raises(InputError, match="at least one image"):
        per_class_accuracy(labels[:0], labels[:0])
    with pytest.raises(InputError, match=r"one shape, got \(2,\) and \(1,\)"):
        per_class_accuracy(labels, labels[:1])


@pytest.mark.parametrize(
    ("labels_seen", "labels_unseen", "message"),
    [
        ([0, 2], [2, 2], r"^labels_seen must lie in 0\.\.1, got 0\.\.2$"),
        ([0, -1], [2, 2], r"^labels_seen must lie in 0\.\.1, got -1\.\.0$"),
        ([0, 1], [0, 2], r"^labels_unseen must lie in 2\.\.2, got 0\.\.2$"),
        ([0, 1], [2, 3], r"^labels_unseen must lie in 2\.\.2, got 2\.\.3$"),
    ],
)
def test_labels_of_the_other_side_are_refused(labels_seen, labels_unseen, message):
    """They were counted as wrong predictions, so the accuracies were 0."""
    score = np.eye(3)[:2]
    with pytest.raises(InputError, match=message):
        seen_unseen_curve(score, np.array(labels_seen), score, np.array(labels_unseen), num_seen=2)


def test_nothing_needs_numpy_2(monkeypatch):
    monkeypatch.delattr(np, "trapezoid", raising=False)
    assert 0 < seen_unseen_curve(*problem(1), num_seen=4).ausuc < 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, ">i4"])
def test_labels_of_any_integer_type(dtype, unchecked):
    """Labels of MATLAB files are uint8 or uint16, which torch cannot sort."""
    score_seen, labels_seen, score_unseen, labels_unseen = problem(4)
    expected = seen_unseen_curve(score_seen, labels_seen, score_unseen, labels_unseen, num_seen=4)
    ours = seen_unseen_curve(
        score_seen, labels_seen.astype(dtype), score_unseen, labels_unseen.astype(dtype)[::-1][::-1], num_seen=4
    )
    assert ours.ausuc == expected.ausuc
    predicted = score_seen.argmax(1)
    assert per_class_accuracy(predicted.astype(dtype), labels_seen.astype(dtype)) == per_class_accuracy(
        predicted, labels_seen
    )


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


@pytest.mark.parametrize(
    "convert",
    [
        *(lambda x: x[::-1].copy()[::-1], lambda x: x[:, ::-1].copy()[:, ::-1], lambda x: x.T.copy().T, read_only),
        *(lambda x: x.astype(">f8"), lambda x: x.astype(np.longdouble), pd.DataFrame, np.ndarray.tolist),
    ],
)
def test_scores_in_any_layout(convert, unchecked):
    """Warnings are errors here, and torch warns of read-only arrays."""
    data = problem(6)
    expected = seen_unseen_curve(*data, num_seen=4)
    ours = seen_unseen_curve(convert(data[0]), data[1], convert(data[2]), data[3], num_seen=4)
    np.testing.assert_array_equal(ours.threshold, expected.threshold)
    np.testing.assert_array_equal(ours.harmonic, expected.harmonic)


def test_scores_with_gradients_and_of_other_types(unchecked):
    data = problem(6, ties=True)
    expected = seen_unseen_curve(*data, num_seen=4).ausuc
    for convert in (lambda x: torch.from_numpy(x).requires_grad_(), lambda x: x.astype(np.float16), lambda x: 8 * x):
        given = [convert(data[0]), data[1], convert(data[2]), data[3]]
        assert seen_unseen_curve(*given, num_seen=4).ausuc == expected
    whole = [(8 * data[0]).astype(int), data[1], (8 * data[2]).astype(int), data[3]]
    assert seen_unseen_curve(*whole, num_seen=4).ausuc == expected
    curve, half = seen_unseen_curve(*data, num_seen=4), torch.tensor(0.5, requires_grad=True)
    assert curve.at(half.detach()) == curve.at(0.5)
    assert harmonic_mean(half, half) == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, y, u, z: seen_unseen_curve(s, y[:, None], u, z, num_seen=4), r"^labels_seen must have shape \(im"),
        (lambda s, y, u, z: seen_unseen_curve(s, y, u, z[:, None], num_seen=4), r"^labels_unseen must have shape \("),
        (lambda s, y, u, z: seen_unseen_curve(s[:, 0], y, u, z, num_seen=4), r"^score_seen and score_unseen must have"),
        (lambda s, y, u, z: seen_unseen_curve(s, y, u[:, :6], z, num_seen=4), r"got \(30, 7\) and \(30, 6\)$"),
        (
            lambda s, y, u, z: seen_unseen_curve(s, y * 1.0, u, z, num_seen=4),
            r"^labels_seen must be of an integer",
        ),
        (lambda s, y, u, z: seen_unseen_curve(s, y, u, z, num_seen=4.5), r"^num_seen must be a whole .*, got 4.5$"),
        (lambda s, y, u, z: seen_unseen_curve(s, y, u, z, num_seen=4).at(np.nan), r"^gamma must be a number, got nan$"),
        (lambda s, y, u, z: seen_unseen_curve(s, y, u, z, num_seen=4).at("0"), r"^gamma must be a number, got '0'$"),
        (lambda s, y, u, z: seen_unseen_curve(s, y, u, z, num_seen=4).at(s[0]), r"^gamma must be a number, got array"),
        (lambda s, y, u, z: seen_unseen_curve(np.full(s.shape, "?"), y, u, z, num_seen=4), "^score_seen must hold num"),
        (lambda s, y, u, z: per_class_accuracy(y * np.nan, y), r"^predicted must be of an integer type, got float64"),
        (lambda s, y, u, z: per_class_accuracy(y, y.astype(str)), r"^labels must be of an integer type, got <U"),
        (lambda s, y, u, z: per_class_accuracy(s, y), r"^predicted must be of an integer type"),
        (lambda s, y, u, z: per_class_accuracy(y, np.where(y == 0, -100, y)), r"^labels must be at least 0, got -100"),
        (lambda s, y, u, z: per_class_accuracy(y, np.ma.masked_equal(y, 0)), r"^labels must not be masked"),
        (
            lambda s, y, u, z: seen_unseen_curve(np.ma.masked_less(s, 0), y, u, z, num_seen=4),
            r"^score_seen must not be masked; a score of -inf rules a class out$",
        ),
        (
            lambda s, y, u, z: seen_unseen_curve(s, y, u, z, num_seen=torch.tensor(4)),
            r"^num_seen must be a whole number of at least 1, got tensor\(4\)$",
        ),
        (lambda s, y, u, z: CurveAccumulator(num_seen="4"), r"^num_seen must be a whole number of at least 1, got '4'"),
    ],
)
def test_inputs_of_another_shape_or_type_are_named(call, message, unchecked):
    """Labels (n, 1) were compared with every image."""
    with pytest.raises(InputError, match=message):
        call(*problem(0))


def test_an_accumulator_takes_buffers_that_are_filled_again_and_empty_chunks():
    score, labels, unseen, labels_unseen = map(torch.from_numpy, problem(0))
    accumulator, buffer, of_buffer = CurveAccumulator(num_seen=4), torch.empty(100, 7), torch.empty(100).long()
    for scores, classes in ((score, labels), (score[:0], labels[:0]), (unseen, labels_unseen)):
        rows = slice(len(classes))
        buffer = buffer.to(scores)
        buffer[rows], of_buffer[rows] = scores, classes
        accumulator.update(buffer[rows], of_buffer[rows])
    expected = seen_unseen_curve(score, labels, unseen, labels_unseen, num_seen=4)
    np.testing.assert_array_equal(accumulator.compute().seen, expected.seen)
    np.testing.assert_array_equal(accumulator.compute().unseen, expected.unseen)


@pytest.mark.parametrize("margin", [1.0, 1e17])
def test_the_best_gamma_gives_its_own_point(margin):
    """The mean of two neighbouring numbers is one of them."""
    score_seen = np.array([[margin, 0, 0], [0, np.nextafter(margin, np.inf), 0]])
    curve = seen_unseen_curve(score_seen, np.array([0, 1]), np.array([[margin, 0, 0]]), np.array([2]), num_seen=2)
    for point, gamma in enumerate(curve.gamma):
        assert curve.at(gamma)[:2] == (curve.seen[point], curve.unseen[point])
    assert curve.at(curve.best()[3]) == curve.best()


def test_harmonic_mean_of_half_precision(unchecked):
    assert harmonic_mean(torch.tensor(0.5).bfloat16(), 0.25) == harmonic_mean(0.5, 0.25)

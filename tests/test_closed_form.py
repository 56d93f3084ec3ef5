"""ESZSL and SAE against their objectives: least squares by a general solver, gradients, and the published equations."""

import re

import numpy as np
import pytest
import torch
from scipy.linalg import solve_sylvester

from zslcore import InputError
from zslcore.closed_form import SOLVERS, eszsl, sae

# images, features, classes, attributes; the second has fewer images than features and fewer classes than attributes
SIZES = {"many images": (30, 6, 5, 4), "few images": (7, 10, 3, 6)}


@pytest.fixture(params=SIZES)
def problem(request):
    n, channels, classes, attributes = SIZES[request.param]
    rng = np.random.default_rng(0)
    vectors = rng.uniform(size=(classes, attributes))
    labels = np.arange(n) % classes
    features = vectors[labels] @ rng.normal(size=(attributes, channels)) + rng.normal(size=(n, channels))
    return features - features.mean(0), labels, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def targets(labels, vectors):
    """1 for the class of an image, -1 for the others."""
    return 2.0 * np.eye(len(vectors))[labels] - 1


def least_squares(parts, shape):
    """The matrix, by rows, that minimises a sum of squares |design @ entries - target|^2; of least norm."""
    designs, values = zip(*parts, strict=True)
    return np.linalg.lstsq(np.vstack(designs), np.concatenate([value.ravel() for value in values]))[0].reshape(shape)


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 1.0), (30.0, 0.01), (0.01, 5.0)])
def test_eszsl_minimises_its_objective(problem, gamma, lam):
    features, labels, vectors = problem
    (n, channels), (classes, attributes) = features.shape, vectors.shape
    transposed = least_squares(
        [
            (np.kron(features, vectors), targets(labels, vectors)),
            (gamma**0.5 * np.kron(np.eye(channels), vectors), np.zeros(channels * classes)),
            (lam**0.5 * np.kron(features, np.eye(attributes)), np.zeros(n * attributes)),
            ((gamma * lam) ** 0.5 * np.eye(channels * attributes), np.zeros(channels * attributes)),
        ],
        (channels, attributes),
    )
    np.testing.assert_allclose(eszsl(*problem, gamma=gamma, lam=lam), transposed.T, rtol=1e-9, atol=1e-11)


def test_eszsl_is_the_published_formula(problem):
    """V = (X X^T + gamma I)^-1 X Y S^T (S S^T + lambda I)^-1, with images and classes as columns."""
    (x, s), y, gamma, lam = (problem[0].T, problem[2].T), targets(*problem[1:]), 3.0, 0.2
    left = np.linalg.inv(x @ x.T + gamma * np.eye(len(x)))
    right = np.linalg.inv(s @ s.T + lam * np.eye(len(s)))
    np.testing.assert_allclose(eszsl(*problem, gamma=gamma, lam=lam).T, left @ x @ y @ s.T @ right, rtol=1e-9)


@pytest.mark.parametrize("lam", [1e-3, 0.5, 20.0])
def test_sae_minimises_its_objective(problem, lam):
    """Of the minimisers the one of least norm, which a general least-squares solver finds too."""
    features, labels, vectors = problem
    (_, channels), attributes = features.shape, vectors.shape[1]
    expected = least_squares(
        [
            (np.kron(vectors[labels], np.eye(channels)), features),
            (lam**0.5 * np.kron(np.eye(attributes), features), lam**0.5 * vectors[labels].T),
        ],
        (attributes, channels),
    )
    np.testing.assert_allclose(sae(*problem, lam=lam), expected, rtol=1e-8, atol=1e-10)


def objective(name, weight, features, labels, vectors, gamma, lam):
    """The objectives as the papers write them, in torch."""
    x, s, w = torch.from_numpy(features), torch.from_numpy(vectors), weight
    if name == "sae":
        t = s[torch.from_numpy(labels)]
        return (x - t @ w).square().sum() + lam * (x @ w.T - t).square().sum()
    y = torch.from_numpy(targets(labels, vectors))
    error, on_classes = (x @ w.T @ s.T - y).square().sum(), (w.T @ s.T).square().sum()
    return error + gamma * on_classes + lam * (x @ w.T).square().sum() + gamma * lam * w.square().sum()


@pytest.mark.parametrize("name", SOLVERS)
def test_gradient_is_zero_at_the_solution(problem, name):
    options = {"gamma": 2.0, "lam": 0.3} if name == "eszsl" else {"lam": 0.3}
    solution = torch.from_numpy(SOLVERS[name](*problem, **options)).requires_grad_()
    elsewhere = (solution.detach() + 0.1).requires_grad_()
    for weight in (solution, elsewhere):
        objective(name, weight, *problem, 2.0, 0.3).backward()
    assert solution.grad.abs().max() < 1e-10
    assert elsewhere.grad.abs().max() > 0.1


def test_sae_solves_its_sylvester_equation(problem):
    features, labels, vectors = problem
    target, lam = vectors[labels], 0.3
    left, right, constant = target.T @ target, lam * features.T @ features, (1 + lam) * target.T @ features
    weight = sae(*problem, lam=lam)
    np.testing.assert_allclose(left @ weight + weight @ right, constant, atol=1e-11)
    if len(features) > features.shape[1]:  # only then is the solution unique
        np.testing.assert_allclose(weight, solve_sylvester(left, right, constant), rtol=1e-9, atol=1e-12)


def test_sae_ignores_what_no_training_image_shows():
    """A general solver of the singular equation gives noise there, and so on images of other classes."""
    rng = np.random.default_rng(0)
    features, vectors = rng.normal(size=(20, 40)), rng.uniform(size=(8, 12))
    hidden = np.linalg.svd(features)[2][20:]  # directions in which all training images are 0
    weight = sae(features, np.arange(20) % 8, vectors, lam=0.1)
    assert np.abs(weight @ hidden.T).max() < 1e-12 < 0.01 < np.abs(weight @ features.T).max()


def test_sae_of_features_in_another_unit_has_the_same_directions(problem):
    features, labels, vectors = problem
    first, second = sae(*problem, lam=0.4), sae(10 * features, labels, vectors, lam=0.004)
    scale = np.linalg.norm(first) / np.linalg.norm(second)
    np.testing.assert_allclose(first, scale * second, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("solver", SOLVERS.values())
class TestArguments:
    def test_the_order_of_the_images_is_free(self, problem, solver):
        features, labels, vectors = problem
        order = np.random.default_rng(1).permutation(len(labels))
        shuffled = solver(features[order], labels[order], vectors)
        np.testing.assert_allclose(shuffled, solver(*problem), rtol=1e-9, atol=1e-11)

    @pytest.mark.parametrize(
        "kind", [np.uint8, np.float64, torch.tensor, np.ndarray.tolist], ids=["integers", "floats", "tensors", "lists"]
    )
    def test_any_numbers_are_computed_in_float64(self, solver, kind):
        """Products of uint8 overflow, and double labels, as MATLAB has them, are no index."""
        rng = np.random.default_rng(0)
        given = rng.integers(0, 256, (20, 7)), np.arange(20) % 4, rng.integers(0, 256, (4, 5))
        others = [kind(values) for values in given]
        expected = solver(given[0].astype(float), given[1], given[2].astype(float))
        np.testing.assert_array_equal(solver(*others), expected)

    @pytest.mark.parametrize(
        ("which", "value", "message"),
        [
            (0, np.empty((0, 6)), "features must be a matrix of at least one row and one column, got shape (0, 6)"),
            (2, np.ones(5), "vectors must be a matrix of at least one row and one column, got shape (5,)"),
            (1, np.full(7, 0.5), "labels must be whole numbers, got 0.5"),
            (1, np.full(7, np.nan), "labels must be whole numbers, got nan"),
            (1, ["a"] * 7, "features, labels and vectors must be arrays of numbers: could not convert string to"),
        ],
    )
    @pytest.mark.usefixtures("unchecked")
    def test_what_is_no_matrix_or_no_label(self, solver, which, value, message):
        arguments = [np.ones((7, 6)), np.zeros(7, int), np.ones((5, 4))]
        arguments[which] = value
        with pytest.raises(InputError, match=f"^{re.escape(message)}"):
            solver(*arguments)

    @pytest.mark.parametrize("lam", [0.0, -1.0, float("nan"), float("inf"), "1", None])
    @pytest.mark.usefixtures("unchecked")
    def test_the_ridge_is_above_zero(self, problem, solver, lam):
        with pytest.raises(InputError, match=rf"^lam must be a finite number above 0, got {lam!r}$"):
            solver(*problem, lam=lam)

    @pytest.mark.usefixtures("unchecked")
    def test_there_is_a_label_for_each_image(self, problem, solver):
        features, labels, vectors = problem
        message = f"labels must have shape ({len(labels)},), one for each image, got ({len(labels) - 1},)"
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            solver(features, labels[1:], vectors)

    @pytest.mark.parametrize("wrong", [-1, 5])
    def test_labels_are_rows_of_the_vectors(self, problem, solver, wrong):
        features, labels, vectors = problem
        labels = np.where(np.arange(len(labels)) == 0, wrong, labels)
        with pytest.raises(InputError, match=rf"^labels must lie in 0\.\.{len(vectors) - 1}, got "):
            solver(features, labels, vectors)

    @pytest.mark.parametrize("which", [0, 2])
    def test_numbers_are_finite(self, problem, solver, which):
        arguments = [array.copy() for array in problem]
        arguments[which][0, 0] = np.nan
        with pytest.raises(InputError, match=r"^features and vectors must be finite$"):
            solver(*arguments)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("change", [torch.Tensor.bfloat16, torch.Tensor.half, torch.Tensor.requires_grad_])
def test_tensors_of_a_network_are_taken(problem, name, change):
    """Before, numpy refused tensors of bfloat16 and those with gradients."""
    features, labels, vectors = problem
    tensor = change(torch.from_numpy(features))
    expected = SOLVERS[name](tensor.detach().double().numpy(), labels, vectors)
    np.testing.assert_array_equal(SOLVERS[name](tensor, torch.from_numpy(labels), vectors), expected)

"""ReMSERegressor: scikit-learn's checks, Ridge and a plain network as its special cases, groups and weights."""

import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from zslcore import InputError, remse_weights
from zslcore.sklearn import ReMSERegressor


@pytest.fixture
def data():
    """Inputs in different units, three outputs, and three groups with different noise."""
    inputs, outputs = make_regression(120, 6, n_targets=3, random_state=0)
    rng, groups = np.random.default_rng(0), np.arange(120) % 3
    noise = np.array([[1.0, 5.0, 20.0], [10.0, 10.0, 10.0], [30.0, 2.0, 8.0]])[groups]
    return 3 + inputs * [1, 10, 100, 0.1, 1, 1], outputs + 5 + noise * rng.normal(size=outputs.shape), groups


@pytest.mark.parametrize(
    "model",
    [ReMSERegressor(), ReMSERegressor(hidden=4, max_iter=10, learning_rate=0.1), ReMSERegressor(p=2, p2=1, alpha=0)],
)
def test_scikit_learn_accepts_the_estimator(model, unchecked):
    """The checks pass all kinds of wrong types, so the type checks of the other tests are off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the network stops early
        results = check_estimator(model, on_skip=None)
    assert {each["check_name"] for each in results if each["status"] != "passed"} <= {"check_array_api_input"}
    assert len(results) > 40


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("single", [False, True])
def test_without_exponents_it_is_ridge(data, weighted, single):
    inputs, outputs, groups = data
    outputs = outputs[:, 0] if single else outputs
    weight = np.random.default_rng(1).uniform(0, 3, len(inputs)) if weighted else None
    ours = ReMSERegressor(p=0, p2=0, alpha=3.0).fit(inputs, outputs, groups, sample_weight=weight)
    ridge = Ridge(alpha=3.0).fit(inputs, outputs, sample_weight=weight)
    np.testing.assert_allclose(ours.coef_, ridge.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.intercept_, ridge.intercept_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict(inputs), ridge.predict(inputs), rtol=1e-8)
    assert ours.n_iter_ == 1


@pytest.mark.parametrize("dependent", [False, True])
def test_without_penalty_it_is_least_squares(data, dependent):
    inputs, outputs, _ = data
    inputs = np.hstack([inputs, inputs[:, :1], np.ones((len(inputs), 1))]) if dependent else inputs
    ours = ReMSERegressor(p=0, p2=0, alpha=0).fit(inputs, outputs)
    np.testing.assert_allclose(ours.predict(inputs), LinearRegression().fit(inputs, outputs).predict(inputs), rtol=1e-6)


@pytest.mark.parametrize(("p", "p2"), [(1, 0), (0, 1), (0.5, 0.5), (2, 2), (8, 0)])
def test_weights_and_errors_of_a_linear_fit_agree(data, p, p2):
    """The fit is weighted least squares with the weights of its own errors."""
    inputs, outputs, groups = data
    model = ReMSERegressor(p=p, p2=p2, alpha=0, tol=1e-8).fit(inputs, outputs, groups)
    squared = (model.predict(inputs) - outputs) ** 2
    errors = np.stack([squared[groups == group].mean(0) for group in range(3)])
    np.testing.assert_allclose(model.errors_, errors, rtol=1e-9)
    weights = remse_weights(torch.tensor(errors), p=p, p2=p2).numpy()
    np.testing.assert_allclose(model.weights_, weights / weights.mean(), rtol=1e-9)
    for output in range(3):
        oracle = LinearRegression().fit(inputs, outputs[:, output], sample_weight=model.weights_[groups, output])
        np.testing.assert_allclose(model.coef_[output], oracle.coef_, rtol=1e-5)


def test_p_lowers_the_error_of_the_worst_group():
    """Two groups with opposite slopes: the smaller one is fitted badly, and better with larger p."""
    x = np.linspace(-1, 1, 200)[:, None]
    groups = np.where(np.arange(200) % 4, "large", "small")
    y = np.where(groups == "large", x[:, 0], -x[:, 0])
    worst = [ReMSERegressor(p=p, p2=0).fit(x, y, groups).errors_.max() for p in (0, 0.5, 1, 4)]
    assert (np.diff(worst) < -0.01).all()


def test_the_units_of_y_do_not_matter_if_they_are_common(data):
    inputs, outputs, groups = data
    small = ReMSERegressor().fit(inputs, outputs, groups)
    large = ReMSERegressor().fit(inputs, 1e6 * outputs, groups)
    np.testing.assert_allclose(large.weights_, small.weights_, rtol=1e-6)
    np.testing.assert_allclose(large.errors_, 1e12 * small.errors_, rtol=1e-6)


def test_p2_compares_outputs_in_the_units_of_y(data):
    inputs, outputs, groups = data
    units = [1, 100, 1]
    plain, changed = (ReMSERegressor(p=0, p2=1).fit(inputs, values, groups) for values in (outputs, outputs * units))
    assert changed.weights_[:, 1].mean() > 1.5 * plain.weights_[:, 1].mean()
    scaled = []
    for values in (outputs, outputs * units):
        model = TransformedTargetRegressor(ReMSERegressor(p=0, p2=1), transformer=StandardScaler())
        scaled.append(model.fit(inputs, values, groups=groups).regressor_.weights_)
    np.testing.assert_allclose(*scaled, rtol=1e-9)


def test_a_constant_output_has_weight_one_before_scaling(data):
    inputs, outputs, groups = data
    outputs[:, 1] = 7
    model = ReMSERegressor(p=1, p2=1).fit(inputs, outputs, groups)
    assert np.ptp(model.weights_[:, 1]) == 0
    np.testing.assert_allclose(model.predict(inputs)[:, 1], 7)


def test_groups_have_any_hashable_label(data):
    inputs, outputs, groups = data
    names = [("site", int(group)) if group else None for group in groups]
    named = ReMSERegressor().fit(inputs, outputs, names)
    assert named.groups_ == [None, ("site", 1), ("site", 2)]
    np.testing.assert_array_equal(named.coef_, ReMSERegressor().fit(inputs, outputs, groups).coef_)


@pytest.mark.parametrize("kind", [torch.from_numpy, lambda groups: list(torch.from_numpy(groups)), pd.Series])
def test_groups_come_in_any_container(data, kind):
    inputs, outputs, groups = data
    model = ReMSERegressor().fit(inputs, outputs, kind(groups))
    assert model.groups_ == [0, 1, 2]
    np.testing.assert_array_equal(model.coef_, ReMSERegressor().fit(inputs, outputs, groups).coef_)


def test_weights_of_rows_count_as_repeated_rows(data):
    inputs, outputs, groups = data
    repeats = np.random.default_rng(0).integers(0, 3, len(inputs))
    weighted = ReMSERegressor(p=1, p2=1).fit(inputs, outputs, groups, sample_weight=repeats)
    arrays = (np.repeat(values, repeats, axis=0) for values in data)
    repeated = ReMSERegressor(p=1, p2=1).fit(*arrays)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9)
    np.testing.assert_allclose(weighted.weights_, repeated.weights_[[repeated.groups_.index(g) for g in range(3)]])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_fits_what_is_not_linear_and_repeats_exactly():
    x = np.linspace(-2, 2, 100)[:, None]
    y = np.hstack([np.sin(2 * x), 3 + 10 * np.cos(2 * x)])
    model = ReMSERegressor(hidden=16, alpha=0, learning_rate=0.05, max_iter=300, random_state=3)
    state = torch.get_rng_state()
    first, second = model.fit(x, y, groups=x[:, 0] > 0).predict(x), model.fit(x, y, groups=x[:, 0] > 0).predict(x)
    np.testing.assert_array_equal(first, second)
    assert (torch.get_rng_state() == state).all()
    assert model.score(x, y) > 0.95
    assert [values.shape for values in (*model.coefs_, *model.intercepts_)] == [(1, 16), (16, 2), (16,), (2,)]
    np.testing.assert_allclose(model.errors_.mean(0), ((first - y) ** 2).mean(0))
    assert not hasattr(model, "coef_")


def test_groups_reach_every_fit_of_a_search(data):
    inputs, outputs, groups = data
    with sklearn.config_context(enable_metadata_routing=True):
        model = ReMSERegressor().set_fit_request(groups=True)
        search = GridSearchCV(model, {"p": [0, 4]}, cv=KFold(3)).fit(inputs, outputs, groups=groups)
    assert len(search.best_estimator_.groups_) == 3
    train, test = next(iter(KFold(3).split(inputs)))
    alone = ReMSERegressor(p=4).fit(inputs[train], outputs[train], groups[train]).score(inputs[test], outputs[test])
    np.testing.assert_allclose(search.cv_results_["split0_test_score"][1], alone)


@pytest.mark.parametrize("hidden", [0, 2])
def test_an_unfinished_fit_warns(data, hidden):
    inputs, outputs, groups = data
    with pytest.warns(ConvergenceWarning, match="after max_iter=2"):
        model = ReMSERegressor(hidden=hidden, max_iter=2).fit(inputs, outputs, groups)
    assert model.n_iter_ == 2


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        ({"p": -1.5}, {}, "p must be a finite number >= 0, got -1.5"),
        ({"p": "1"}, {}, "p must be a finite number >= 0, got '1'"),
        ({"hidden": -1}, {}, "hidden must be a whole number of at least 0, got -1"),
        ({"hidden": 2.5}, {}, "hidden must be a whole number of at least 0, got 2.5"),
        ({"max_iter": 0}, {}, "max_iter must be a whole number of at least 1, got 0"),
        ({"alpha": -1.0}, {}, "alpha must be a finite number of at least 0, got -1.0"),
        ({}, {"groups": [0.0, np.nan] * 60}, "groups must hold a hashable label for each row"),
        (
            {},
            {"groups": np.zeros((120, 2))},
            r"groups must be a label for each row, of shape \(120,\), got shape \(120, 2\)",
        ),
        (
            {},
            {"groups": torch.zeros(120, 2)},
            r"groups must be a label for each row, of shape \(120,\), got shape \(120, 2\)",
        ),
        ({}, {"groups": pd.DataFrame({"site": [0] * 120})}, r"of shape \(120,\), got shape \(120, 1\)"),
        ({}, {"groups": dict.fromkeys(range(120), 0)}, r"of shape \(120,\), got dict"),
        ({"hidden": True}, {}, "hidden must be a whole number of at least 0, got True"),
        ({"tol": None}, {}, "tol must be a finite number of at least 0, got None"),
        ({"learning_rate": "adaptive"}, {}, "learning_rate must be a finite number above 0, got 'adaptive'"),
        ({}, {"groups": [([0],)] * 120}, "groups must hold a hashable label for each row"),
        ({}, {"groups": [0, pd.NA] * 60}, "groups must hold a hashable label for each row, not a list, NaN or NA"),
    ],
)
def test_bad_input_is_named(data, unchecked, settings, arguments, message):
    with pytest.raises(InputError, match=message):
        ReMSERegressor(**settings).fit(*data[:2], **arguments)


def test_groups_must_have_a_label_for_each_row(data):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ReMSERegressor().fit(*data[:2], groups=[0, 1])


def surrounded(by, fit):
    if by == "device":
        torch.set_default_device("meta")  # as "cuda" would be where there is a GPU
    with torch.inference_mode(by == "inference_mode"), torch.set_grad_enabled(by != "no_grad"):
        try:
            return fit()
        finally:
            torch.set_default_device(None)


@pytest.mark.parametrize("hidden", [0, 3])
@pytest.mark.parametrize("by", ["no_grad", "inference_mode", "device"])
@pytest.mark.filterwarnings("ignore:the loss still falls")
def test_a_fit_does_not_depend_on_the_state_of_torch(data, by, hidden):
    model = ReMSERegressor(hidden=hidden, max_iter=200 if hidden == 0 else 5, random_state=0)
    expected = model.fit(*data).predict(data[0])
    np.testing.assert_array_equal(surrounded(by, lambda: model.fit(*data)).predict(data[0]), expected)


@pytest.mark.filterwarnings("ignore:the loss still falls")
def test_a_second_fit_leaves_nothing_of_the_first(data):
    model = ReMSERegressor().fit(*data)
    model.set_params(hidden=2, max_iter=2).fit(*data)
    assert not hasattr(model, "coef_")
    assert not hasattr(model, "intercept_")


def test_numbers_may_be_text_in_y_as_in_x(data):
    inputs, outputs, groups = data
    text = ReMSERegressor().fit(inputs.astype(str), outputs.astype(str), groups)
    np.testing.assert_array_equal(text.coef_, ReMSERegressor().fit(*data).coef_)


def test_a_warning_tells_of_weights_in_the_place_of_groups(data):
    X, y, groups = data
    with pytest.warns(UserWarning, match=r"^groups hold fractions; weights of rows are given as sample_weight=\.\.\.$"):
        ReMSERegressor(max_iter=5000).fit(X, y, np.linspace(0.5, 2, len(X)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ReMSERegressor(max_iter=5000).fit(X, y, groups.astype(float))


@pytest.mark.parametrize("change", [torch.Tensor.bfloat16, torch.Tensor.requires_grad_])
def test_tensors_of_a_network_are_taken(data, change):
    X, y, groups = data
    tensors = [change(torch.from_numpy(values)) for values in (X, y, np.ones(len(X)))]
    arrays = [tensor.detach().double().numpy() for tensor in tensors]
    model, expected = (ReMSERegressor().fit(*given[:2], groups, given[2]) for given in (tensors, arrays))
    np.testing.assert_array_equal(model.predict(tensors[0]), expected.predict(arrays[0]))


@pytest.mark.filterwarnings("error")
def test_arrays_may_be_read_only(data):
    X, y, groups = data
    weight = np.linspace(1, 2, len(X))
    weight.flags.writeable = False
    ReMSERegressor(max_iter=5000).fit(X, y, groups=groups, sample_weight=weight)


@pytest.mark.filterwarnings("ignore:the loss still falls")
def test_networks_in_threads_are_those_of_one_after_the_other(data, monkeypatch):
    X, y, groups = data
    seed = torch.manual_seed

    def slow(value):
        result = seed(value)
        time.sleep(0.02)  # another thread would draw in between
        return result

    def fitted(random_state):
        model = ReMSERegressor(hidden=3, max_iter=2, random_state=random_state)
        return model.fit(X, y, groups=groups).coefs_[0]

    expected = list(map(fitted, range(4)))
    monkeypatch.setattr(torch, "manual_seed", slow)
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(fitted, range(4))), expected)

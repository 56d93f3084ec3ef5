"""Values of parameters that the study's notebooks cannot use are refused before a kernel starts."""

import json

import pytest

from zslcore.errors import InputError
from zslcore.study.checkout import notebooks_root
from zslcore.study.running.notebook_runner import bind, check_values, find_notebook, read_parameters

MISTAKES = {
    (
        "04_train",
        "method",
        "rmse",
    ): "method must be one of cross_entropy, cross_entropy_tuned, cross_entropy_centred, mse",
    ("04_train", "dataset", "nope"): "no data set 'nope' in ",
    ("04_train", "dataset", "a/../b"): "dataset must be a name such as my-birds or CUB.v2",
    ("04_train", "seed", "-1"): "seed must be an integer of at least 0 and below 9223372036854775808, got -1",
    ("04_train", "settings", '{"lam": -1}'): "settings: lam must be a number of at least 0, got -1",
    ("04_train", "settings", '{"lam": 1, "lam": 2}'): "settings: 'lam' is given twice",
    ("04_train", "settings", '{"lambda": 1}'): "settings: unknown setting 'lambda'",
    ("04_train", "settings", "[1]"): "settings must be a JSON object, got '[1]'",
    ("05_results", "seeds", "0"): "seeds must be a whole number from 1 to 1000, got 0",
    ("05_results", "seeds", "9" * 400): "seeds must be a whole number from 1 to 1000, got 999",
    ("06_ablations", "losses", "foo"): "losses must be among mse, mae, ",
    ("06_ablations", "losses", "mse,none"): "losses must be among mse, mae, ",
    ("06_ablations", "losses", "mse,mse"): "losses must hold each value once, got mse, mse",
    ("06_ablations", "lams", "-1"): "lams: lam must be a number of at least 0, got -1",
    ("06_ablations", "lams", "[]"): "lams must hold at least one value",
    ("06_ablations", "exponents", "0,-1"): "exponents: p must be a number of at least 0, got -1",
    ("07_figures", "pictures", "0"): "pictures must be a whole number from 1 to 10000, got 0",
    ("03_theory", "classes", "-2"): "classes must be a whole number from 1 to 10000, got -2",
    ("03_theory", "shots", "0"): "shots must be an integer of at least 1",
    ("00_quickstart", "p", "-1"): "p must be a number of at least 0, got -1",
}


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A data folder with one data set, by name."""
    (tmp_path / "xlsa17" / "data" / "my-birds").mkdir(parents=True)
    monkeypatch.setenv("ZSLCORE_DATA", str(tmp_path))


def check(notebook, *given):
    source = find_notebook(notebook)
    parameters = read_parameters(source)
    check_values(source, parameters, bind(parameters, given))


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: " ".join(case)[:40])
@pytest.mark.usefixtures("unchecked")
def test_a_value_that_no_cell_could_use(case):
    notebook, name, text = case
    with pytest.raises(InputError) as caught:
        check(notebook, (name, text))
    assert str(caught.value).startswith(MISTAKES[case])
    assert len(str(caught.value)) < 300


def test_a_method_of_another_data_set():
    with pytest.raises(
        InputError, match=r"^method must be one of cross_entropy, mse, remse for my-birds, got 'mse_mat"
    ):
        check("04_train", ("dataset", "my-birds"), ("method", "mse_matched"))


def test_values_that_can_be_used():
    check("04_train", ("dataset", "my-birds"), ("method", "remse"), ("seed", "3"), ("settings", '{"lam": 1.0}'))
    check("06_ablations", ("losses", "mse,remse"), ("lams", "0.5,2"), ("exponents", "0,1"), ("seeds", "2"))
    check("06_ablations", ("losses", "[]"), ("output", "figures of mine"))


@pytest.mark.parametrize("notebook", sorted(path.stem for path in notebooks_root().glob("*.ipynb")))
def test_the_defaults_can_be_used(notebook):
    parameters = read_parameters(find_notebook(notebook))
    texts = []
    for name, parameter in parameters.items():
        value = parameter.default
        texts.append((name, value if isinstance(value, str) else json.dumps(value)))
    check(notebook, *texts)


def test_other_notebooks_may_use_any_value(tmp_path):
    source = find_notebook("04_train")
    parameters = read_parameters(source)
    check_values(tmp_path / "mine.ipynb", parameters, bind(parameters, [("method", "rmse")]))


def test_an_output_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"^the parameter output cannot be .*/file/x: .*/file is a file$"):
        check("05_results", ("output", str(tmp_path / "file" / "x")))

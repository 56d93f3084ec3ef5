"""Functions of arrays take tables, tensors and lists, and give the numbers of arrays."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from zslcore import InputError, analysis, plots

RNG = np.random.default_rng(0)
VECTORS, ERRORS, LABELS = RNG.random((6, 5)), RNG.random((6, 5)), np.arange(24) % 6
PREDICTION = RNG.random((24, 5))
SHOWN = np.round(PREDICTION)
NAMED = [f"has_{letter}" for letter in "abcde"]
KINDS = {
    "table": lambda array: (
        pd.DataFrame(array, columns=NAMED) if array.ndim == 2 else pd.Series(array, index=array + 50)
    ),
    "tensor": torch.from_numpy,
    "half": lambda array: torch.from_numpy(array).bfloat16() if array.dtype.kind == "f" else torch.from_numpy(array),
    "list": lambda array: array.tolist(),
}
CALLS = {
    "label_correlation": lambda f: analysis.label_correlation(f(VECTORS), f(ERRORS)),
    "relative_slope": lambda f: analysis.relative_slope(f(VECTORS), errors=f(ERRORS), axis="attribute"),
    "error_by_label": lambda f: analysis.error_by_label(f(VECTORS), f(ERRORS), bins=2),
    "row_correlation": lambda f: analysis.row_correlation(f(VECTORS), f(ERRORS)),
    "bias_variance": lambda f: analysis.bias_variance(f(PREDICTION), f(VECTORS), f(LABELS)),
    "restore_mean": lambda f: analysis.restore_mean(f(PREDICTION), f(VECTORS[0]), 0.5),
    "error_parts": lambda f: analysis.error_parts(f(PREDICTION), f(SHOWN), f(VECTORS), f(LABELS)),
    "average_precision": lambda f: analysis.average_precision(f(PREDICTION), f(SHOWN)),
    "effective_lambda": lambda f: analysis.effective_lambda(1, f(1 + VECTORS), f(ERRORS), f(LABELS[:6])),
    "explained_share": lambda f: analysis.explained_share(f(ERRORS), f(VECTORS)),
    "null_errors": lambda f: analysis.null_errors(
        f(VECTORS), "constant", images=3, noise=0.1, rng=np.random.default_rng(0)
    ),
    "slope_claim": lambda f: analysis.slope_claim(f(VECTORS), {"mse": f(ERRORS)}, resamples=2)["estimate"],
    "evenness_claim": lambda f: analysis.evenness_claim([f(ERRORS)] * 2, [f(VECTORS)] * 2)["estimate"],
}


def numbers(result):
    if isinstance(result, tuple):
        return np.stack(result)
    return np.asarray(result, dtype=float)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_those_of_arrays(name, kind, unchecked):
    if kind == "half" and name in ("average_precision", "error_by_label"):
        pytest.skip("equal values after rounding")
    expected, rounding = numbers(CALLS[name](lambda array: array)), 0.05 if kind == "half" else 1e-9
    np.testing.assert_allclose(numbers(CALLS[name](KINDS[kind])), expected, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("kind", KINDS)
def test_figures_take_them_too(kind, unchecked):
    errors = {"mse": KINDS[kind](ERRORS), "remse": KINDS[kind](VECTORS)}
    plots.error_heatmaps(errors, rows="class", columns="attribute")
    plots.weight_matrix(KINDS[kind](1 + VECTORS), attribute_names=NAMED)
    plots.label_distribution(KINDS[kind](VECTORS), unit="%")
    plots.error_against_label({"seen": KINDS[kind](VECTORS)}, {"mse": {"seen": KINDS[kind](ERRORS)}})
    plt.close("all")


def test_tables_in_another_order_are_refused(unchecked):
    vectors, errors = KINDS["table"](VECTORS), KINDS["table"](ERRORS)
    for other in (errors[NAMED[::-1]], errors[::-1]):
        with pytest.raises(
            InputError, match=r"^tables with the same rows or columns must have them in the same order$"
        ):
            analysis.label_correlation(vectors, {"mse": other}["mse"])
        with pytest.raises(InputError, match=r"^tables with the same rows"):
            analysis.label_claim(vectors, {"mse": other})


def test_what_is_masked_is_missing(unchecked):
    errors = np.ma.masked_array(ERRORS, mask=np.zeros_like(ERRORS, dtype=bool))
    errors[2] = np.ma.masked
    absent = ERRORS.copy()
    absent[2] = np.nan
    assert analysis.label_correlation(VECTORS, errors) == analysis.label_correlation(VECTORS, absent)
    assert analysis.inequality(errors).equals(analysis.inequality(absent))


def test_no_curve_is_refused():
    with pytest.raises(InputError, match=r"^curves must hold at least one curve, got none$"):
        plots.seen_unseen_curves({})


def test_tables_of_other_rows_may_have_the_same_number_of_them(unchecked):
    """As many seen as unseen classes, or as many images as classes."""
    seen, unseen = (pd.DataFrame(VECTORS, columns=NAMED, index=[f"{split}{row}" for row in range(6)]) for split in "su")
    plots.error_against_label({"seen": seen, "unseen": unseen}, {"mse": {"seen": seen, "unseen": unseen}})
    images = pd.DataFrame(PREDICTION[:6], columns=NAMED, index=[f"image {image}" for image in range(6)])
    expected = analysis.bias_variance(PREDICTION[:6], VECTORS, LABELS[:6])
    np.testing.assert_array_equal(numbers(analysis.bias_variance(images, seen, LABELS[:6])), numbers(expected))


@pytest.mark.parametrize("first", ["table", "series"])
def test_a_series_in_another_order_is_refused(first, unchecked):
    """``value_counts()`` sorts by count."""
    names = [f"bird {index}" for index in range(6)]
    errors = pd.DataFrame(ERRORS, index=names)
    counts = pd.Series(np.repeat(names, np.arange(1, 7))).value_counts()
    with pytest.raises(InputError, match=r"^tables with the same rows or columns must have them in the same order$"):
        analysis.sample_correlation(errors, counts)
    in_order = analysis.sample_correlation(errors, counts[names])
    assert in_order == analysis.sample_correlation(ERRORS, np.arange(1, 7))


@pytest.mark.parametrize("kind", ["Float64", object])
def test_tables_of_nullable_numbers_and_of_objects(kind, unchecked):
    errors = pd.DataFrame(ERRORS)
    errors.loc[2] = np.nan
    assert analysis.inequality(errors.astype(kind)).equals(analysis.inequality(errors))
    assert analysis.inequality(errors.astype({0: "Float64"})).equals(analysis.inequality(errors))


def test_masked_whole_numbers_are_missing(unchecked):
    values, mask = [[1, 2], [3, 4], [1000, 1000]], [[0, 0], [0, 0], [1, 1]]
    assert analysis.inequality(np.ma.array(values, mask=mask)).loc["cells", "mean"] == 2.5

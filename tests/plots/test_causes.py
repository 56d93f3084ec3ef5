"""Figures of the causes of unequal errors."""

import numpy as np
import pytest

from zslcore import InputError, plots
from zslcore.analysis import error_by_label, matched_nulls


@pytest.fixture
def labels(rng):
    values = rng.gamma(0.5, size=(12, 40))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.mark.parametrize("count", [1, 4])
def test_each_null_model_has_a_panel_with_the_measured_errors(labels, rng, render, count):
    errors = 0.001 + 0.01 * labels * rng.random(labels.shape)
    nulls = dict(list(matched_nulls(labels, errors, images=5).items())[:count])
    figure = render(plots.errors_beside_nulls(labels, errors, nulls, method="cross_entropy"))
    assert len(figure.axes) == count
    assert len({axis.get_ylim() for axis in figure.axes}) == 1
    measured = error_by_label(labels, errors)["mean"]
    for axis, (key, matrix) in zip(figure.axes, nulls.items()):
        (line,), points = [line for line in axis.lines if line.get_linestyle() == "--"], axis.containers[0][0]
        np.testing.assert_allclose(line.get_ydata(orig=False), error_by_label(labels, matrix)["mean"])
        np.testing.assert_allclose(points.get_ydata(orig=False), measured)
        assert key.split("_")[0] in axis.get_title()


def test_nulls_must_be_given(labels):
    with pytest.raises(InputError, match="at least one null model, got none"):
        plots.errors_beside_nulls(labels, labels, {}, method="mse")


def test_cells_without_labels_are_left_out(rng, render):
    shares = {name: rng.beta(0.5, 1.5, size=(20, 30)) for name in ("CUB", "SUN")}
    errors = {name: matrix * (1 - matrix) for name, matrix in shares.items()}
    errors["CUB"][:, 3] = np.nan
    figure = render(plots.oracle_against_variance(shares, errors))
    assert [axis.get_title() for axis in figure.axes] == ["CUB", "SUN"]
    for axis in figure.axes:
        points = axis.containers[0][0]
        np.testing.assert_allclose(points.get_xdata(orig=False), points.get_ydata(orig=False))

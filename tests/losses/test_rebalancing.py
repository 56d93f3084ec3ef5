"""ReMSE's weights against their definition, cell by cell, and against their laws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zslcore import InputError, remse_weights

positive = arrays(np.float64, (4, 5), elements=st.floats(1e-6, 1e3))
exponent = st.floats(0, 3)


def brute_force_weights(error, p, p2):
    """The definition, cell by cell."""
    weights = np.ones_like(error)
    for c, a in np.argwhere(error > 0):
        over_classes = min(value for value in error[:, a] if value > 0)
        over_attributes = min(value for value in error[c] if value > 0)
        weights[c, a] = (1 + math.log(error[c, a] / over_classes)) ** p
        weights[c, a] *= (1 + math.log(error[c, a] / over_attributes)) ** p2
    return weights


@given(positive, exponent, exponent, st.sets(st.integers(0, 3), max_size=3))
def test_weights_equal_their_definition(error, p, p2, absent):
    error[list(absent)] = 0
    ours = remse_weights(torch.from_numpy(error), p=p, p2=p2)
    np.testing.assert_allclose(ours, brute_force_weights(error, p, p2), rtol=1e-10)


@given(positive, exponent, exponent, st.floats(1e-3, 1e3))
def test_weights_ignore_the_scale_of_errors_and_are_at_least_one(error, p, p2, factor):
    error = torch.from_numpy(error)
    weights = remse_weights(error, p=p, p2=p2)
    torch.testing.assert_close(remse_weights(error * factor, p=p, p2=p2), weights)
    assert bool((weights >= 1).all())


@given(positive, st.permutations(range(4)), st.permutations(range(5)))
def test_weights_follow_permutations(error, classes, attributes):
    error = torch.from_numpy(error)
    permuted = remse_weights(error[classes][:, attributes], p=0.7, p2=0.4)
    torch.testing.assert_close(permuted, remse_weights(error, p=0.7, p2=0.4)[classes][:, attributes])


@pytest.mark.parametrize("reference", ["min", "mean", "median", 0.25])
def test_references(reference):
    error = torch.rand(6, 8, dtype=torch.float64) + 0.01
    error[2] = 0
    weights = remse_weights(error, p=1, p2=0, reference=reference)
    valid = error[[0, 1, 3, 4, 5]].numpy()
    if reference in ("min", "mean"):
        bound = getattr(valid, reference)(0)
    else:  # quantiles of the logarithm, since weights are made of logarithms
        bound = np.exp(np.quantile(np.log(valid), 0.5 if reference == "median" else reference, axis=0))
    expected = 1 + np.maximum(np.log(valid / bound), 0)
    np.testing.assert_allclose(weights[[0, 1, 3, 4, 5]], expected)
    assert bool((weights[2] == 1).all())


@pytest.mark.parametrize("quantile", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_quantiles_are_those_of_torch(dtype, dim, quantile):
    error = torch.rand(7, 5, dtype=dtype)
    error[error < 0.3] = 0
    weights = remse_weights(error, p=1.0 - dim, p2=dim, reference=quantile)
    measured = error.log().masked_fill(error == 0, torch.nan)
    excess = (measured - measured.nanquantile(quantile, dim=dim, keepdim=True)).clamp(min=0)
    assert torch.equal(weights, (1 + excess).nan_to_num(nan=1))


def test_huge_ratio_of_errors_does_not_overflow():
    weights = remse_weights(torch.tensor([[1e-40, 1e38], [1.0, 1.0]]), p=1, p2=1)  # ratio beyond float32
    assert bool(weights.isfinite().all())


@pytest.mark.parametrize("reference", ["min", "mean", "median", 0.25])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision_errors_are_float32(dtype, reference):
    """torch has no quantile of bfloat16, and its RuntimeError named neither weights nor reference."""
    error = (torch.rand(4, 6) + 0.1).to(dtype)
    weights = remse_weights(error, p=1, p2=0.5, reference=reference)
    assert torch.equal(weights, remse_weights(error.float(), p=1, p2=0.5, reference=reference))


def test_no_class_is_refused():
    with pytest.raises(InputError, match=r"^error must have shape \(classes, attributes\) without a 0, got \(0, 3\)$"):
        remse_weights(torch.empty(0, 3), p=1, p2=1)

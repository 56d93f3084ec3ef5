"""Weights by noise alone against simulation."""

import numpy as np
import pytest

from zslcore.analysis import noise_weight


@pytest.mark.parametrize(("count", "shots"), [(2, 1), (16, 2), (16, 5), (312, 2)])
def test_noise_weight_equals_simulation(count, shots):
    m = np.random.default_rng(0).chisquare(shots, size=(4000, count))
    simulated = 1 + np.log(m / m.min(1, keepdims=True))
    assert noise_weight(count, shots) == pytest.approx(simulated.mean(), rel=0.02)
    if shots == 2:
        assert noise_weight(count, shots) == pytest.approx(1 + np.log(count))

"""Tables and sentences on how uneven errors are."""

import numpy as np
import pytest

from zslcore.analysis import theil_index
from zslcore.plots.explorer import explore
from zslcore.study.chapters.evenness import MEASURES, describe_noise, describe_shift, measure_errors
from zslcore.study.results.tables import compare


def test_each_row_measures_the_errors_of_one_seed():
    rng = np.random.default_rng(0)
    errors = {"a": list(rng.random((3, 4, 5))), "b": list(rng.random((3, 4, 5)))}
    frame = measure_errors(errors).set_index(["method", "seed"])
    assert len(frame) == 6
    assert frame.loc[("b", 2), "theil"] == theil_index(errors["b"][2])
    assert frame.loc[("b", 2), "worst-cell error"] == errors["b"][2].max()


def test_they_can_be_compared():
    uneven, even = np.array([1.0, 9.0]), np.array([4.0, 6.0])
    frame = measure_errors({"MSE": [uneven, 1.1 * uneven], "ReMSE": [even, 1.1 * even]})
    claims = compare(frame, "ReMSE", MEASURES).set_index("claim")
    assert claims.loc["ReMSE has a lower Theil index than MSE", "verdict"] == "supported"
    assert claims.loc["ReMSE has a lower mean error than MSE", "verdict"] == "inconclusive"


def test_the_sentence_follows_the_sign_of_the_change():
    low, high = np.array([[1.0, 1.0], [1.0, 8.0]]), np.array([[2.0, 2.0], [2.0, 4.0]])
    assert "50 % lower with B than with A" in describe_shift({"A": [low], "B": [high]})
    assert "100 % higher with A than with B" in describe_shift({"B": [high], "A": [low]})


@pytest.mark.parametrize(("first", "second", "verb"), [(2, 64, "falls"), (64, 2, "rises")])
def test_the_numbers_in_the_sentence_are_those_of_the_explorer(first, second, verb):
    numbers = {shots: explore(p=0.5, p2=0.5, shots=shots)[1] for shots in (first, second)}
    before, after = (numbers[shots].loc["balanced", "mean weight"] for shots in (first, second))
    assert f"balanced field {verb} from {before:.2f} to {after:.2f}." in describe_noise(numbers)

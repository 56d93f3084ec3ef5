"""For the examples in docstrings, which know none of the fixtures of tests/: no windows, and figures are closed."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _figures_closed():
    yield
    plt.close("all")

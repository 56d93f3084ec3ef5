"""Set-up of all tests: shape checks, no windows, closed figures; for doctests a small SynthBirds as ``benchmark``."""

# Imported before zslcore: during the import of a module with shape checks, Python does not find the compiled files of
# other packages, and compiles these packages again in every process.
import accelerate  # noqa: F401
import beartype.door  # noqa: F401
import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import seaborn  # noqa: F401
import shape_checks
import torchvision  # noqa: F401

from zslcore import Benchmark
from zslcore.synthbirds import generate

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _shapes_checked():
    shape_checks.start()


@pytest.fixture(autouse=True)
def _figures_closed():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def doctest_benchmark(tmp_path_factory):
    """SynthBirds with 5 classes (3 train, 1 val, 1 unseen) of 5 images, 57 attributes."""
    root = generate(
        tmp_path_factory.mktemp("doctest"), num_classes=5, num_unseen=1, images_per_class=5, size=32, workers=1
    )
    return Benchmark.load(root, "SYNTH")


@pytest.fixture(autouse=True)
def _benchmark_in_doctests(doctest_namespace, doctest_benchmark):
    doctest_namespace["benchmark"] = doctest_benchmark

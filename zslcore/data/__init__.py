"""Datasets on disk, their images, features and episodes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zslcore.data.benchmark import Benchmark


def load_benchmark(name: str) -> "Benchmark":
    """Load a benchmark by name: SYNTH, generated on first use, or one that lies under ``data_root()``.

    InputError says what is missing or wrong, and which data sets there are.

    >>> import os, tempfile
    >>> from unittest import mock
    >>> with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, ZSLCORE_DATA=folder):
    ...     os.makedirs(f"{folder}/xlsa17/data/CUB")
    ...     load_benchmark("CBU")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    zslcore.errors.InputError: no data set 'CBU' in ...; there are: CUB
    """
    from zslcore import synthbirds
    from zslcore._io.locations import data_root
    from zslcore.data.benchmark import Benchmark

    return Benchmark.load(synthbirds.ensure() if name == "SYNTH" else data_root(), name)

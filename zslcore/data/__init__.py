"""Data sets on disk: benchmarks, their tasks, attribute names, word vectors and images."""

from zslcore.data.benchmark import Benchmark

__all__ = ["Benchmark", "load_benchmark"]


def load_benchmark(name: str) -> Benchmark:
    """Load a folder of ``xlsa17/data/`` under ``$ZSLCORE_DATA``, or ``"SYNTH"``, which is generated on first use.

    Example:
        >>> load_benchmark("CBU")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        zslcore.errors.InputError: no data ...
    """
    from zslcore import synthbirds
    from zslcore._io.locations import data_root

    return Benchmark.load(synthbirds.ensure() if name == "SYNTH" else data_root(), name)

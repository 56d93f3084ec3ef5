"""What models know about single images, and the errors of a perfect detector of their labels.

``python -m zslcore.study.experiments.image_labels SYNTH CUB100 CUB SUN`` writes ``results/image_labels.csv``; it trains
nothing.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from zslcore._io.writing import new_file
from zslcore.analysis import (
    average_precision,
    error_parts,
    fit_null,
    image_information,
    label_correlation,
    null_errors,
    oracle_errors,
)
from zslcore.data import load_benchmark
from zslcore.data.benchmark import Benchmark
from zslcore.data.image_labels import labels_file
from zslcore.errors import InputError
from zslcore.study.chapters.imbalance import SPLITS
from zslcore.study.checkout import root
from zslcore.training import Run


def is_labelled(benchmark: Benchmark) -> bool:
    """Whether a benchmark has labels of single images, and class vectors that can be shares of such labels."""
    return labels_file(benchmark.root, benchmark.name) is not None and benchmark.shares is not None


def information_table(runs: Mapping[str, Run], benchmark: Benchmark, *, shuffles: int = 100) -> pd.DataFrame:
    """What predictions know about single images, for each run and split; means over attributes with image labels.

    Empty for a benchmark without such labels (:func:`is_labelled`).

    Returns:
        Columns ``error`` = ``image`` + ``variance`` + ``cross`` (:func:`zslcore.analysis.error_parts`);
        ``correlation`` of the deviations from the class vector, with its mean ``shuffled`` within classes and the 95 %
        interval ``low``, ``high`` of the shuffles; ``average precision`` of prediction and of the true class vector,
        and the share of ``positives``, which is that of a random score.
    """
    if not is_labelled(benchmark):
        return pd.DataFrame()
    rows, shares = [], benchmark.shares
    for key, run in runs.items():
        for split, part in SPLITS.items():
            images = benchmark.split(part)
            labels, truth = benchmark.labels[images], benchmark.image_attributes[images]
            prediction = run.predict(benchmark, images)
            parts = error_parts(prediction, truth, shares, labels)
            row = {"method": key, "seed": run.config.seed, "split": split}
            row |= {name: float(np.nanmean(matrix)) for name, matrix in parts._asdict().items()}
            found, shuffled = image_information(prediction, truth, shares, labels, shuffles=shuffles)
            means = pd.DataFrame(shuffled).mean(axis=1)  # skips NaN
            low, high = np.quantile(means, [0.025, 0.975])
            row |= {"correlation": pd.Series(found).mean(), "shuffled": means.mean(), "low": low, "high": high}
            unit = prediction / np.linalg.norm(prediction, axis=1, keepdims=True)
            row["average precision"] = np.nanmean(average_precision(unit, truth))
            row["average precision of the class"] = np.nanmean(average_precision(shares[labels], truth))
            known = np.nansum(truth, axis=0) > 0  # as in the average precision
            rows.append(row | {"positives": np.nanmean(truth[:, known])})
    return pd.DataFrame(rows)


def oracle_table(benchmarks: Iterable[Benchmark], *, seed: int = 0) -> pd.DataFrame:
    """Correlation of label value and error within classes and within attributes, for a detector that knows each image.

    Benchmarks without image labels (:func:`is_labelled`) are left out.

    Returns:
        A row for each benchmark and unit (``shares``, or vectors of ``unit length``): the correlations of the
        detector, of constant noise with the same mean error, and of labels drawn with the probabilities of the class
        vector; and the correlation of the detector's error with m (1 - m) over all cells, for shares.
    """
    rows = []
    for benchmark in benchmarks:
        if not is_labelled(benchmark):
            continue
        truth = benchmark.image_attributes
        known = np.isfinite(truth).any(0)
        truth, labels, shares = truth[:, known], benchmark.labels, benchmark.shares[:, known].astype(float)
        counts = np.bincount(labels[np.isfinite(truth).all(1)], minlength=len(shares))
        for unit, normalize in (("shares", False), ("unit length", True)):
            vectors = shares / np.linalg.norm(shares, axis=1, keepdims=True) if normalize else shares
            errors, rng = oracle_errors(truth, labels, shares, normalize=normalize), np.random.default_rng(seed)
            noise = fit_null(shares, errors, "constant", images=counts, seed=seed, normalize=normalize).errors
            drawn = null_errors(shares, "image_labels", images=counts, noise=0, rng=rng, normalize=normalize)
            row = {"dataset": benchmark.name, "unit": unit, "images": int(counts.sum())}
            row |= {"classes": len(shares), "attributes": int(known.sum()), "mean error": np.nanmean(errors)}
            for name, matrix in {"detector": errors, "constant noise": noise, "drawn labels": drawn}.items():
                for axis, within in (("class", "classes"), ("attribute", "attributes")):
                    row[f"{name}, within {within}"] = label_correlation(vectors, matrix, axis=axis)
            there = np.isfinite(errors)
            variance = (shares * (1 - shares))[there]
            row["with m(1-m)"] = np.nan if normalize else np.corrcoef(errors[there], variance)[0, 1]
            rows.append(row)
    return pd.DataFrame(rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Write ``results/image_labels.csv`` for the data sets that have image labels; InputError if none has."""
    command = "zslcore.study.experiments.image_labels"
    parser = argparse.ArgumentParser(prog=f"python -m {command}", description=__doc__.split("\n")[0])
    parser.add_argument("names", metavar="DATASET", nargs="*")
    names = parser.parse_args(argv).names
    path = root() / "results" / "image_labels.csv"
    table = oracle_table(map(load_benchmark, names)).round(4)
    if table.empty:
        raise InputError(f"{command} needs data sets with image labels, such as SYNTH CUB100 CUB SUN")
    with new_file(path) as file:
        table.to_csv(file, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(f"zslcore: {error}", file=sys.stderr)
        sys.exit(2)

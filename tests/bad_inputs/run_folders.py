"""Files of runs, caches and studies that are valid in syntax and wrong in content."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from bad_inputs.cases import Call, World, cases
from bad_inputs.world import PICTURES, Tables, train
from safetensors.torch import load_file, save_file

from zslcore import cli
from zslcore._io.hashes import file_hash
from zslcore.data.benchmark import Benchmark
from zslcore.study.results.tables import collect, find_runs
from zslcore.training import Run

CASES, bad = cases("Run folders and caches")


def _again() -> list[str]:
    """The command that made the finished run; it only reads its files."""
    return [*train(), "--output", "runs/finished"]


def _hash_again(run: Path) -> None:
    """Write the hashes of a finished run, so that only its content is wrong."""
    file = run / "hashes.json"
    hashes = {name: file_hash(run / name) for name in json.loads(file.read_text())}
    file.write_text(json.dumps(hashes))


def _metrics(what: str, *says: str):
    """A case that spoils ``metrics.json``."""

    def add(spoil):
        @bad(what, "finished/metrics.json", *says)
        def _(world: World):
            file = world.run / "metrics.json"
            metrics = json.loads(file.read_text())
            metrics = spoil(metrics) or metrics
            file.write_text(json.dumps(metrics))
            _hash_again(world.run)
            return _again()

    return add


def _at(*place: str, value: object):
    def spoil(metrics: dict) -> None:
        for name in place[:-1]:
            metrics = metrics[name]
        if value is ...:
            del metrics[place[-1]]
        else:
            metrics[place[-1]] = value

    return spoil


_metrics("H is NaN", "protocols.clean.H", "nan")(_at("protocols", "clean", "H", value=float("nan")))
_metrics("H is infinite", "protocols.clean.H", "inf")(_at("protocols", "clean", "H", value=float("inf")))
_metrics("T1 is above 1", "protocols.paper.T1", "63.2")(_at("protocols", "paper", "T1", value=63.2))
_metrics("U is negative", "protocols.clean.U", "-0.1")(_at("protocols", "clean", "U", value=-0.1))
_metrics("T1 is null", "protocols.clean.T1", "None")(_at("protocols", "clean", "T1", value=None))
_metrics("T1 is text", "protocols.clean.T1", "'high'")(_at("protocols", "clean", "T1", value="high"))
_metrics("AUSUC is a list", "protocols.clean.AUSUC", "[0.5]")(_at("protocols", "clean", "AUSUC", value=[0.5]))
_metrics("T1 is true", "protocols.clean.T1", "True")(_at("protocols", "clean", "T1", value=True))
_metrics("gamma is missing", "protocols.clean.gamma")(_at("protocols", "clean", "gamma", value=...))
_metrics("the protocols are a list", "protocols", "[]")(_at("protocols", value=[]))
_metrics("the protocols are missing", "protocols")(_at("protocols", value=...))
_metrics("the fingerprint is a number", "dataset.fingerprint", "3")(_at("dataset", "fingerprint", value=3))
_metrics("the validation is empty", "validation.H")(_at("validation", value={}))
_metrics("an error is text", "errors.test_seen", "'low'")(_at("errors", "test_seen", "mean", value="low"))
_metrics("the errors are null", "errors", "None")(_at("errors", value=None))
_metrics("the effective lambda is text", "effective_lambda", "'1'")(_at("effective_lambda", value="1"))
_metrics("the cost is NaN", "cost.seconds", "nan")(_at("cost", "seconds", value=float("nan")))
_metrics("the device is a list", "environment.device", "[]")(_at("environment", "device", value=[]))
_metrics("the metrics are a number", "3")(lambda metrics: 3)
_metrics("the metrics are empty", "missing")(lambda metrics: metrics.clear())


def _file(name: str, what: str, *says: str, hashes: bool = True):
    """A case that spoils a file of the finished run; without ``hashes``, hashes.json agrees with it."""

    def add(spoil):
        @bad(what, f"finished/{name}", *says)
        def _(world: World):
            spoil(world.run / name)
            if not hashes:
                _hash_again(world.run)
            return _again()

    return add


def _replaced(old: str, new: str):
    return lambda path: path.write_text(path.read_text().replace(old, new))


def _first(column: str, text: str):
    """Another text in the first row of a table."""

    def spoil(path) -> None:
        table = pd.read_csv(path, dtype=str)
        table.loc[0, column] = text
        table.to_csv(path, index=False)

    return spoil


def _pipe(path) -> None:
    path.unlink()
    os.mkfifo(path)


_file("metrics.json", "half of metrics.json", "has changed")(lambda path: path.write_text(path.read_text()[:90]))
_file("config.json", "config.json of another seed")(_replaced('"seed": 0', '"seed": 7'))
_file("config.json", "config.json with other spaces")(lambda path: path.write_text(path.read_text() + "\n"))
_file("config.json", "text for a number in config.json", "epochs", "'1'", hashes=False)(
    _replaced('"epochs": 1', '"epochs": "1"')
)
_file("config.json", "an unknown setting in config.json", "'epoch'", hashes=False)(_replaced('"epochs"', '"epoch"'))
_file("config.json", "no config.json")(lambda path: path.unlink())
_file("config.json", "a named pipe as config.json")(_pipe)
_file("history.csv", "another number in history.csv")(_replaced("0.", "1."))
_file("history.csv", "no rows in history.csv")(lambda path: path.write_text("epoch,task\n"))
_file("history.csv", "no history.csv")(lambda path: path.unlink())
_file("history.csv", "a named pipe as history.csv")(_pipe)


@bad("another run's settings", "runs/finished", "seed")
def _(world):
    return [*train(seed=3), "--output", "runs/finished"]


@bad("a run of another version of the data set", "runs/finished", "TINY")
def _(world):
    tables = Tables(world)
    tables.splits["att"] = tables.splits["original_att"] = tables.splits["original_att"] ** 2
    tables.write()
    return _again()


def _model(what: str, *says: str, hashes: bool = True):
    """A case with other weights in the finished run."""

    def add(spoil):
        @bad(what, "finished/checkpoint/model.safetensors", *says)
        def _(world: World):
            spoil(world.run / "checkpoint" / "model.safetensors")
            if not hashes:
                _hash_again(world.run)
            benchmark = Benchmark.load(world.data, "TINY")
            return Call('Run.load("runs/finished").model(benchmark)', lambda: Run.load(world.run).model(benchmark))

    return add


def _tensors(change):
    def spoil(path) -> None:
        tensors = load_file(path)
        save_file(change(tensors), path)

    return spoil


_model("weights that are all zero")(_tensors(lambda tensors: {name: 0 * value for name, value in tensors.items()}))
_model("weights that are NaN")(_tensors(lambda tensors: {name: value * torch.nan for name, value in tensors.items()}))
_model("weights of other names", "standardize.mean", hashes=False)(
    _tensors(lambda tensors: {f"x.{name}": value for name, value in tensors.items()})
)
_model("weights of another shape", "size mismatch", hashes=False)(
    _tensors(lambda tensors: {name: value[:1] for name, value in tensors.items()})
)
_model("one tensor too few", "Missing key", hashes=False)(_tensors(lambda tensors: dict(list(tensors.items())[1:])))
_model("the weights of the last epoch under another name, changed in one bit")(
    lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\1")
)
_model("no weights")(lambda path: path.unlink())
_model("a named pipe as weights")(_pipe)


@bad("attention of a network without", "network", "'basic'")
def _(world):
    benchmark = Benchmark.load(world.data, "TINY")
    images = np.array([0])
    return Call("run.attention(benchmark, [0])", lambda: Run.load(world.run).attention(benchmark, images))


@bad("a folder that is no run", "data", "metrics.json")
def _(world):
    return Call('Run.load("data")', lambda: Run.load(world.data))


@bad("no runs to collect", "no finished run")
def _(world):
    return Call('collect(find_runs("data"))', lambda: collect(find_runs(world.data)))


@bad("one bad run among many", "runs/other/config.json", "epochs", "'1'")
def _(world):
    shutil.copytree(world.run, world.runs / "other")
    _replaced('"epochs": 1', '"epochs": "1"')(world.runs / "other" / "config.json")
    _hash_again(world.runs / "other")
    return Call('collect(find_runs("runs"))', lambda: collect(find_runs(world.runs)))


@bad("runs on other contents under the same names", "runs/finished", "runs/other", "features")
def _(world):
    shutil.copytree(world.run, world.runs / "other")
    file = world.runs / "other" / "metrics.json"
    metrics = json.loads(file.read_text())
    metrics["contents"]["features"] = "0" * 12
    file.write_text(json.dumps(metrics))
    _hash_again(world.runs / "other")
    return Call('collect(find_runs("runs"))', lambda: collect(find_runs(world.runs)))


def _cache(what: str, name: str, says: str = "damaged"):
    """A case that spoils a file of a cache, which a first check or training has filled."""

    def add(spoil):
        @bad(what, "cache/features", says)
        def _(world: World):
            assert cli.main(train()) == 0  # fills the cache
            shutil.rmtree(world.runs / "TINY")
            (file,) = (world.cache / "features").rglob(name)
            spoil(file)
            return train()

    return add


def _array(change):
    def spoil(path) -> None:
        values = np.load(path)
        np.save(path, change(values))

    return spoil


_cache("reordered rows of features", "features.npy")(_array(lambda values: values[::-1]))
_cache("features with one other number", "features.npy")(_array(lambda values: values + (values == values[0, 0, 0])))
_cache("features that are NaN", "features.npy")(_array(lambda values: values * np.nan))
_cache("features of another type", "features.npy")(_array(lambda values: values.astype(complex)))
_cache("features of one row less", "features.npy")(_array(lambda values: values[1:]))
_cache("features of one axis", "features.npy")(_array(lambda values: values.ravel()))
_cache("features without channels", "features.npy")(_array(lambda values: values[:, :0]))
_cache("no features in their folder", "features.npy", "missing")(lambda path: path.unlink())
_cache("text as hashes of features", "hashes.json")(lambda path: path.write_text("many"))
_cache("a list as hashes of features", "hashes.json")(lambda path: path.write_text("[]"))


@bad("reordered rows of computed features", "cache/features", "damaged")
def _(world):
    assert cli.main([*train(**PICTURES), "--output", "runs/filling"]) == 0
    (file,) = (world.cache / "features").rglob("features.npy")
    np.save(file, np.load(file)[::-1])
    return train(**PICTURES)


FINE = PICTURES | {"fine_tune": "true", "standardize": "false", "train_resize_ratio": 1}


def _index(what: str, **changes):
    """A case with another index of decoded pictures."""

    @bad(what, "cache/pictures", "damaged")
    def _(world):
        from zslcore.training.inputs.pictures import decoded_pictures

        decoded_pictures(Benchmark.load(world.data, "TINY"), size=32, resize_ratio=1.0, num_workers=0)
        (file,) = (world.cache / "pictures").rglob("index.npz")
        with np.load(file) as stored:
            arrays = dict(stored)
        for name, change in changes.items():
            arrays[name] = change(arrays[name])
        np.savez(file, **arrays)
        return train(**FINE)


_index("pictures of a negative size", shapes=lambda shapes: -shapes)
_index("pictures beyond the end of the file", offsets=lambda offsets: offsets + 10**12)
_index("pictures in another order", offsets=lambda offsets: offsets[::-1])
_index("shapes of other axes", shapes=lambda shapes: shapes.T)
_index("offsets that are fractions", offsets=lambda offsets: offsets + 0.5)
_index("offsets that are text", offsets=lambda offsets: offsets.astype(str))
_index("an index of one picture less", shapes=lambda shapes: shapes[1:])


def _results(what: str, name: str, *says: str):
    """A case that spoils a table of a study before its book is built."""

    def add(spoil):
        @bad(what, f"study/{name}", *says)
        def _(world: World):
            from zslcore.study.checkout import root

            (world / "study").mkdir()
            for table in ("results.csv", "differences.csv"):
                shutil.copy(root() / "results" / "SYNTH" / table, world / "study")
            spoil(world / "study" / name)
            return ["book", "study"]

    return add


_results("an empty table", "results.csv")(lambda path: path.write_text(""))
_results("a table of one column", "results.csv", "'dataset'")(lambda path: path.write_text("a\n1\n"))
_results("a table without rows", "results.csv")(lambda path: path.write_text(path.read_text().splitlines()[0] + "\n"))
_results("a table that is no text", "results.csv")(lambda path: path.write_bytes(b"\xff\xfe\x00"))
_results("a word for an accuracy", "results.csv", "T1", "'high'")(_first("T1", "high"))
_results("an infinite accuracy", "results.csv", "T1", "inf")(_first("T1", "inf"))
_results("no accuracy", "results.csv", "T1", "nan")(_first("T1", ""))
_results("markup as data set", "results.csv", "dataset", "<script>")(_replaced("SYNTH,", "<script>alert(1)</script>,"))
_results("markup as device", "results.csv", "device", "<img")(_first("device", "<img src=x onerror=alert(1)>"))
_results("a link as method", "results.csv", "method", "[x]")(_first("method", "[x](javascript:alert)"))
_results("an open quote", "results.csv")(_replaced("SYNTH,", '"SYNTH,'))
_results("no column of intervals", "differences.csv", "'low'")(_replaced("low", "lowest"))
_results("a word for a difference", "differences.csv", "difference", "'much'")(_first("difference", "much"))
_results("an infinite difference", "differences.csv", "difference", "inf")(_first("difference", "inf"))
_results("a named pipe as table", "results.csv", "pipe")(_pipe)


@bad("a study without tables", "birds", "results.csv")
def _(world):
    return ["book", "birds"]


@bad("a data set in a table outside the root", "dataset", "'../x'")
def _(world):
    from zslcore.study.checkout import root

    (world / "study").mkdir()
    for table in ("results.csv", "differences.csv"):
        shutil.copy(root() / "results" / "SYNTH" / table, world / "study")
    _replaced("SYNTH,", "../x,")(world / "study" / "results.csv")
    return ["book", "study"]

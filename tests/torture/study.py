"""The tiny study that is disturbed: its stages, the folders they work in, and the digits of an undisturbed run."""

import csv
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from zslcore import cli, synthbirds
from zslcore.data import Benchmark

from . import processes

NAME = "TORTURE"
SETTINGS = synthbirds.Settings(num_classes=8, num_unseen=2, images_per_class=6, size=48)
FORMATS = ("png", "jpg", "bmp", "gif", "tif", "webp")  # of the images, in turn
GRID_RUNS = [f"runs/{NAME}/{method}-seed0/metrics.json" for method in ("mse", "remse")]
SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"

SMALL_TRAINING = ["-s", "epochs", "4", "-s", "episodes", "60"]
FINE_TUNING = [
    "-s",
    "fine_tune",
    "true",
    "-s",
    "standardize",
    "false",
    "-s",
    "weights",
    "random",
    "-s",
    "image_size",
    "32",
    "-s",
    "network",
]
FINE_TUNING += ["attention", "-s", "key_dim", "8", "-s", "epochs", "2", "-s", "episodes", "2"]


def train(*options: str) -> list[str]:
    """The command line of a training."""
    return ["train", "--dataset", NAME, "--method", "remse", *options]


@dataclass(eq=False)
class Stage:
    """A command of the study, the folder that it starts from, and what it leaves if it is not disturbed.

    Attributes:
        work: called with the folder to work in; returns the exit status.
        before: has ``data/``, ``cache/`` and ``runs/`` as the command finds them.
        digits: see :func:`digits`, of a copy of ``before`` in which the command ran.
        seconds: how long it ran.
    """

    name: str
    work: Callable[[Path], int]
    before: Path
    digits: dict[str, str]
    seconds: float

    def run(self, folder: Path) -> int:
        """Run the command undisturbed, and return its exit status."""
        return processes.run(lambda: self.work(folder), folder.with_suffix(".log"))

    def start(self, folder: Path, log: Path | None = None) -> int:
        """Start the command, and return its process id."""
        return processes.start(lambda: self.work(folder), log or folder.with_suffix(".log"))


def command(*words: str) -> Callable[[Path], int]:
    """The work of a command line of ``zslcore``."""

    def work(folder: Path) -> int:
        enter(folder)
        return cli.main(words)

    return work


def enter(folder: Path) -> None:
    """Work in a folder with ``data/``, ``cache/`` and ``runs/``."""
    os.chdir(folder)
    os.environ["TQDM_DISABLE"] = "1"
    for part in ("data", "cache", "runs"):
        os.environ[f"ZSLCORE_{part.upper()}"] = str(folder / part)


def generation(folder: Path) -> int:
    """What ``zslcore synth`` does, with fewer and smaller images."""
    enter(folder)
    synthbirds.ensure = partial(synthbirds.ensure, settings=SETTINGS)
    return cli.main(["synth"])


def grid(folder: Path) -> int:
    """Two runs of the study's Snakefile, each in a notebook."""
    enter(folder)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the command zslcore
    words = [sys.executable, "-m", "snakemake", "-c2", "--rerun-incomplete", "--quiet"]
    words += ["--snakefile", str(SNAKEFILE), *GRID_RUNS]
    os.execv(sys.executable, [*words, "--config", f"dataset={NAME}", "seeds=1"])


class Study:
    """The stages of the study by name, each run once without a disturbance below ``root``.

    Args:
        root: an empty folder.
        names: the stages that are wanted; those that they build on are run too.
    """

    def __init__(self, root: Path, names: list[str]) -> None:
        processes.preload()
        self.root, self.stages, self.trials = root, {}, 0
        self.source, self.images = root / "source", root / "source" / "images"
        empty = root / "empty"
        empty.mkdir(parents=True)
        generated = self._add("generation", generation, empty)
        processes.run(lambda: self._write_source(generated), root / "source.log")
        table, vectors = str(self.source / "classes.csv"), str(self.source / "vectors.npy")
        make = command("data", "make", str(self.images), table, "--name", NAME, "--word-vectors", vectors)
        made = self._add("data make", make, empty)
        with_features = self._add("features", command("features", NAME), made)
        if "frozen training" in names:
            self._add("frozen training", command(*train(*SMALL_TRAINING)), with_features)
        if "fine-tuning" in names:
            self._add("fine-tuning", command(*train(*FINE_TUNING, "--workers", "1")), made)
        if "grid" in names:
            self._add("grid", grid, made)
        self.stages = {name: self.stages[name] for name in names}

    def folder(self, before: Path, *, hardlinks: bool = False) -> Path:
        """A new folder that begins as ``before``."""
        self.trials += 1
        folder = self.root / "trials" / str(self.trials)
        shutil.copytree(before, folder, copy_function=os.link if hardlinks else shutil.copy2)
        return folder

    def after(self, name: str) -> Path:
        """The folder in which a stage ran undisturbed."""
        return self.root / name.replace(" ", "-")

    def _add(self, name: str, work: Callable[[Path], int], before: Path) -> Path:
        folder = self.after(name)
        shutil.copytree(before, folder)
        stage = Stage(name, work, before, {}, 0.0)
        begun = time.monotonic()
        status = stage.run(folder)
        stage.seconds, stage.digits = time.monotonic() - begun, digits(folder)
        if status != 0:
            raise RuntimeError(f"{name} ended with {status} undisturbed: {folder.with_suffix('.log').read_text()}")
        self.stages[name] = stage
        return folder

    def _write_source(self, generated: Path) -> int:
        """Class folders with images of all formats, a CSV of class attributes, and word vectors, from a SYNTH."""
        benchmark = Benchmark.load(generated / "cache" / "synth", "SYNTH")
        for index, path in enumerate(benchmark.image_paths):
            target = self.images / path.parent.name / f"{path.stem}.{FORMATS[index % len(FORMATS)]}"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(path).save(target)
        with open(self.source / "classes.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["class", *benchmark.attribute_names])
            writer.writerows(zip(benchmark.class_names, *benchmark.original_attributes.T.tolist()))
        np.save(self.source / "vectors.npy", benchmark.word_vectors())
        return 0


def digits(folder: Path) -> dict[str, str]:
    """A hash of every file below a folder by its path, without the times in some of them; so litter shows too."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(".snakemake/"):
            found[name] = hashlib.sha256(_timeless(path)).hexdigest()
    return found


def _timeless(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".ipynb":  # holds times and an id; its numbers are those of the run
        return b""
    try:
        if path.name == "metrics.json":
            return json.dumps(json.loads(content) | {"cost": 0}).encode()
        if path.name == "hashes.json":
            return json.dumps(json.loads(content) | {"metrics.json": ""}).encode()
        if path.parent.name == "hashes":  # sizes and times beside the hashes
            files = json.loads(content)["files"]
            return json.dumps({name: entry[-1] for name, entry in files.items()}, sort_keys=True).encode()
    except (ValueError, LookupError, TypeError, AttributeError):  # damaged
        pass
    return content


def difference(found: dict[str, str], expected: dict[str, str]) -> str:
    """How two results of :func:`digits` differ, in a few words; empty if they do not."""
    for name in sorted(found.keys() | expected.keys()):
        if name not in found:
            return f"{name} is missing"
        if name not in expected:
            return f"{name} is left over"
        if found[name] != expected[name]:
            return f"other digits in {name}"
    return ""

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
    """The stages of the study. Each is run once without a disturbance, when it is first asked for.

    Args:
        root: an empty folder.
    """

    def __init__(self, root: Path) -> None:
        processes.preload()
        self.root, self.trials = root, 0
        self.source, self.images = root / "source", root / "source" / "images"
        table, vectors = str(self.source / "classes.csv"), str(self.source / "vectors.npy")
        make = command("data", "make", str(self.images), table, "--name", NAME, "--word-vectors", vectors)
        self._stages: dict[str, Stage] = {}
        self._works = {  # the command of a stage, and the stage after which it runs
            "generation": (generation, None),
            "data make": (make, None),
            "features": (command("features", NAME), "data make"),
            "frozen training": (command(*train(*SMALL_TRAINING)), "features"),
            "fine-tuning": (command(*train(*FINE_TUNING, "--workers", "1")), "data make"),
            "grid": (grid, "data make"),
        }
        (root / "empty").mkdir(parents=True)
        generated = self.after("generation")
        processes.run(lambda: self._write_source(generated), root / "source.log")

    def stage(self, name: str) -> Stage:
        """The stage with this name."""
        if name not in self._stages:
            work, previous = self._works[name]
            before = self.after(previous) if previous else self.root / "empty"
            self._stages[name] = self._undisturbed(name, work, before)
        return self._stages[name]

    def after(self, name: str) -> Path:
        """The folder in which a stage ran undisturbed."""
        self.stage(name)
        return self.root / name

    def folder(self, before: Path, *, hardlinks: bool = False) -> Path:
        """A new folder that begins as ``before``."""
        self.trials += 1
        folder = self.root / "trials" / str(self.trials)
        shutil.copytree(before, folder, copy_function=os.link if hardlinks else shutil.copy2)
        return folder

    def _undisturbed(self, name: str, work: Callable[[Path], int], before: Path) -> Stage:
        folder = shutil.copytree(before, self.root / name)
        stage = Stage(name, work, before, {}, 0.0)
        begun = time.monotonic()
        status = stage.run(folder)
        stage.seconds, stage.digits = time.monotonic() - begun, digits(folder)
        if status != 0:
            raise RuntimeError(f"{name} ended with {status} undisturbed: {folder.with_suffix('.log').read_text()}")
        return stage

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

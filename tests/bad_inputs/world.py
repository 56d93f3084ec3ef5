"""The good folder that the cases start from: made once, and restored after each case."""

import contextlib
import os
import shutil
from pathlib import Path

import numpy as np
from bad_inputs.cases import World
from tiny import ATTRIBUTE_NAMES, CLASS_NAMES, TinyDataset

from zslcore.config import RunConfig
from zslcore.training import fit

SETTINGS = {"backbone": "res101", "epochs": 1, "episodes": 2, "ways": 3, "device": "cpu"}
PICTURES = {"backbone": "resnet18", "weights": "random", "image_size": 32}


def options(**settings: object) -> list[str]:
    """``-s NAME=VALUE`` for each setting."""
    return [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]


def train(**settings: object) -> list[str]:
    """A short training on TINY; the settings go over those of the finished run."""
    return ["train", "--dataset", "TINY", *options(**SETTINGS | settings)]


def check(**settings: object) -> list[str]:
    return ["check", "TINY", *options(**{"backbone": "res101", "ways": 3} | settings)]


class Tables(TinyDataset):
    """The tables of TINY in a world, to be spoiled and written again."""

    def __init__(self, world: World) -> None:
        scratch = world / "scratch"
        super().__init__(scratch)
        shutil.rmtree(scratch)
        self.root, self.folder = world.data, world.tables
        self.images["features"] = np.random.default_rng(0).normal(size=(6, 40))


def make_world(root: Path) -> World:
    """Fill a folder: TINY with images and features, a folder to make a data set of, features to import, a run."""
    world = World(root)
    tiny = TinyDataset(world.data)
    tiny.images["features"] = np.random.default_rng(0).normal(size=(6, 40))
    tiny.write()
    tiny.write_images()
    shutil.copytree(world.images, world / "birds")
    rows = [[name, *map(str, range(index + 1, index + 10))] for index, name in enumerate(CLASS_NAMES)]
    lines = [",".join(row) for row in [["class", *ATTRIBUTE_NAMES], *rows]]
    (world / "birds.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    np.save(world / "clip.npy", np.random.default_rng(1).normal(size=(40, 6)))
    with world_in_use(world):
        fit(RunConfig(dataset="TINY", **SETTINGS), world.run, progress=False)
    shutil.rmtree(world.cache)
    for name in ("features/imported", "pictures"):
        (world.cache / name).mkdir(parents=True)
    return world


def restore(world: World, good: World) -> None:
    """Undo what a case changed: remove what is new or different, and copy what is missing."""
    for undo in reversed(world.undo):
        undo()
    shutil.rmtree(world.cache / "hashes", ignore_errors=True)
    wanted = good.listing()
    for name, found in reversed(world.listing().items()):  # a folder after what it holds
        if name not in wanted or found != wanted[name]:
            (world / name).rmdir() if found is None else (world / name).unlink()
    for name, found in wanted.items():
        if not (world / name).exists():
            (world / name).mkdir() if found is None else shutil.copy2(good / name, world / name)


@contextlib.contextmanager
def world_in_use(world: World):
    """The environment variables and the working directory of a world."""
    here, kept, cores = Path.cwd(), dict(os.environ), os.cpu_count
    os.environ.update(ZSLCORE_DATA=str(world.data), ZSLCORE_CACHE=str(world.cache), ZSLCORE_RUNS=str(world.runs))
    os.environ.update(TQDM_DISABLE="1", TORCH_HOME=str(world / "torch"))
    os.chdir(world.root)
    os.cpu_count = lambda: 1  # so that images are decoded in this process
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(kept)
        os.cpu_count = cores

"""The file formats that the package reads, each with a command that reads it and the folder that it starts from."""

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from zslcore import InputError, cli
from zslcore.data import load_benchmark

from . import processes
from .study import FINE_TUNING, NAME, Study, enter, train

SHORT_TRAINING = ["-s", "epochs", "2", "-s", "episodes", "8"]
ATTENTION = [*SHORT_TRAINING, "-s", "network", "attention", "-s", "key_dim", "8", "-s", "image_size", "64"]
SOURCE = "source"
RUN = "runs/of-pictures"


def output(name: str, *options: str) -> list[str]:
    """The command line of a training in ``runs/NAME``."""
    return [*train(*options), "--output", f"runs/{name}"]


PICTURES = output("of-pictures", *ATTENTION, "-s", "weights", f"{SOURCE}/weights.safetensors")
VECTORS = output("of-vectors", *ATTENTION, "-s", "weights", f"{SOURCE}/weights.pt")
VECTORS += ["-s", "word_vectors", f"{SOURCE}/vectors.pkl"]
STORED = output("of-stored", *SHORT_TRAINING, "-s", "backbone", "res101")
TUNED = output("tuned", *FINE_TUNING)
SETTINGS = ["train", f"{SOURCE}/settings.yml", "--output", "runs/of-settings"]
IMPORTED = {
    kind: [
        ["features", "import", f"my-{kind}", f"{SOURCE}/features.{kind}", "--dataset", NAME],
        output(f"of-{kind}", *SHORT_TRAINING, "-s", "backbone", f"my-{kind}"),
    ]
    for kind in ("npy", "npz", "mat")
}
TRAININGS = [[PICTURES], [VECTORS], [STORED], [TUNED], [SETTINGS], *IMPORTED.values()]


@dataclass(frozen=True)
class Format:
    """Files of one format: ``pattern`` finds them in the world, and ``work`` reads them there."""

    name: str
    world: str
    pattern: str
    work: Callable[[Path], int]


def commands(*lines: list[str]) -> Callable[[Path], int]:
    """The work of several command lines, up to the first that fails."""

    def work(folder: Path) -> int:
        enter(folder)
        return next((status for words in lines if (status := cli.main(words)) != 0), 0)

    return work


def from_table(folder: Path) -> int:
    """Make the data set again from its CSV, and train on it."""
    enter(folder)
    shutil.rmtree(folder / "data")
    images = f"{SOURCE}/images"
    words = ["data", "make", images, f"{SOURCE}/classes.csv", "--name", NAME, "--word-vectors", f"{SOURCE}/vectors.npy"]
    return cli.main(words) or cli.main(PICTURES)


def read_run(folder: Path) -> int:
    """Print all numbers of a finished run, and those that its model gives."""
    from zslcore.training import Run

    enter(folder)
    try:
        run, benchmark = Run.load(folder / RUN), load_benchmark(NAME)
        print(json.dumps(run.metrics), run.config, run.history.to_csv())
        print(run.evaluate(benchmark).best())
    except InputError as error:
        print(f"zslcore: {error}", file=sys.stderr)
        return 2
    return 0


def read_ground_truth(folder: Path) -> int:
    """Generate SynthBirds if it is absent or of other settings, and print what its images show."""
    from . import study

    status = study.generation(folder)
    if status != 0:
        return status
    try:
        benchmark = load_benchmark("SYNTH")
        print(
            benchmark.image_attributes.tolist(),
            benchmark.parts().positions.tolist(),
            benchmark.parts().visible.tolist(),
        )
    except InputError as error:
        print(f"zslcore: {error}", file=sys.stderr)
        return 2
    return 0


TABLES = f"data/xlsa17/data/{NAME}"
FORMATS = [
    *(Format(f"picture, {kind}", "finished", f"data/{NAME}/images/*/*.{kind}", commands(PICTURES))
      for kind in ("png", "jpg", "bmp", "gif", "tif", "webp")),
    Format("splits, mat", "finished", f"{TABLES}/att_splits.mat", commands(PICTURES)),
    Format("labels and features, mat, compressed", "finished", f"{TABLES}/res101.mat", commands(STORED)),
    Format("class lists, txt", "finished", f"{TABLES}/*.txt", commands(PICTURES)),
    Format("attribute names, txt", "finished", "data/Attribute/names/*.txt", commands(PICTURES)),
    Format("class table, csv", "finished", f"{SOURCE}/classes.csv", from_table),
    Format("word vectors, npy", "finished", "data/Attribute/w2v/*.npy", commands(PICTURES)),
    Format("word vectors, pkl", "finished", f"{SOURCE}/vectors.pkl", commands(VECTORS)),
    Format("weights, safetensors", "finished", f"{SOURCE}/weights.safetensors", commands(PICTURES)),
    Format("weights, pt", "finished", f"{SOURCE}/weights.pt", commands(VECTORS)),
    Format("settings, yml", "finished", f"{SOURCE}/settings.yml", commands(SETTINGS)),
    *(Format(f"features to import, {kind}", "finished", f"{SOURCE}/features.{kind}", commands(*IMPORTED[kind]))
      for kind in IMPORTED),
    Format(
        "features in the cache, npy", "cached", f"cache/features/{NAME}-effi*/*", commands(PICTURES, VECTORS, SETTINGS)
    ),
    Format("stored features in the cache, npy", "cached", f"cache/features/{NAME}-res101-*/*", commands(STORED)),
    Format("imported features in the cache, npy", "cached", "cache/features/imported/my-npy/*/*",
           commands(IMPORTED["npy"][1])),
    Format("decoded pictures in the cache", "cached", "cache/pictures/*/*", commands(TUNED)),
    Format("hashes in the cache, json", "cached", "cache/hashes/*.json", commands(PICTURES, STORED, TUNED)),
    Format("state of a training", "unfinished", "runs/*/checkpoint/*/epoch-*/*", commands(PICTURES)),
    Format("finished run: json, csv, safetensors", "finished", f"{RUN}/**/*.*", read_run),
    Format("ground truth and stamp of SynthBirds, npz, json", "generated", "cache/synth/SYNTH/*.*", read_ground_truth),
]  # fmt: skip


def build_worlds(study: Study, wanted: set[str]) -> dict[str, Path]:
    """The folders that the commands start from, by name.

    ``raw`` has the data set and what a user gives; ``finished`` all runs too, ``cached`` only what was computed for
    them; ``unfinished`` a state of each training of a run; ``generated`` a SynthBirds.
    """
    generated = {"generated": study.after("generation")}
    if wanted == set(generated):
        return generated
    raw = study.folder(study.after("data make"))
    shutil.copytree(study.source, raw / SOURCE)
    _undisturbed(raw, _write_source)
    finished, unfinished = study.folder(raw), study.folder(raw)
    for lines in TRAININGS:
        _undisturbed(finished, commands(*lines))
    cached = study.folder(finished)
    shutil.rmtree(cached / "runs")
    _undisturbed(unfinished, _cut_off)
    return generated | {"raw": raw, "finished": finished, "cached": cached, "unfinished": unfinished}


def _undisturbed(folder: Path, work: Callable[[Path], int]) -> None:
    log = folder.with_suffix(".log")
    if status := processes.run(lambda: work(folder), log):
        raise RuntimeError(f"exit status {status} undisturbed: {log.read_text()}")


def _write_source(folder: Path) -> int:
    """What a user gives: weights, features, word vectors and settings; and a ``res101.mat`` with features."""
    import scipy.io
    import timm
    import torch
    from safetensors.torch import save_file

    enter(folder)
    vectors = np.load(f"{SOURCE}/vectors.npy")
    Path(SOURCE, "vectors.pkl").write_bytes(pickle.dumps(vectors))
    torch.manual_seed(0)
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    torch.save(state, f"{SOURCE}/weights.pt")
    save_file(state, f"{SOURCE}/weights.safetensors")
    tables = scipy.io.loadmat(f"{TABLES}/res101.mat")
    labels = tables["labels"].ravel()
    features = np.random.default_rng(0).normal(size=(8, 32))[labels - 1] + np.random.default_rng(1).normal(
        size=(48, 32)
    )
    features = features.astype(np.float32)
    np.save(f"{SOURCE}/features.npy", features)
    np.savez(f"{SOURCE}/features.npz", features=features)
    scipy.io.savemat(f"{SOURCE}/features.mat", {"features": features})
    tables = {name: value for name, value in tables.items() if name[0] != "_"} | {"features": features.T}
    scipy.io.savemat(f"{TABLES}/res101.mat", tables, do_compression=True)
    settings = {"dataset": NAME, "loss": "remse", "epochs": 2, "episodes": 8, "ways": 4, "lam": 2.5, "lr": 0.02}
    Path(SOURCE, "settings.yml").write_text(yaml.safe_dump(settings | {"image_size": 64, "seed": 3}))
    return 0


def _cut_off(folder: Path) -> int:
    """A training that ends in the second epoch of its second part."""
    from zslcore.training.loop import Trainer

    epoch = Trainer.epoch

    def cut_off(trainer: Trainer, index: int) -> dict[str, float]:
        if trainer.task.name == "test" and index == 1:
            os._exit(0)
        return epoch(trainer, index)

    Trainer.epoch = cut_off
    enter(folder)
    return cli.main(PICTURES)

"""Bad environment variables."""

import os

from bad_inputs.cases import Call, cases
from bad_inputs.world import PICTURES, check, train

CASES, bad = cases("Environment variables")


def _set(variable: str, value: str) -> None:
    os.environ[variable] = value


@bad("no data in ZSLCORE_DATA", "ZSLCORE_DATA")
def _(world):
    _set("ZSLCORE_DATA", str(world / "birds"))
    return check()


@bad("ZSLCORE_DATA does not exist", "nowhere", "ZSLCORE_DATA")
def _(world):
    _set("ZSLCORE_DATA", str(world / "nowhere"))
    return check()


@bad("ZSLCORE_DATA is a file", "ZSLCORE_DATA", "clip.npy")
def _(world):
    _set("ZSLCORE_DATA", str(world / "clip.npy"))
    return check()


@bad("ZSLCORE_CACHE is a file", "ZSLCORE_CACHE", "clip.npy")
def _(world):
    _set("ZSLCORE_CACHE", str(world / "clip.npy"))
    return ["features", "import", "clip", "clip.npy", "--dataset", "TINY"]


@bad("ZSLCORE_CACHE is in a file", "ZSLCORE_CACHE", "clip.npy")
def _(world):
    _set("ZSLCORE_CACHE", str(world / "clip.npy" / "cache"))
    return check(**PICTURES)


@bad("ZSLCORE_RUNS is a file", "ZSLCORE_RUNS", "clip.npy")
def _(world):
    _set("ZSLCORE_RUNS", str(world / "clip.npy"))
    return train()


@bad("a line break in ZSLCORE_RUNS", "ZSLCORE_RUNS", "'a\\nb'")
def _(world):
    _set("ZSLCORE_RUNS", "a\nb")
    return train()


@bad("the home of nobody in ZSLCORE_CACHE", "ZSLCORE_CACHE", "'~nobody-here/cache'")
def _(world):
    _set("ZSLCORE_CACHE", "~nobody-here/cache")
    return train()


@bad("a name of 300 letters in ZSLCORE_RUNS", "ZSLCORE_RUNS", "rrr")
def _(world):
    _set("ZSLCORE_RUNS", "r" * 300)
    return train()


@bad("braces in the folder of the runs of a study", "runs", "{runs}")
def _(world):
    from zslcore.study.running.snakemake_config import study_config

    _set("ZSLCORE_RUNS", str(world / "{runs}"))
    return Call("study_config({})", lambda: study_config({}))

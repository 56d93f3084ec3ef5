"""Bad notebooks, and a missing extra."""

import importlib
import json
import os
import sys
from unittest import mock

from bad_inputs.cases import World, cases

from zslcore._io import extras

CASES, bad = cases("Notebooks")


def _notebook(*parameters: str, tags: tuple[str, ...] = ("parameters",)) -> str:
    """A notebook with a parameters cell of these lines for each tag."""
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": "pass"}
    tagged = [cell | {"metadata": {"tags": [tag]}, "source": "\n".join(parameters)} for tag in tags]
    return json.dumps({"cells": [cell, *tagged], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


_CONTENTS = {
    "an empty notebook": ("",),
    "a notebook that is a list": ("[]",),
    "a notebook without cells": ('{"metadata": {}, "nbformat": 4, "nbformat_minor": 4}',),
    "cells that are text": ('{"cells": "many", "metadata": {}, "nbformat": 4, "nbformat_minor": 4}',),
    "a cell that is a number": ('{"cells": [3], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}',),
    "a notebook of format 3": ('{"worksheets": [], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}',),
    "half a notebook": (_notebook("x: int = 1")[:80],),
    "ten thousand brackets in a notebook": ("[" * 10_000,),
    "a notebook without parameters": (_notebook(tags=()), "0"),
    "two parameters cells": (_notebook("x: int = 1", tags=("parameters",) * 2), "2"),
    "a parameter without type": (_notebook("x = 1"), "name: type"),
    "a parameter of another type": (_notebook("x: complex = 1j"), "name: type"),
    "a default of another type": (_notebook("x: int = 'one'"), "x must be int", "'one'"),
    "a default that is code": (_notebook("x: int = __import__('os').system('touch canary')"), "x must be int"),
    "a parameters cell with other code": (_notebook("x: int = 1", "open('canary', 'w')"), "name: type"),
    "a default of 5000 digits": (_notebook(f"x: int = {'9' * 5000}"), "x must be int"),
    "a default of ten thousand brackets": (_notebook(f"x: list[int] = {'[' * 10_000}"), "x must be list[int]"),
}


def _params(content: str):
    def make(world: World) -> list[str]:
        (world / "my.ipynb").write_text(content)
        return ["params", "my.ipynb"]

    return make


for _what, (_content, *_says) in _CONTENTS.items():
    bad(_what, "my.ipynb", *_says)(_params(_content))


@bad("a notebook that is no text", "my.ipynb")
def _(world):
    (world / "my.ipynb").write_bytes(b"\xff\xfe\x00")
    return ["run", "my.ipynb"]


@bad("a named pipe as notebook", "my.ipynb")
def _(world):
    os.mkfifo(world / "my.ipynb")
    return ["run", "my.ipynb"]


@bad("a text file as notebook", "'birds.csv'")
def _(world):
    return ["params", "birds.csv"]


@bad("the executed notebook over the notebook itself", "my.ipynb")
def _(world):
    (world / "my.ipynb").write_text(_notebook("x: int = 1"))
    return ["run", "my.ipynb", "--output", "my.ipynb"]


@bad("NaN for a float", "x must be float", "'nan'")
def _(world):
    (world / "my.ipynb").write_text(_notebook("x: float = 1.0"))
    return ["run", "my.ipynb", "-p", "x", "nan"]


@bad("an open list", "x must be list[int]", "'1,,2'")
def _(world):
    (world / "my.ipynb").write_text(_notebook("x: list[int] = [1]"))
    return ["run", "my.ipynb", "-p", "x", "1,,2"]


def _without(world: World, package: str, module: str) -> None:
    """As if a package were not installed, for a module that asks for it when it is imported."""
    found = extras.find_spec
    absent = mock.patch.object(extras, "find_spec", lambda name: None if name == package else found(name))
    again = mock.patch.dict(sys.modules)
    for patch in (absent, again):
        patch.start()
        world.undo.append(patch.stop)
    sys.modules.pop(module, None)
    parent, _, name = module.rpartition(".")
    if kept := vars(importlib.import_module(parent)).pop(name, None):
        world.undo.append(lambda: setattr(sys.modules[parent], name, kept))


@bad("no package papermill", "papermill", "zslcore[notebooks]")
def _(world):
    _without(world, "papermill", "zslcore.study.running.notebook_runner")
    return ["params", "04"]


@bad("no package Sphinx", "sphinx", "zslcore[docs]")
def _(world):
    _without(world, "sphinx", "zslcore.study.pages.book")
    return ["book", "birds"]

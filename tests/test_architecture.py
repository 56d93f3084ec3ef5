"""Dependencies point one way, between modules and between folders; imports inside functions count too."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import zslcore

PACKAGE = Path(zslcore.__file__).parent
TENSORS_ALONE = {"zslcore.remse", "zslcore.losses", "zslcore.metrics", "zslcore.models", "zslcore.analysis"}
DATA = {"zslcore.data", "zslcore.synthbirds", "zslcore.config", "zslcore.training", "zslcore.study", "zslcore.cli"}


def module_name(file):
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in PACKAGE.rglob("*.py")}


def imports(module):
    """Modules of the package that a module imports; a package's own names count as the package."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in MODULES else node.module)
    return found - {module, "zslcore"}  # the front door hands on names of many modules


GRAPH = {module: imports(module) for module in MODULES}


def folder(module, depth):
    """The part of the package that holds a module: its first ``depth`` names."""
    return ".".join(module.split(".")[:depth])


@pytest.mark.parametrize("depth", [2, 3, 4], ids=["top level", "folders within", "modules"])
def test_no_import_runs_back(depth):
    parts = {}
    for module, targets in GRAPH.items():
        for target in targets:
            if folder(module, depth) != folder(target, depth):
                parts.setdefault(folder(module, depth), set()).add(folder(target, depth))
    assert len(list(TopologicalSorter(parts).static_order())) > 20  # raises CycleError otherwise


def test_the_method_knows_nothing_of_data_sets_and_files():
    for module, targets in GRAPH.items():
        if folder(module, 2) in TENSORS_ALONE:
            assert not DATA & {folder(target, 2) for target in targets}, module


def test_figures_do_not_train():
    for module, targets in GRAPH.items():
        if folder(module, 2) == "zslcore.plots":
            assert not {"zslcore.training", "zslcore.study"} & {folder(target, 2) for target in targets}, module

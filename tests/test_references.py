"""Modules, functions and files that docstrings, pages and notebooks name are there."""

import importlib
import re
from pathlib import Path

import pytest

import zslcore

ROOT = Path(zslcore.__file__).parents[1]
FILES = [file for kind in ("*.md", "docs/*.md", "notebooks/*.ipynb", "zslcore/**/*.py") for file in ROOT.glob(kind)]
FORMER = {"zslcore.losses.factory"}  # the changelog says what it is now


def is_there(name, module):
    """Whether a dotted name can be imported, from the top or from a module; or is a name of one of its classes."""
    for path in (name, f"{module.__name__}.{name}"):
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            try:
                value = importlib.import_module(".".join(parts[:length]))
            except ImportError:
                continue
            for part in parts[length:]:
                value = getattr(value, part, None)
            if value is not None:
                return True
            break
    return any(hasattr(value, name) for value in vars(module).values() if isinstance(value, type))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_names_lead_somewhere(file):
    text, module = file.read_text(encoding="utf-8"), zslcore
    if file.suffix == ".py":
        parts = file.relative_to(ROOT).with_suffix("").parts
        module = importlib.import_module(".".join(parts).removesuffix(".__init__").removesuffix(".__main__"))
    names = re.findall(r":(?:func|class|mod|meth|attr|data|exc):`~?([\w.]+)`", text)
    names += set(re.findall(r"`(zslcore(?:\.\w+)+)(?:\(\))?`", text)) - FORMER
    assert [name for name in names if not is_there(name, module)] == []
    paths = re.findall(r"`((?:zslcore|tests|docs|notebooks|benchmarks|results)/[\w/.-]+\.\w+)`", text)
    written = [path for path in paths if not {"NAME.yml", "DATASET"} & set(path.split("/"))]
    assert [path for path in written if not (ROOT / path).exists()] == []


def test_a_wrong_name_is_found():
    assert is_there("losses.mse_loss", zslcore)
    assert not is_there("losses.mse_los", zslcore)
    assert not is_there("zslcore.losses.factory", zslcore)

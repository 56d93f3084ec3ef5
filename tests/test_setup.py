"""pyproject.toml, requirements.lock and environment.yml say the same; CITATION.cff is complete."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from oldest import oldest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import zslcore

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}  # conda-forge's name: PyPI's name
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
LOCK_LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]


def _direct() -> dict[str, Requirement]:
    texts = [*PROJECT["dependencies"], *(text for extra in PROJECT["optional-dependencies"].values() for text in extra)]
    found = {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, texts)}
    del found["zslcore"]  # an extra that includes another one
    return found


def _lock() -> dict[str, Requirement]:
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, LOCK_LINES)}


def _version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    return specifier.version


def _environment() -> dict[str, str]:
    conda = [entry.partition("=") for entry in ENVIRONMENT if isinstance(entry, str)]
    versions = {CONDA_NAMES.get(name, name): version for name, _, version in conda}
    (pip,) = (entry["pip"] for entry in ENVIRONMENT if isinstance(entry, dict))
    versions |= {name: version for name, _, version in (entry.partition("==") for entry in pip if "==" in entry)}
    assert "-e ." in pip
    del versions["python"], versions["pip"]
    return versions


@pytest.mark.parametrize("name", sorted(_direct()))
def test_direct_dependency_is_pinned_within_its_range(name):
    version = _version(_lock()[name])
    assert _direct()[name].specifier.contains(version), f"{name}=={version} is not {_direct()[name].specifier}"
    assert importlib.metadata.version(name) == version, f"what is installed is not what is locked: {name}"


def test_lock_has_exact_public_versions_only():
    assert sorted(LOCK_LINES, key=lambda line: Requirement(line).name.lower()) == LOCK_LINES
    assert len(_lock()) == len(LOCK_LINES)
    for line in LOCK_LINES:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line), line


def test_lock_names_all_that_the_direct_dependencies_need():
    missing, todo = [], [(name, frozenset(need.extras)) for name, need in _direct().items()]
    seen = set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in _lock():
            missing.append(name)
            continue
        for need in map(Requirement, importlib.metadata.requires(name) or []):
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                todo.append((canonicalize_name(need.name), frozenset(need.extras)))
    assert not missing


def test_lock_holds_the_versions_that_the_issue_fixes():
    assert (_version(_lock()["torch"]), _version(_lock()["torchvision"])) == ("2.11.0", "0.26.0")
    assert _version(_lock()["nbval"]) == "0.11.0"


def test_environment_has_the_direct_dependencies_at_the_locked_versions():
    assert _environment() == {name: _version(_lock()[name]) for name in _direct()}


def test_python_version_agrees():
    (python,) = (entry for entry in ENVIRONMENT if isinstance(entry, str) and entry.startswith("python="))
    assert PROJECT["requires-python"] == f">={python.removeprefix('python=')}"
    assert f"for Python {python.removeprefix('python=')}." in (ROOT / "requirements.lock").read_text()


def test_setup_files_name_no_host_and_no_local_file():
    for name in ("requirements.lock", "environment.yml", "Makefile", ".ci/run"):
        assert not re.search(r"https?://|file:|index-url|/home/|/Users/|site-packages/", (ROOT / name).read_text()), (
            name
        )


def test_line_ends_do_not_follow_the_set_up_of_git():
    """With core.autocrlf, a script had a carriage return after the name of its interpreter."""
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()


def test_citation_is_complete():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation.keys() >= {"cff-version", "message", "title", "authors", "type", "license", "version"}
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert zslcore.__version__ == PROJECT["version"]
    (paper,) = citation["references"]
    assert paper.keys() >= {"type", "title", "authors", "journal", "year"}
    assert [author["family-names"] for author in paper["authors"]] == ["Ye", "Yang", "Jin", "Liu", "Huang"]


def test_make_test_oldest_installs_the_lower_bounds():
    """The Makefile takes its versions from tests/oldest.py, which takes them from pyproject.toml."""
    pins = {canonicalize_name(pin.name): pin for pin in map(Requirement, oldest())}
    assert pins.keys() == _direct().keys() - {"snakemake-executor-plugin-slurm", "river"}
    for name, pin in pins.items():
        assert _direct()[name].specifier.contains(_version(pin)), pin
    assert "tests/oldest.py > $(OLDEST)/requirements.txt" in (ROOT / "Makefile").read_text()


def test_core_dependencies_are_the_four_that_the_loss_needs():
    names = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert names == {"torch", "numpy", "scipy", "jaxtyping"}


def test_lint_covers_every_folder_and_undefined_names():
    command = [sys.executable, "-m", "ruff", "check", "--show-files"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in ("zslcore/data/benchmark.py", "tests/data/test_benchmark.py", "notebooks/00_quickstart.ipynb"):
        assert str(ROOT / name) in shown.splitlines()
    with open(ROOT / "pyproject.toml", "rb") as file:
        assert "F821" not in tomllib.load(file)["tool"]["ruff"]["lint"]["ignore"]

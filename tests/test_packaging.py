"""The wheel, installed with nothing but its core dependencies, runs the README's snippet; the front door is light."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def closure(names: list[str]) -> set[str]:
    """The distributions that these need, without extras."""
    found, todo = set(), list(map(Requirement, names))
    while todo:
        need = todo.pop()
        name = canonicalize_name(need.name)
        if name in found or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        todo += map(Requirement, importlib.metadata.requires(name) or [])
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "zslcore", source / "zslcore")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-q", "-w", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An interpreter whose environment holds the wheel and links to its core dependencies, nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    (metadata,) = site.glob("zslcore-*.dist-info")
    needs = importlib.metadata.PathDistribution(metadata).requires
    core = [need for need in needs if "extra ==" not in need]
    for name in closure(core):
        distribution = importlib.metadata.distribution(name)
        installed = Path(distribution.locate_file(""))
        for parts in {file.parts[: depth(installed, file.parts)] for file in distribution.files}:
            target = site.joinpath(*parts)
            if parts[0] not in ("..", "__pycache__") and target.suffix != ".pth" and not target.exists():
                target.parent.mkdir(exist_ok=True)
                target.symlink_to(installed.joinpath(*parts))
    return folder / "bin" / "python"


def depth(installed: Path, parts: tuple[str, ...]) -> int:
    """1 to link a whole folder; 2 for a namespace package, such as nvidia, which several distributions fill."""
    folder = installed / parts[0]
    return 2 if folder.is_dir() and folder.suffix != ".dist-info" and not (folder / "__init__.py").exists() else 1


def run(python, code, folder):
    """What the interpreter prints, outside the checkout and without its PYTHONPATH."""
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [str(python), "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def snippet():
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return code


def test_the_snippet_runs_with_the_core_alone(python, tmp_path):
    check = """
import importlib.util
import numpy as np
from zslcore.losses import bmc_loss, huber_loss, mse_loss
from zslcore.criteria import CRITERIA, build_criterion
from zslcore.metrics import per_class_accuracy, seen_unseen_curve
assert importlib.util.find_spec("pandas") is None
for name in CRITERIA:
    options = {"p": 0.1, "p2": 0.75} if name.startswith("remse") else {}
    criterion = build_criterion(name, torch.rand(4, 5), torch.tensor([5, 5, 5, 5]), **options)
    assert criterion(torch.rand(4, 5), torch.rand(4, 5), torch.arange(4)).isfinite()
curve = seen_unseen_curve(np.eye(3)[:2], np.array([0, 1]), np.eye(3)[2:], np.array([2]), num_seen=2)
assert curve.at(0.0)[:2] == (1.0, 1.0), curve.at(0.0)
assert per_class_accuracy(np.array([0]), np.array([0])) == 1.0
"""
    result = run(python, snippet() + check, tmp_path)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) > 0


@pytest.mark.parametrize(
    ("statement", "extra"),
    [
        ("import zslcore.plots", "study"),
        ("from zslcore import RunConfig", "study"),
        ("from zslcore import fit", "study"),
        ("from zslcore.sklearn import ReMSERegressor", "sklearn"),
    ],
)
def test_what_needs_an_extra_names_it_in_one_sentence(python, tmp_path, statement, extra):
    result = run(python, statement, tmp_path)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert re.search(rf"\w+ is not installed; run: pip install 'zslcore\[{extra}\]'$", last), result.stderr


def test_the_wheel_holds_its_data_files(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "zslcore/py.typed" in names
    shipped = {name for name in names if name.endswith(".yml")}
    assert shipped == {str(path.relative_to(ROOT)) for path in (ROOT / "zslcore").rglob("*.yml")}
    assert not [name for name in names if name.startswith(("tests", "docs", "notebooks"))]


def loaded(statement):
    """The modules that a fresh interpreter has after a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(result.stdout.split())


def test_import_zslcore_loads_nothing_else():
    assert not loaded("import zslcore") & {"torch", "numpy", "scipy", "pandas", "matplotlib"}


def test_plots_load_neither_accelerate_nor_the_training():
    names = loaded("from zslcore import plots")
    assert "matplotlib" in names
    assert not [
        name for name in names if name.startswith(("accelerate", "torchvision", "zslcore.training", "zslcore.study"))
    ]


def test_the_front_door_is_listed():
    import zslcore

    assert {"ReMSE", "class_error", "remse_weights", "Benchmark", "RunConfig", "fit", "Run", "InputError"} <= set(
        dir(zslcore)
    )


def test_the_training_loop_is_found_by_its_name_at_the_front_door():
    from zslcore import trainer
    from zslcore.training import loop

    assert trainer.Trainer is loop.Trainer

"""The book of a study: its executed notebooks and the pages of ``docs/`` as one HTML site, built by Sphinx."""

import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from zslcore._io.extras import require
from zslcore._io.writing import new_tree, remove
from zslcore.errors import InputError
from zslcore.study.checkout import notebooks_root, root
from zslcore.study.pages.first_page import FIGURE, caption, differences_figure, first_page
from zslcore.study.results.figure_files import save_figure
from zslcore.study.results.result_files import read_tables

TABLES = ("results.csv", "differences.csv")
WIDGET = "application/vnd.jupyter.widget-view+json"


def build_book(folder: Path, output: Path | None = None) -> Path:
    """Build the book of a study and return the path of its first page.

    The first page answers the study's question from ``results.csv`` and ``differences.csv``. If a notebook is not in
    the folder, the committed one is used, and the first page says so. ``folder`` is a folder that ``make study``
    filled, or one below ``results/``. ``output``, by default ``folder/book``, is replaced if it exists.

    Raises:
        InputError: if Sphinx warns, for example of a broken link.
    """
    require("docs", "sphinx", "myst_nb", "sphinx_book_theme")
    folder, output = Path(folder), Path(output or Path(folder) / "book")
    results, differences = read_tables(folder)
    part = Path(output.name)
    with TemporaryDirectory() as temporary, new_tree(output.parent, output.name, [part]) as place:
        source, built = Path(temporary, "source"), place / part
        _collect(folder, source, results, differences)
        command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
        command += ["-d", str(Path(temporary, "doctrees")), "-c", str(root() / "docs"), str(source), str(built)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise InputError(f"the book of {folder} cannot be built: {result.stderr[-2000:]}")
        remove(output)
    return output / "index.html"


def _collect(folder: Path, source: Path, results: pd.DataFrame, differences: pd.DataFrame) -> None:
    """Lay out the pages as in the repository, so that links between them work in both."""
    for name in ("docs", "zslcore", "results"):
        shutil.copytree(root() / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "conf.py"))
    for name in ("CLAIMS.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(root() / name, source)
    (source / "run").mkdir()
    for name in TABLES:
        shutil.copy(folder / name, source / "run")
    (source / "notebooks").mkdir()
    committed = []
    for path in sorted(notebooks_root().glob("*.ipynb")):
        executed = folder / path.name
        if not executed.is_file():
            committed.append(path.stem)
            executed = path
        _copy_notebook(executed, source / "notebooks" / path.name)
    table = folder / "results.csv"
    dataset = str(results["dataset"].iloc[0])
    figure = differences_figure({dataset: differences})
    save_figure(figure, source / "run", FIGURE, "zslcore book", caption=caption([dataset]))
    stored = root() / "results" / dataset / "results.csv"
    earlier = pd.read_csv(stored) if stored.is_file() else results
    tracked = _git("log", "-1", "--format=%cs %h", "--", str(table.resolve()))  # empty for a new study
    day, commit = tracked.split() or (date.fromtimestamp(table.stat().st_mtime).isoformat(), None)
    commit = commit or _git("rev-parse", "--short", "HEAD") or "unknown"
    page = first_page(results, differences, earlier, committed=committed, commit=commit, day=day)
    (source / "index.md").write_text(page, encoding="utf-8")


def _copy_notebook(path: Path, target: Path) -> None:
    """Copy a notebook for the book: code is folded, and widgets, which need a kernel, are left out."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            tags = cell["metadata"].setdefault("tags", [])
            if not {"hide-cell", "remove-cell", "remove-input", "show-input"} & set(tags):
                tags.append("hide-input")
            cell["outputs"] = [each for each in cell["outputs"] if WIDGET not in each.get("data", {})]
    target.write_text(json.dumps(notebook), encoding="utf-8")


def _git(*arguments: str) -> str:
    """The output of git in the checkout; empty without git or a repository."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "-C", str(root()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

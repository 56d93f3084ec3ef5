"""Every notebook of the study keeps the same form, so that papermill, nbval and readers can rely on it."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from zslcore.study.running.notebook_runner import read_parameters

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_CELLS, MOST_LINES, MOST_FUNCTION_LINES = 30, 15, 5
MACHINE_PATH = re.compile(r"(?<![\w.:/<])/\w+/[\w.-]+/\w|[A-Z]:\\\\")  # an absolute path of some machine

pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="no notebook in notebooks/")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def _code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_study_has_its_first_notebooks():
    assert NOTEBOOKS[0].stem == "00_quickstart"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_cell_is_plain(path):
    parameters = read_parameters(path)  # refuses anything but `name: type = value  # help`
    assert parameters, "no parameter"
    for parameter in parameters.values():
        assert parameter.help, f"{parameter.name} has no help"
        assert "=" not in parameter.help, f"papermill cannot read the line of {parameter.name}: '=' in its comment"


def test_is_valid_and_for_the_python3_kernel(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_begins_with_a_title(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")


def test_cells_are_few_and_short(notebook):
    assert len(notebook.cells) <= MOST_CELLS
    for cell in _code_cells(notebook):
        assert len(cell.source.splitlines()) <= MOST_LINES, cell.source


def test_cells_without_a_message_are_folded(notebook, request):
    """Imports and checks say nothing to a reader. A folded cell shows no result, because its output is folded too."""
    for cell in _code_cells(notebook):
        tags = set(cell.metadata.get("tags", []))
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        quiet = kinds & {ast.Import, ast.ImportFrom} or (ast.Assert in kinds and not cell.outputs)
        if quiet and "parameters" not in tags:
            assert "hide-cell" in tags, cell.source
        if "hide-cell" in tags:
            assert not cell.outputs, cell.source


def test_library_does_the_work(notebook):
    for cell in _code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!"))]
        for node in ast.walk(ast.parse("\n".join(lines))):
            assert not isinstance(node, ast.ClassDef), f"class {node.name}"
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < MOST_FUNCTION_LINES, f"function {node.name} is long"
        assert not cell.source.rstrip().endswith(";"), cell.source


def test_many_trainings_share_one_bar(notebook):
    """In JupyterLab a loop over trainings shows one bar for all, not a page of them."""
    loops = (ast.For, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    for cell in _code_cells(notebook):
        for loop in (node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, loops)):
            calls = [node for node in ast.walk(loop) if isinstance(node, ast.Call)]
            fits = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "fit"]
            assert all("progress" in {keyword.arg for keyword in call.keywords} for call in fits), cell.source


def test_was_executed_in_order_without_error(notebook):
    cells = [cell for cell in _code_cells(notebook) if cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    errors = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert not errors


def test_outputs_name_no_path_of_a_machine(notebook):
    for cell in _code_cells(notebook):
        for output in cell.outputs:
            texts = [output.get("text", ""), *(t for kind, t in output.get("data", {}).items() if "image" not in kind)]
            found = [match[0] for text in texts for match in [MACHINE_PATH.search(str(text))] if match]
            assert not found, f"{found} in the output of cell [{cell.execution_count}]"


def test_outputs_hold_no_widget(notebook):
    """A stored widget, such as a progress bar, opens as an error in JupyterLab and as its first state elsewhere."""
    for cell in _code_cells(notebook):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert not any("widget" in kind for kind in kinds), cell.source

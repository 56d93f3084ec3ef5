"""Notebooks that end early, and the folders that they see."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbclient.exceptions import DeadKernelError

from zslcore import cli
from zslcore._io import locations
from zslcore.study.running.notebook_runner import _kernel_manager


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLCORE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import os\nos._exit(9)", "ends: the Python process of the notebook died"),
        ("import sys\nsys.exit(0)", "ends: cell [2] ended the notebook early"),
        ("exit()", "ends: cell [2] ended the notebook early"),
        ("quit()", "ends: cell [2] ended the notebook early"),
    ],
)
def test_a_notebook_that_ends_early_is_not_done(tmp_path, runs, capsys, code, sentence):
    """papermill takes exit(0) for success; the file under the final name looked like a finished one."""
    cells = [
        nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code),
        nbformat.v4.new_code_cell("print(n)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "ends.ipynb")
    assert cli.main(["run", str(tmp_path / "ends.ipynb")]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert sentence in last
    assert "ends.failed.ipynb" in last
    assert [path.name for path in (runs / "notebooks").iterdir()] == ["ends.failed.ipynb"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("Kernel didn't respond in 60 seconds"), "could not be used: Kernel didn't respond in 60 seconds"),
        (RuntimeError("Kernel died before replying to kernel_info"), "died (out of memory?)"),
        (DeadKernelError("Kernel died"), "died (out of memory?)"),
    ],
    ids=str,
)
def test_only_a_dead_kernel_is_called_dead(tmp_path, runs, capsys, monkeypatch, error, sentence):
    """Every RuntimeError was reported as one, with a guess at the memory."""

    def execute(source, output, *_, **__):
        shutil.copy(source, output)
        raise error

    monkeypatch.setattr("papermill.execute_notebook", execute)
    cell = nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "slow.ipynb")
    assert cli.main(["run", str(tmp_path / "slow.ipynb")]) == 1
    kept = f"(executed so far: {runs / 'notebooks' / 'slow.failed.ipynb'})"
    assert capsys.readouterr().err == f"zslcore: slow: the Python process of the notebook {sentence} {kept}\n"
    assert [path.name for path in (runs / "notebooks").iterdir()] == ["slow.failed.ipynb"]


def test_an_interrupted_notebook_says_so_in_one_line(tmp_path, runs):
    """The kernel logged a traceback."""
    cells = [
        nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import time\nopen('started', 'w').close()\ntime.sleep(60)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "long.ipynb")
    command = [sys.executable, "-m", "zslcore", "run", str(tmp_path / "long.ipynb")]
    variables = os.environ | {"TQDM_DISABLE": "1"}
    # a shell starts background jobs with SIGINT ignored, and the tests may be such a job
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables, start_new_session=True)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while not (runs / "notebooks" / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "zslcore: interrupted\n"
    assert process.returncode == 130
    assert [path.name for path in (runs / "notebooks").iterdir()] == ["started"]


def test_a_notebook_has_the_folders_of_the_shell(tmp_path, monkeypatch):
    """It works in the folder of its output, where a relative folder is another one."""
    monkeypatch.setenv("ZSLCORE_DATA", "some/data")
    monkeypatch.setenv("ZSLCORE_CACHE", "~/cache")
    cells = [
        nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(
            "import json, os\nfrom zslcore._io.locations import cache_root, data_root, runs_root\n"
            "print(json.dumps([str(data_root()), os.environ['ZSLCORE_DATA'], str(cache_root()), str(runs_root())]))"
        ),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "folders.ipynb")
    assert cli.main(["run", str(tmp_path / "folders.ipynb"), "--output", str(tmp_path / "x y" / "done.ipynb")]) == 0
    cells = nbformat.read(tmp_path / "x y" / "done.ipynb", as_version=4).cells
    data, cache, runs = str(locations.data_root()), str(locations.cache_root()), str(locations.runs_root())
    assert json.loads(cells[-1].outputs[0].text) == [data, data, cache, runs]


def test_a_relative_output_of_a_notebook_lies_in_the_current_directory(tmp_path, monkeypatch):
    cells = [
        nbformat.v4.new_code_cell('output: str = ""  # folder', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("from pathlib import Path\nPath(output).mkdir()"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "makes.ipynb")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "makes.ipynb", "-p", "output", "figures"]) == 0
    assert (tmp_path / "figures").is_dir()


def test_a_kernel_that_cannot_encrypt_is_not_asked_to(monkeypatch):
    """With ipykernel 6.29 ``zslcore run`` waited for ever."""
    monkeypatch.setattr("ipykernel.kernelspec.get_kernel_dict", lambda: {"metadata": {"debugger": True}})
    assert _kernel_manager().kernel_spec.metadata == {"debugger": True}

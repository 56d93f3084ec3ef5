"""The command line as users meet it: real notebooks through papermill, one sentence for every mistake."""

import json
import os
import subprocess
import sys
import types

import nbformat
import pytest

from zslcore import cli
from zslcore.config import setting_table
from zslcore.methods import BASELINES, METHODS

PARAMETERS = """\
epochs: int = 3  # passes over the data
lr: float = 0.5  # step size
name: str = "SYNTH"  # benchmark
seeds: list[int] = [0]  # one run each
fail: str = ""  # how to fail
"""
BODY = """\
import json, os, sys
from zslcore.errors import InputError
print(json.dumps([epochs, lr, name, seeds, os.getcwd(), sys.executable]))
if fail == "cell": raise RuntimeError("a long\\nstory")
if fail == "input": raise InputError("p must be at least 0, got -1")
"""


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLCORE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def notebook(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell("# Small"),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(BODY),
    ]
    path = tmp_path / "small {curly}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def _printed(path) -> list:
    cells = nbformat.read(path, as_version=4).cells
    return json.loads(cells[-1].outputs[0].text)


def test_parameters_arrive_with_their_types_in_this_interpreter(notebook, runs, capsys, monkeypatch, tmp_path):
    """Also from another working directory, and whatever kernel called python3 the user has installed."""
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["false"], "display_name": "Wrong", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    words = ["-p", "epochs", "7", "-p", "lr=-1e-2", "--parameter", "name", "-x=y", "-p", "seeds", "1,2"]
    assert cli.main(["run", f"../{notebook.name}", *words]) == 0
    (output,) = (runs / "notebooks").iterdir()
    assert capsys.readouterr().out.strip() == str(output)
    assert output.name.startswith("small {curly}-")
    assert _printed(output) == [7, -0.01, "-x=y", [1, 2], str(output.parent), sys.executable]
    assert not list(elsewhere.iterdir())


def test_defaults_go_to_the_plain_name_and_replace_an_earlier_failure(notebook, runs):
    failed = runs / "notebooks" / f"{notebook.stem}.failed.ipynb"
    failed.parent.mkdir(parents=True)
    failed.touch()
    assert cli.main(["run", str(notebook)]) == 0
    (output,) = (runs / "notebooks").iterdir()
    assert output.name == notebook.name
    assert _printed(output)[:4] == [3, 0.5, "SYNTH", [0]]


@pytest.mark.parametrize(
    ("how", "status", "sentence"),
    [
        ("cell", 1, "cell [3] raised RuntimeError: a long story"),
        ("input", 2, "InputError: p must be at least 0"),
    ],
)
def test_failing_cell_is_one_sentence_and_keeps_the_failed_copy(notebook, tmp_path, capsys, how, status, sentence):
    output = tmp_path / "new" / "done.ipynb"
    assert cli.main(["run", str(notebook), "--output", str(output), "-p", "fail", how]) == status
    last = capsys.readouterr().err.strip().splitlines()[-1]  # after papermill's progress bar
    assert sentence in last
    assert [path.name for path in output.parent.iterdir()] == ["done.failed.ipynb"]
    assert str(output.parent / "done.failed.ipynb") in last
    assert _printed(output.parent / "done.failed.ipynb")[0] == 3


MISTAKES = {
    "unknown parameter": (
        ["run", "NOTEBOOK", "-p", "epoch", "3"],
        "no parameter 'epoch' (did you mean epochs?); there are: epochs (int)",
    ),
    "ill-typed parameter": (["run", "NOTEBOOK", "-p", "epochs=ten"], "epochs must be int, got 'ten'"),
    "parameter without value": (["run", "NOTEBOOK", "-p", "epochs"], "parameter 'epochs' has no value"),
    "option in place of a value": (["run", "NOTEBOOK", "-p", "epochs", "--output", "x"], "'epochs' has no value"),
    "-p at the end": (["run", "NOTEBOOK", "-p"], "expected one argument"),
    "twice": (["run", "NOTEBOOK", "-p", "lr=1", "-p", "lr=2"], "parameter 'lr' is given twice"),
    "unknown notebook": (["run", "99_nothing"], "no notebook '99_nothing'"),
    "folder as notebook": (["run", "."], "no notebook '.'"),
    "output is no notebook": (["run", "NOTEBOOK", "--output", "out.txt"], "ends in .ipynb"),
    "output is the input": (["run", "NOTEBOOK", "--output", "NOTEBOOK"], "another file than the notebook itself"),
    "output in a file": (["run", "NOTEBOOK", "--output", "NOTEBOOK/a.ipynb"], ".ipynb is a file"),
    "unknown command": (["fly"], "invalid choice: 'fly'"),
    "no command": ([], "required: COMMAND"),
    "unknown option": (["run", "NOTEBOOK", "--fast"], "unrecognized arguments: --fast"),
    "abbreviated option": (["train", "--data", "CUB"], "unrecognized arguments: --data"),
    "unknown option of a notebook": (["params", "04", "--fast"], "unrecognized arguments: --fast (see zslcore --help)"),
    "setting as an option": (["train", "--dataset", "CUB", "--lr", "1"], "--lr; give each setting as -s NAME VALUE"),
    "two settings after one -s": (["check", "CUB", "-s", "p", "1", "p2", "1"], "p2 1; give each setting as -s"),
    "parameter as an option": (["run", "NOTEBOOK", "--seed", "3"], "--seed 3; give each parameter as -p NAME VALUE"),
    "params of nothing": (["params", "99_nothing"], "no notebook '99_nothing'"),
    "train nothing": (["train"], "a CONFIG file or --dataset NAME, one of the two"),
    "file and data set": (["train", "c.json", "--dataset", "CUB"], "got CONFIG 'c.json' and --dataset 'CUB'"),
    "setting in capitals": (["train", "--dataset", "CUB", "-s", "LR", "1"], "unknown setting 'LR'; did you mean 'lr'?"),
    "method of a file": (["train", "c.json", "--method", "mse"], "--method goes with --dataset, not with a CONFIG"),
    "published of a file": (["train", "c.json", "--published", "resnet101"], "--published goes with --dataset"),
    "release of a file": (["train", "c.json", "--release", "2023-09"], "--release goes with --dataset"),
    "release of the study": (["train", "--dataset", "CUB", "--release", "2023-09"], "--release goes with --published"),
    "method of the release": (
        ["train", "--dataset", "CUB", "--method", "mse", "--published", "resnet101"],
        "--method (the study's settings) and --published (the released ones) exclude each other",
    ),
    "setting twice": (["train", "--dataset", "CUB", "-s", "lr=1", "-s", "lr=2"], "setting 'lr' is given twice"),
    "data set twice": (["train", "--dataset", "CUB", "-s", "dataset", "SUN"], "the data set is given twice"),
    "published data set twice": (
        ["train", "--dataset", "CUB", "--published", "resnet101", "-s", "dataset", "SUN"],
        "the data set is given twice",
    ),
    "negative workers": (
        ["train", "--dataset", "CUB", "--workers", "-3"],
        "--workers must be a number of processes",
    ),
    "seeds without a method": (
        ["train", "--dataset", "CUB", "--seeds", "3"],
        "--seeds goes with --dataset and --method",
    ),
    "seeds and a seed": (
        ["train", "--dataset", "CUB", "--method", "mse", "--seeds", "3", "-s", "seed=1"],
        "--seeds goes with --dataset and --method, without --output and -s seed",
    ),
    "no seeds": (
        ["train", "--dataset", "CUB", "--method", "mse", "--seeds", "0"],
        "--seeds must lie in 1..1000, got 0",
    ),
    "absurd size": (
        ["train", "--dataset", "SYNTH", "-s", "image_size", "100000000"],
        "image_size must be an integer of at least 1 and at most 4096, got 100000000",
    ),
    "number of 400 digits": (["train", "--dataset", "SYNTH", "-s", "epochs", "9" * 400], "epochs must be an integer"),
    "data set outside the runs folder": (
        ["train", "--dataset", "../../x"],
        "dataset must be a name such as my-birds or CUB.v2 (letters, digits, _ . -), got '../../x'",
    ),
    "data set with a line break": (["train", "--dataset", "C\nUB"], "dataset must have no control characters"),
    "output with a line break": (["train", "--dataset", "CUB", "--output", "a\nb"], "must have no control characters"),
    "empty run folder": (
        ["train", "--dataset", "SYNTH", "--output", ""],
        "--output: a path must not be empty",
    ),
    "empty notebook to write": (
        ["run", "NOTEBOOK", "--output="],
        "--output: a path must not be empty, got ''",
    ),
    "empty folder of a book": (["book", ""], "argument FOLDER: a path must not be empty, got ''"),
    "empty root": (
        ["data", "make", "a", "b", "--name", "c", "--root", ""],
        "--root: a path must not be empty",
    ),
    "empty config": (["train", ""], "a path must not be empty, got ''"),
    "empty notebook": (["run", ""], "notebook must not be empty, got ''"),
    "home of nobody": (["book", "~nobody-here/x"], "begins with the home folder of an unknown user"),
    "method of no study": (["run", "04_train", "-p", "method", "rmse"], "method must be one of cross_entropy, "),
    "data set that is not there": (["run", "04_train", "-p", "dataset", "nope"], "no data"),
    "loss that is not there": (["run", "06_ablations", "-p", "losses", "foo"], "losses must be among mse, mae, "),
    "loss option of another type": (
        ["train", "--dataset", "CUB", "-s", "loss=huber", "-s", 'loss_options={"delta": "a"}'],
        "delta in loss_options must be a finite number, got 'a'",
    ),
    "loss option that is no whole number": (
        ["train", "--dataset", "CUB", "-s", "loss=lds", "-s", 'loss_options={"bins": 2.5}'],
        "bins in loss_options must be a whole number of at most 100000, got 2.5",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_sentence_status_2_and_writes_nothing(case, notebook, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, sentence = MISTAKES[case]
    assert cli.main([word.replace("NOTEBOOK", str(notebook)) for word in words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert printed.err.startswith("zslcore: ")
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [notebook]


def _process(*words, module="zslcore", **variables):
    command = [sys.executable, "-X", "importtime", "-m", module, *words]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | variables, check=False)


@pytest.mark.parametrize("module", ["zslcore", "zslcore.cli"])
def test_help_of_a_process_does_not_wait_for_heavy_modules(module):
    done = _process("--help", module=module)
    assert done.returncode == 0
    assert "check" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "argparse" in imported
    assert not imported & {"torch", "numpy", "papermill", "nbformat", "pandas", "matplotlib"}


def test_a_process_ends_without_traceback(notebook):
    done = _process("run", str(notebook), "-p", "epochs", "ten")
    messages = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert (done.returncode, messages) == (2, ["zslcore: epochs must be int, got 'ten'"])


def test_interrupt_is_status_130(notebook, runs, monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("papermill.execute_notebook", interrupted)
    assert cli.main(["run", str(notebook)]) == 130
    assert capsys.readouterr().err == "zslcore: interrupted\n"
    assert not list((runs / "notebooks").iterdir())


def test_params_lists_name_type_default_and_help(notebook, capsys):
    assert cli.main(["params", str(notebook)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "type", "default", "help"]
    assert lines[4].split(maxsplit=3) == ["seeds", "list[int]", "[0]", "one run each"]
    assert len(lines) == 6


def test_params_alone_lists_the_notebooks(capsys):
    assert cli.main(["params"]) == 0
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["notebook", "title"]
    assert "04_train" in [row[0] for row in rows]
    assert all(len(row) == 2 for row in rows)


def test_help_of_train_lists_methods_and_settings(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    printed = capsys.readouterr().out
    for name in [*METHODS, *BASELINES, *(row[0] for row in setting_table())]:
        assert f"\n  {name} " in printed
    assert "(default 16; an integer of at least 1 and at most 10000)" in printed


def test_book_prints_its_page(monkeypatch, capsys, tmp_path):
    book = types.SimpleNamespace(build_book=lambda folder: folder / "index.html")
    monkeypatch.setitem(sys.modules, "zslcore.study.pages.book", book)
    assert cli.main(["book", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'index.html'}\n"


def test_synth_prints_its_folder(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("zslcore.synthbirds.ensure", lambda: tmp_path)
    assert cli.main(["synth"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"


@pytest.fixture
def tiny_synth(monkeypatch, tmp_path):
    from zslcore import synthbirds

    root = synthbirds.generate(tmp_path / "tiny", num_classes=8, num_unseen=2, images_per_class=5, size=32, workers=1)
    monkeypatch.setattr(synthbirds, "ensure", lambda: root)
    return root


def test_check_counts_a_dataset_and_misses_an_image(tiny_synth, capsys):
    assert cli.main(["check", "SYNTH"]) == 0
    lines = capsys.readouterr().out.splitlines()
    counts = {words[0]: words[1:] for words in map(str.split, lines)}
    assert counts["test_unseen"] == ["10", "2"]
    assert int(counts["trainval"][0]) + int(counts["test_seen"][0]) == 30
    assert counts["trainval"][1] == counts["test_seen"][1] == "6"
    assert lines[-1] == "all 40 images are there"
    gone = sorted(tiny_synth.rglob("*.png"))[3]
    gone.unlink()
    assert cli.main(["check", "SYNTH"]) == 2
    assert gone.name in capsys.readouterr().err


def test_check_of_real_data(real_data, capsys):
    assert cli.main(["check", "CUB100"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[3:6] == [["trainval", "3441", "73"], ["test_seen", "851", "73"], ["test_unseen", "1610", "27"]]


def test_check_names_the_data_sets_there_are(real_data, capsys):
    assert cli.main(["check", "CUBS"]) == 2
    assert "there are: AWA2, CUB, CUB100, SUN" in capsys.readouterr().err

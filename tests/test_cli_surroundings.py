"""The command line in its surroundings: launchers, compilers, encodings, pipes, full disks, missing packages."""

import contextlib
import io
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch._inductor import config as inductor

from zslcore import cli
from zslcore._io.extras import require


@pytest.mark.parametrize(("rank", "printed"), [(0, "folder\n"), (1, "")])
def test_one_process_of_torchrun_prints_the_run_folder(monkeypatch, capsys, rank, printed):
    monkeypatch.setattr("zslcore.training.fit", lambda config, output, num_workers: "folder")
    monkeypatch.setattr("zslcore._io.distributed.share_of_batch", lambda: (rank, 2))
    assert cli.main(["train", "--dataset", "SYNTH"]) == 0
    assert capsys.readouterr().out == printed


def test_a_rank_that_was_left_over_hides_no_folder(monkeypatch, capsys):
    monkeypatch.setattr("zslcore.training.fit", lambda config, output, num_workers: "folder")
    monkeypatch.setenv("RANK", "1")
    assert cli.main(["train", "--dataset", "SYNTH"]) == 0
    assert capsys.readouterr().out == "folder\n"


def test_left_over_variables_of_a_launcher_are_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert cli.main(["train", "--dataset", "SYNTH"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("zslcore: LOCAL_RANK in the environment must be unset, except by torchrun")


def test_a_missing_compiler_is_one_sentence(monkeypatch, capsys):
    def fit(config, output, num_workers):
        with inductor.patch({"cpp.cxx": (None, "/no/compiler"), "fx_graph_cache": False}):
            torch.compile(lambda values: values.sin() + 1)(torch.ones(3))

    monkeypatch.setattr("zslcore.training.fit", fit)
    assert cli.main(["train", "--dataset", "SYNTH", "-s", "compile", "true"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("zslcore: the training step cannot be compiled: ")
    assert "No working C++ compiler found" in line
    assert line.endswith("; leave compile false")


def test_a_note_is_one_line_where_warnings_are_errors(monkeypatch, capsys):
    """As with PYTHONWARNINGS=error; it was a traceback."""
    monkeypatch.setattr(
        "zslcore.training.fit", lambda config, output, num_workers: warnings.warn("ways is 4", stacklevel=1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cli.main(["train", "--dataset", "SYNTH"]) == 2
    assert capsys.readouterr().err == "zslcore: ways is 4\n"


def on_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB")


def in_python() -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("allocate", "size"),
    [
        (lambda: torch.empty(1 << 50), ", 4503599627370496 bytes could not be allocated"),
        (lambda: np.empty(1 << 50), ", 8.00 PiB could not be allocated"),
        (on_a_gpu, ", 2.00 GiB could not be allocated"),
        (in_python, ""),
    ],
    ids=["torch", "numpy", "gpu", "python"],
)
def test_too_little_memory_is_one_sentence(monkeypatch, capsys, allocate, size):
    monkeypatch.setattr("zslcore.training.fit", lambda config, output, num_workers: allocate())
    assert cli.main(["train", "--dataset", "SYNTH"]) == 2
    expected = f"zslcore: there is too little memory{size}; lower image_size, ways or shots\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("words", [["params"], ["train", "--help"], ["check", "M\xe4use"]], ids=" ".join)
def test_output_that_is_not_utf_8_has_every_character(monkeypatch, words):
    texts = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for encoding in ("ascii", "ascii", "utf-8", "utf-8")]
    for out, err in (texts[:2], texts[2:]):
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        with contextlib.suppress(SystemExit):
            cli.main(words)
        out.flush()
        err.flush()
    escaped, plain = (b"".join(text.buffer.getvalue() for text in pair).decode() for pair in (texts[:2], texts[2:]))
    assert not plain.isascii()
    assert escaped == plain.encode("ascii", "backslashreplace").decode()


def test_a_closed_pipe_is_silent():
    command = [sys.executable, "-m", "zslcore", "params"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_no_output_at_all_is_no_error(monkeypatch):
    """A shell closes it with >&-; Python then has no sys.stdout."""
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["params"]) == 0


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (PermissionError(13, "Permission denied", "a.csv"), "Permission denied: a.csv"),
    ],
)
def test_other_errors_of_files_are_one_sentence(monkeypatch, capsys, error, sentence):
    def fail():
        raise error

    monkeypatch.setattr("zslcore.synthbirds.ensure", fail)
    assert cli.main(["synth"]) == 2
    assert capsys.readouterr().err == f"zslcore: {sentence}\n"


def test_a_missing_extra_is_one_sentence(monkeypatch, capsys):
    def fail():
        require("study", "no_such_package")

    monkeypatch.setattr("zslcore.synthbirds.ensure", fail)
    assert cli.main(["synth"]) == 2
    message = "zslcore: no_such_package is not installed; run: pip install 'zslcore[study]'\n"
    assert capsys.readouterr().err == message

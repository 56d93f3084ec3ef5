"""The front page of a report, and the study's graph."""

import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from zslcore import InputError
from zslcore.methods import METHODS
from zslcore.study.report import write_index

ROOT = Path(__file__).parents[2]


def results(**columns):
    frame = pd.DataFrame({"seed": [0, 1, 0, 1], "method": ["+ MSE", "+ MSE", "+ ReMSE", "+ ReMSE"]})
    fixed = {"dataset": "SYNTH", "backbone": "b", "network": "basic", "protocol": "clean", "lam": 1.0}
    fixed |= {"T1": 70.0, "U": 60.0, "S": 60.0, "H": 60.0, "AUSUC": 50.0, "torch": "2", "device": "cpu"}
    return frame.assign(**fixed, fingerprint="f" * 16, **columns)


def test_index_shows_tables_figures_and_pages(tmp_path):
    results().to_csv(tmp_path / "results.csv", index=False)
    pd.DataFrame({"measure": ["H"], "against": ["+ MSE"], "difference": [1.23456]}).to_csv(tmp_path / "differences.csv")
    (tmp_path / "forest_H.png").write_bytes(b"")
    (tmp_path / "01_data.html").write_text("")
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 01 · The <data>")]), tmp_path / "01_data.ipynb"
    )
    page = write_index(tmp_path).read_text()
    assert "70.0 ± 0.0" in page
    assert "1.23" in page
    assert re.findall(r'<img src="(.*?)"', page) == ["forest_H.png"]
    assert '<a href="01_data.html">01 · The &lt;data&gt;</a>' in page


def test_folder_without_results_is_named(tmp_path):
    with pytest.raises(InputError, match=r"must hold the results.csv"):
        write_index(tmp_path)
    results().to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(InputError, match=r"must hold the differences.csv"):
        write_index(tmp_path)


def test_the_graph_holds_every_dataset_method_and_seed(tmp_path):
    """A dry run from nothing: one training per data set, method and seed, no network, nothing written."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--cores", "1"]
    command += ["--config", "dataset=SYNTH,CUB100", "seeds=2", f"runs={tmp_path}/runs", f"report={tmp_path}/report"]
    plan = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert plan.returncode == 0, plan.stderr
    planned = set(re.findall(r"run 04_train -p dataset (\w+) -p method (\w+) -p seed (\d+)", plan.stdout + plan.stderr))
    assert planned == set(product(("SYNTH", "CUB100"), METHODS, "01"))
    assert not list(tmp_path.iterdir())

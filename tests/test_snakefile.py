"""The grid of the study: which jobs it plans, on this machine and on a cluster."""

import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import yaml

from zslcore.config import RunConfig, run_name, study_methods

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "profiles" / "slurm"


def plan(tmp_path, *options, dataset="SYNTH"):
    """What a dry run prints, for an empty folder of runs."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--snakefile", str(ROOT / "Snakefile"), *options]
    config = ["--config", f"dataset={dataset}", "seeds=2", f"runs={tmp_path / 'runs'}", f"report={tmp_path / 'report'}"]
    result = subprocess.run(
        [*command, *config], cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def jobs(text):
    counts = dict(re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE))
    return {rule: int(count) for rule, count in counts.items()}


@pytest.mark.parametrize("options", [["--cores", "2"], ["--workflow-profile", str(PROFILE)]], ids=["local", "slurm"])
@pytest.mark.parametrize("dataset", ["SYNTH", "CUB"])
def test_a_run_for_every_method_and_seed(tmp_path, options, dataset):
    """Of the data set: CUB has no settings of its own, and so not the controls, for which nothing was chosen."""
    text = plan(tmp_path, "--printshellcmds", *options, dataset=dataset)
    planned = jobs(text)
    assert (planned["features"], planned["report"]) == (1, 1)
    runs = set(re.findall(r"run 04_train -p dataset (\w+) -p method (\w+) -p seed (\d)", text))
    assert runs == set(product([dataset], study_methods(dataset), "01"))
    assert planned["run"] == len(runs)


def test_every_planned_run_writes_where_the_graph_waits_for_it(tmp_path):
    """The file that a job has to leave lies in the folder that its own settings name."""
    for dataset in ("SYNTH", "CUB100", "CUB"):
        waited = set(re.findall(rf"runs/{dataset}/([\w-]+)/metrics\.json", plan(tmp_path, "-c1", dataset=dataset)))
        methods = study_methods(dataset)
        configs = [RunConfig.study(dataset, method=method, seed=seed) for method in methods for seed in range(2)]
        assert waited == {run_name(config) for config in configs}


def test_pages_that_compare_the_controls_are_left_out_where_there_are_none(tmp_path):
    pages = {
        dataset: set(re.findall(r"(\d\d_\w+)\.html", plan(tmp_path, "-c1", dataset=dataset)))
        for dataset in ("SYNTH", "CUB100", "CUB")
    }
    assert pages["SYNTH"] - pages["CUB100"] == {"06_ablations"}
    assert pages["CUB100"] - pages["CUB"] == {"02_imbalance", "07_figures"}
    assert {"01_data", "05_results"} < pages["CUB"]


def test_on_the_cluster_every_training_has_a_gpu(tmp_path):
    text = plan(tmp_path, "--workflow-profile", str(PROFILE))
    for rule in ("features", "run"):
        blocks = re.findall(rf"rule {rule}:\n(?: .*\n)+", text)
        assert blocks
        assert all("gpu=1" in block for block in blocks)
    assert not any("gpu=1" in block for block in re.findall(r"rule (?:page|html|report):\n(?: .*\n)+", text))


def test_the_profile_names_rules_that_exist():
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text())
    rules = set(re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(), re.MULTILINE))
    assert set(profile["set-resources"]) | set(profile["set-threads"]) <= rules
    assert profile["executor"] == "slurm"

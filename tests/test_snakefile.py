"""The grid of the study: which jobs it plans, on this machine and on a cluster."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from zslcore.config import METHODS

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "profiles" / "slurm"


def plan(tmp_path, *options):
    """What a dry run prints, for an empty folder of runs."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--snakefile", str(ROOT / "Snakefile"), *options]
    config = ["--config", "dataset=SYNTH", "seeds=2", f"runs={tmp_path / 'runs'}", f"report={tmp_path / 'report'}"]
    result = subprocess.run(
        [*command, *config], cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def jobs(text):
    counts = dict(re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE))
    return {rule: int(count) for rule, count in counts.items()}


def test_methods_are_those_of_the_study():
    (line,) = (line for line in (ROOT / "Snakefile").read_text().splitlines() if line.startswith("METHODS = "))
    assert re.findall(r'"(\w+)"', line) == list(METHODS)


@pytest.mark.parametrize("options", [["--cores", "2"], ["--workflow-profile", str(PROFILE)]], ids=["local", "slurm"])
def test_a_run_for_every_method_and_seed(tmp_path, options):
    planned = jobs(plan(tmp_path, *options))
    assert planned["run"] == 2 * len(METHODS)
    assert (planned["features"], planned["report"]) == (1, 1)


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

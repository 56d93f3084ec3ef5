"""``tests/slurm/run.sh`` on machines that it must leave alone, and the comparison of two studies."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from slurm.same_digits import different_files

SCRIPT = Path(__file__).with_name("run.sh")
COMMANDS = {
    "id": "echo 0",
    "pgrep": "exit 1",
    "snakemake": "exit 0",
    "apt-get": 'touch "$(dirname "$0")/changed"; exit 1',
}


@pytest.mark.parametrize(
    ("arguments", "commands", "variables", "message"),
    [
        ([], {}, {}, "installs slurm-wlm and munge with apt-get; to do so on this machine, add --yes"),
        (["--yes"], {"id": "echo 1000"}, {}, "must run as root"),
        (["--yes"], {}, {"SLURM_CONF": str(SCRIPT)}, f"SLURM is configured on this machine already, in {SCRIPT}"),
        (["--yes"], {"pgrep": "[[ $2 == slurmctld ]]"}, {}, "slurmctld runs on this machine already"),
    ],
    ids=["not asked for", "not root", "configured", "running"],
)
def test_refuses_before_it_changes_anything(tmp_path, arguments, commands, variables, message):
    for name, body in (COMMANDS | commands).items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | variables
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "changed").exists()


def study(folder, *, h, seconds):
    run = folder / "runs" / "SYNTH" / "mse-seed0"
    report = folder / "report" / "SYNTH"
    run.mkdir(parents=True)
    report.mkdir(parents=True)
    (run / "metrics.json").write_text(json.dumps({"protocols": {"clean": {"H": h}}, "cost": {"seconds": seconds}}))
    (report / "results.csv").write_text(f"method,H,seconds\nmse,0.5,{seconds}\n")
    return folder


def test_only_times_may_differ(tmp_path):
    first = study(tmp_path / "first", h=0.5, seconds=1)
    same = study(tmp_path / "same", h=0.5, seconds=2)
    other = study(tmp_path / "other", h=0.5000001, seconds=1)
    assert different_files(first, same) == []
    assert different_files(first, other) == ["runs/SYNTH/mse-seed0/metrics.json"]
    (same / "report" / "SYNTH" / "results.csv").unlink()
    assert different_files(first, same) == ["report/SYNTH/results.csv"]

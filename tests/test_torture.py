"""The short version of ``make torture``: a few kills, full disks, simultaneous starts and flipped bits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(sys.platform != "linux", reason="forks processes that have imported torch")
def test_a_disturbed_study_ends_in_the_same_digits():
    words = [sys.executable, "-m", "tests.torture", "--short"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout
    for part in ("kills", "disks", "starts", "flips"):
        assert f"| {part} |" in done.stdout

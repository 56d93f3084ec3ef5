"""``make study`` with warm caches, stage by stage, in a temporary folder."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from benchmarks.harness import Row, Timing

ROOT = Path(__file__).resolve().parents[1]
GOAL = 240  # seconds
STARTED = re.compile(r"^\[(.+)\]\n(?:local)?rule (\w+):\n((?: .*\n)*)", re.MULTILINE)
FINISHED = re.compile(r"^\[(.+)\]\nFinished jobid: (\d+)", re.MULTILINE)


def rows(device: str) -> Iterator[Row]:
    """The whole study, and its stages as its log has them; features are computed by the subjects before, or here."""
    if device != "cpu":
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", str(ROOT / "Snakefile")]
        config = ["dataset=SYNTH", "seeds=3", f"runs={folder / 'runs'}", f"report={folder / 'report'}"]
        # the rules call zslcore, which is beside this Python
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "--directory", temporary, "--config", *config],
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"the study failed:\n{done.stderr[-2000:]}")
        seconds = time.perf_counter() - start
    yield Row(
        what="make study, warm",
        size="SYNTH, 3 seeds, 2 cores",
        ours=Timing([seconds]),
        target=f"{GOAL // 60} min",
        met=seconds <= GOAL,
        note="the environment is installed and the features are cached; stages overlap",
    )
    for stage, spent in stages(done.stderr + done.stdout).items():
        if stage != "all":  # the end of the graph, which does nothing
            yield Row(what="make study, warm", size=stage, ours=Timing([spent]), note="sum over its jobs")


def stages(log: str) -> dict[str, float]:
    """Seconds of each stage of a study, by Snakemake's log, which has whole seconds."""
    began, named = {}, {}
    for moment, rule, details in STARTED.findall(log):
        job = re.search(r"jobid: (\d+)", details)[1]
        page = re.search(r"page=(\w+)", details)
        began[job], named[job] = _moment(moment), f"{rule} {page[1]}" if page else rule
    spent = {}
    for moment, job in FINISHED.findall(log):
        spent[named[job]] = spent.get(named[job], 0.0) + (_moment(moment) - began[job]).total_seconds()
    return spent


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%a %b %d %H:%M:%S %Y")

"""A generation of SynthBirds that was killed leaves nothing that the next one does not remove, and no process."""

import subprocess
import sys
import time

import psutil

from zslcore.synthbirds import Settings, ensure

SETTINGS = Settings(num_classes=6, num_unseen=1, images_per_class=40, size=64)
PROGRAM = f"""
import sys
from zslcore.synthbirds import ensure, Settings
ensure(sys.argv[1], settings={SETTINGS}, workers=2)
"""


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_next_generation_takes_over(tmp_path):
    """Its workers went on, and held the lock that says that the folder is still written."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path / "synth")])
    wait_for(lambda: list(tmp_path.glob(".partial-*/SYNTH/images/*/*.png")))
    workers = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    assert list(tmp_path.glob(".partial-*"))
    gone, alive = psutil.wait_procs(workers, timeout=3)
    for worker in alive:
        worker.kill()
    assert (len(gone), alive) == (2, [])
    ensure(tmp_path / "synth", settings=SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["synth"]

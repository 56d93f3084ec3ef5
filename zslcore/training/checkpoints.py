"""The state of a training on disk, from which an interrupted run resumes with identical results."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from safetensors import SafetensorError

from zslcore._io.writing import flush_files
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError, one_line
from zslcore.identity import identifying_settings
from zslcore.training.damage import damage_named

REMEDY = "remove it, and the training starts without it"


def training_key(
    config: RunConfig, benchmark: Benchmark, contents: dict[str, str], *, task: str, processes: int
) -> dict[str, Any]:
    """Everything that decides the numbers of a training, by name: settings, data, files that are read, processes."""
    files = {f"content of {name}": digest for name, digest in contents.items()}
    world = {"fingerprint": benchmark.fingerprint, "task": task, "processes": processes}
    return identifying_settings(config) | files | world


class Checkpoints:
    """The state of a training after its last finished epoch, in ``FOLDER/epoch-NNNN/``.

    A state holds what accelerate saves (weights, ReMSE's errors, optimiser, random states of every process) and
    ``progress.json``. It is written and removed under a name with a dot, so ``epoch-NNNN`` is complete.

    Args:
        folder: where the states are.
        key: identifies the training, see :func:`training_key`. A state of another training raises InputError.
    """

    def __init__(self, folder: Path, key: dict[str, Any]) -> None:
        self.folder = folder
        self.key = json.loads(json.dumps(key))  # as it will be read back

    def check(self) -> None:
        """Raise InputError if the folder holds the state of another training."""
        for folder in self._states():
            stored = _progress(folder)["key"]
            names = self.key.keys() | stored.keys()
            if changed := sorted(name for name in names if stored.get(name, ...) != self.key.get(name, ...)):
                raise InputError(
                    f"{self.folder} holds an unfinished training with other settings ({', '.join(changed)}); "
                    "give another folder or remove this one"
                )

    def save(self, accelerator: Accelerator, progress: dict[str, Any]) -> None:
        """Write the state after an epoch, then remove the previous one; called by all processes."""
        final = self.folder / f"epoch-{len(progress['rows']):04d}"
        partial = final.with_name(f".partial-{final.name}")  # one name for all processes
        if accelerator.is_main_process:
            for leftover in self.folder.glob(".*-epoch-*"):
                _remove(leftover)
            partial.mkdir(parents=True)
        accelerator.wait_for_everyone()
        with _writing(partial):
            accelerator.save_state(str(partial))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            with _writing(partial):
                progress = {"key": self.key, "files": _digests(partial)} | progress
                (partial / "progress.json").write_text(json.dumps(progress), encoding="utf-8")
                flush_files(partial)
            os.replace(partial, final)
            for folder in self._states():
                if folder != final:
                    _remove(folder)
        accelerator.wait_for_everyone()

    def load(self, accelerator: Accelerator) -> dict[str, Any] | None:
        """Restore the last state into what accelerate prepared; return what :meth:`save` was given, None if no state.

        Raises InputError for the state of another training, and for a damaged one.
        """
        self.check()
        if not (states := self._states()):
            return None
        progress = _progress(states[-1])
        if _digests(states[-1]) != progress["files"]:  # accelerate ignores damaged random states
            raise InputError(f"{states[-1]} is damaged: {REMEDY}")
        accelerator.load_state(str(states[-1]))
        return progress

    def remove(self) -> None:
        """Remove all states and leftovers, and the folder unless it holds other files, such as event files."""
        for folder in (*self._states(), *self.folder.glob(".*-epoch-*")):
            _remove(folder)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _states(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*"))


@contextlib.contextmanager
def _writing(partial: Path) -> Iterator[None]:
    """Write a state within the block; if that fails, as on a full disk, it is an OSError, and the folder is removed."""
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:  # RuntimeError: of torch.save
        shutil.rmtree(partial, ignore_errors=True)
        reason = f"the state of the training cannot be written ({one_line(error)})"
        raise OSError(getattr(error, "errno", None) or errno.EIO, reason, str(partial.parent)) from error


def _progress(folder: Path) -> dict[str, Any]:
    with damage_named(folder, REMEDY):
        progress = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
        _ = progress["key"].keys(), progress["files"], progress["rows"]
    return progress


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files of a state, by name."""
    paths = [path for path in folder.iterdir() if path.name != "progress.json"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _remove(folder: Path) -> None:
    """Rename a state, so that half of it never looks complete, and remove it; a busy file system may keep files."""
    if not folder.name.startswith("."):
        folder = folder.rename(folder.with_name(f".stale-{folder.name}-{uuid.uuid4().hex[:8]}"))
    shutil.rmtree(folder, ignore_errors=True)

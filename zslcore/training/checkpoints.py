"""The state of a training on disk, from which an interrupted run resumes with identical results."""

import contextlib
import hashlib
import json
import re
import uuid
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Optimizer

from zslcore._io.hashes import HASHES
from zslcore._io.writing import flush_files, new_folder, remove
from zslcore.config import RunConfig
from zslcore.data.benchmark import Benchmark
from zslcore.errors import InputError
from zslcore.training.damage import damage_named
from zslcore.training.identity import identifying_settings

REMEDY = "remove it, and the training starts without it"
STATE = re.compile(r"epoch-\d{4,}")
PROGRESS, TENSORS = "progress.json", "state.safetensors"


def training_key(
    config: RunConfig, benchmark: Benchmark, contents: dict[str, str], *, task: str, processes: int
) -> dict[str, Any]:
    """Everything that the results of a training depend on, by name: settings, data, files that are read, processes."""
    files = {f"content of {name}": digest for name, digest in contents.items()}
    world = {"fingerprint": benchmark.fingerprint, "task": task, "processes": processes}
    return identifying_settings(config) | files | world


def training_tensors(objective: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    """The tensors that change in a training, by name: those of the objective and of the optimisers."""
    tensors = {f"objective/{name}": value for name, value in objective.state_dict().items()}
    for number, optimizer in enumerate(optimizers):
        for parameter, memory in optimizer.state_dict()["state"].items():
            for name, value in memory.items():
                if isinstance(value, Tensor):  # without momentum, SGD remembers None
                    tensors[f"{number}/{parameter}/{name}"] = value
    return tensors


def restore_tensors(tensors: dict[str, Tensor], objective: nn.Module, optimizers: Sequence[Optimizer]) -> None:
    """Give an objective and its optimisers the tensors that :func:`training_tensors` returned."""
    stored, memories = {}, [defaultdict(dict) for _ in optimizers]
    for name, value in tensors.items():
        if name.startswith("objective/"):
            stored[name.removeprefix("objective/")] = value
        else:
            number, parameter, key = name.split("/")
            memories[int(number)][int(parameter)][key] = value
    objective.load_state_dict(stored)
    for optimizer, memory in zip(optimizers, memories):
        optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})


class Checkpoints:
    """The state of a training after its last finished epoch, in ``FOLDER/epoch-NNNN/``.

    A state contains the tensors of the training as safetensors, ``progress.json``, and the hashes of both. It contains
    no pickle. It is written and removed under a name that begins with a dot, so ``epoch-NNNN`` is always complete.

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

    def save(self, accelerator: Accelerator, progress: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Write the state after an epoch, then remove the previous one; called by all processes."""
        if accelerator.is_main_process:
            final = self.folder / f"epoch-{len(progress['rows']):04d}"
            files = {PROGRESS: json.dumps({"key": self.key} | progress).encode(), TENSORS: save(tensors)}
            files[HASHES] = json.dumps({name: _hash(content) for name, content in files.items()}).encode()
            for leftover in self._leftovers():
                remove(leftover)
            with new_folder(final) as partial:
                for name, content in files.items():
                    (partial / name).write_bytes(content)
                flush_files(partial)
            for folder in self._states():
                if folder != final:
                    _remove_state(folder)
        accelerator.wait_for_everyone()

    def load(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """The arguments of the last :meth:`save`; None if there is no state.

        Raises InputError for the state of another training, and for a damaged one.
        """
        self.check()
        if not (states := self._states()):
            return None
        progress = _progress(states[-1])
        with damage_named(states[-1], REMEDY):
            return progress, load(_read(states[-1], TENSORS))

    def remove(self) -> None:
        """Remove all states and leftovers, and the folder unless it holds other files, such as event files.

        Nothing happens where the folder cannot be changed.
        """
        with contextlib.suppress(OSError):
            for folder in self._states():
                _remove_state(folder)
            for leftover in self._leftovers():
                remove(leftover)
            self.folder.rmdir()

    def _states(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("epoch-*") if STATE.fullmatch(path.name) and path.is_dir())

    def _leftovers(self) -> list[Path]:
        """Files that a killed process left."""
        return list(self.folder.glob(".*-epoch-*"))


def _progress(folder: Path) -> dict[str, Any]:
    with damage_named(folder, REMEDY):
        progress = json.loads(_read(folder, PROGRESS))
        _ = progress["key"].keys(), progress["rows"]
    return progress


def _read(folder: Path, name: str) -> bytes:
    """The content of a file of a state; ValueError if it is not what was written."""
    content = (folder / name).read_bytes()
    if json.loads((folder / HASHES).read_bytes())[name] != _hash(content):
        raise ValueError(name)
    return content


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _remove_state(folder: Path) -> None:
    """Rename a state, so that half of it never looks complete, and remove it."""
    remove(folder.rename(folder.with_name(f".stale-{folder.name}-{uuid.uuid4().hex[:8]}")))

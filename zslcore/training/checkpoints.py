"""The state of a training on disk, from which an interrupted run resumes with identical results."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor

from zslcore._io.writing import flush_files
from zslcore.errors import InputError


class Checkpoints:
    """The state of a training after its last finished epoch, in ``FOLDER/epoch-NNNN/``; whole or not there.

    Written and removed under names with a dot, which count for nothing. Each holds accelerate's state (weights, ReMSE's
    errors, optimiser, random states of every process), the kept weights, and ``progress.json``. ``key`` says which
    training it is: the settings as ``"config"``, the hashes of files they name as ``"contents"``, and what else decides
    its numbers. The state of another training is neither resumed nor replaced, unless only ``"keep"`` differs.
    :meth:`latest` and :meth:`load` then find nothing; for other settings they, as :meth:`check`, raise InputError.

    >>> import tempfile
    >>> from zslcore.config import RunConfig
    >>> from zslcore.training.device import make_accelerator
    >>> accelerator, key = make_accelerator(RunConfig(dataset="SYNTH", device="cpu")), {"config": {"lr": 0.1}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Checkpoints(Path(folder), key | {"keep": 7})
    ...     for rows in ([{"H": 0.5}], [{"H": 0.5}, {"H": 0.6}]):  # as many rows as epochs are done
    ...         store.save(accelerator, {"rows": rows}, {"weight": torch.ones(2)})
    ...     [path.name for path in Path(folder).iterdir()], store.load(accelerator)[0]["rows"]
    ...     Checkpoints(Path(folder), key | {"keep": 8}).latest() is None
    (['epoch-0002'], [{'H': 0.5}, {'H': 0.6}])
    True
    """

    def __init__(self, folder: Path, key: dict[str, Any]) -> None:
        self.folder, self.key = folder, json.loads(json.dumps(key))  # as it reads back

    def latest(self) -> Path | None:
        """Folder of the last finished epoch of this very training, if there is one; see :meth:`check`."""
        self.check()
        for folder in reversed(self._states()):
            if _progress(folder)["key"] | {"contents": {}} == self.key | {"contents": {}}:  # which were checked
                return folder
        return None

    def check(self) -> None:
        """Raise InputError when the folder holds the state of a training that differs in what the key names."""
        for folder in self._states():
            key = _progress(folder)["key"]
            stored, own = _flat(key), _flat(self.key)
            names = (own.keys() | key["config"].keys()) - {"keep"}  # a setting that is no more counts too
            names -= _contents(self.key).keys() - _contents(key).keys()  # an older version did not note them
            if changed := sorted(name for name in names if stored.get(name, ...) != own.get(name, ...)):
                raise InputError(
                    f"{self.folder} holds an unfinished training with other settings ({', '.join(changed)}); "
                    "give another folder or remove this one"
                )

    def save(self, accelerator: Accelerator, progress: dict[str, Any], kept: dict[str, Tensor]) -> None:
        """Write the state after an epoch, then remove the one before; called by all processes."""
        final = self.folder / f"epoch-{len(progress['rows']):04d}"
        partial = final.with_name(f".partial-{final.name}")
        if accelerator.is_main_process:
            _remove([*self.folder.glob(".*-epoch-*")])  # what a killed process left
            partial.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(partial))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            save_file(kept, partial / "kept.safetensors")
            sizes = {path.name: path.stat().st_size for path in partial.iterdir()}
            (partial / "progress.json").write_text(json.dumps({"key": self.key, "files": sizes} | progress))
            flush_files(partial)
            _remove([final] if final.exists() else [])  # of this training with another epoch to keep
            os.replace(partial, final)
            _remove([folder for folder in self.folder.glob("epoch-*") if folder != final])
        accelerator.wait_for_everyone()

    def remove(self) -> None:
        """Remove all states and what writing them left, and the folder if that was all; event files stay."""
        _remove([*self.folder.glob("epoch-*"), *self.folder.glob(".*-epoch-*")])
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def load(self, accelerator: Accelerator) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Restore the last state into what accelerate prepared; its progress and kept weights, None without one."""
        folder = self.latest()
        if folder is None:
            return None
        progress = _progress(folder)
        for name, size in progress.get("files", {}).items():  # accelerate takes no notice of cut random states
            if not (folder / name).is_file() or (folder / name).stat().st_size != size:
                raise _damaged(folder, f"{name} is cut or missing")
        try:
            kept = load_file(folder / "kept.safetensors")
            accelerator.load_state(str(folder))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # torch and safetensors raise many types for a damaged file
            raise _damaged(folder, " ".join(str(error).split())[:160] or type(error).__name__) from error
        return progress, kept

    def _states(self) -> list[Path]:
        """The folders of finished epochs, in order; one without progress was left by a process killed in removing it.

        That is written last and may be unlinked first, and older versions removed states under their own names.
        """
        return sorted(path.parent for path in self.folder.glob("epoch-*/progress.json"))


def _progress(folder: Path) -> dict[str, Any]:
    """What ``progress.json`` of a state holds; InputError for a damaged one."""
    try:
        progress = json.loads((folder / "progress.json").read_text())
        _ = progress["key"]["config"].keys(), progress["rows"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise _damaged(folder, "progress.json cannot be read") from None
    return progress


def _damaged(folder: Path, reason: str) -> InputError:
    return InputError(f"{folder} is damaged: remove it, and the training goes on without it ({reason})")


def _remove(folders: Sequence[Path]) -> None:
    """Remove folders of states, under a name with a dot if they have none yet: half a state must not look whole."""
    for folder in folders:
        if not folder.name.startswith("."):
            folder = folder.rename(folder.with_name(f".stale-{folder.name}-{uuid.uuid4().hex[:8]}"))
        shutil.rmtree(folder, ignore_errors=True)  # what a busy file system keeps, the next one removes


def _flat(key: dict[str, Any]) -> dict[str, Any]:
    """The settings of a key and what else it holds, side by side."""
    others = {name: value for name, value in key.items() if name not in ("config", "contents")}
    return key["config"] | others | _contents(key)


def _contents(key: dict[str, Any]) -> dict[str, str]:
    return {f"content of {name}": digest for name, digest in key.get("contents", {}).items()}

"""Where a training runs and how it survives: accelerate's set-up, the processes, and checkpoints that resume exactly.

One process on a CPU or GPU, or several under ``torchrun`` or ``accelerate launch``; bfloat16 and ``torch.compile`` as
the config says. Several processes train as one does, but for a fine-tuned backbone with batch norm: it normalises by
the part of the batch that a process has, and keeps the running statistics of the first process.
"""

import contextlib
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from zslcore.config import RunConfig
from zslcore.errors import InputError

SLOW_BF16 = "this CPU has no AVX-512, so bf16 is emulated and far slower than float32; set precision to 'float32'"


def resolve_device(name: str) -> torch.device:
    """The device of a config: ``"auto"`` is the GPU where there is one.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device must be 'auto' or 'cpu' on a machine without a CUDA GPU, got 'cuda'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def share_of_batch() -> tuple[int, int]:
    """Rank of this process and the number of processes; (0, 1) outside a distributed training.

    >>> share_of_batch()
    (0, 1)
    """
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def share_buffers(model: nn.Module) -> None:
    """Give all processes the buffers of the first one, such as the running statistics of a batch norm.

    Each process counts its own part of a batch. DDP shares the buffers when a training step begins, so what the last
    step of an epoch changed would stay apart. Called by all processes; does nothing in a single one.

    >>> share_buffers(nn.BatchNorm2d(3))
    """
    if share_of_batch()[1] > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)


def make_accelerator(config: RunConfig) -> Accelerator:
    """accelerate, set up for a config; warns of a precision that this machine has to emulate.

    Raises InputError for a missing GPU, and for batches that cannot be shared.

    >>> accelerator = make_accelerator(RunConfig(dataset="SYNTH", device="cpu"))
    >>> accelerator.device, accelerator.num_processes  # more of them under torchrun
    (device(type='cpu'), 1)
    """
    device = resolve_device(config.device).type
    if config.precision == "bf16" and device == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2":
        warnings.warn(SLOW_BF16, stacklevel=2)  # AVX-512 is what oneDNN's bf16 convolutions are written for
    # accelerate keeps one set-up a process and refuses another; runs of one notebook may differ in theirs
    AcceleratorState._reset_state(reset_partial_state=not dist.is_initialized())
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision="bf16" if config.precision == "bf16" else "no",
        dynamo_backend="inductor" if config.compile else "no",
        # a ResNet's own classifier and GEMNet's queries without their losses stand idle, which DDP wants to know
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    batch, processes = config.ways * config.shots, accelerator.num_processes
    if batch % processes:
        raise InputError(f"ways x shots must be a multiple of the {processes} processes, got {batch}")
    return accelerator


def autocast(config: RunConfig, device: torch.device) -> AbstractContextManager:
    """The precision of a config's forward passes; of weights and statistics see ``weight_dtype``.

    >>> layer = nn.Linear(4, 2)
    >>> with autocast(RunConfig(dataset="SYNTH", precision="bf16"), torch.device("cpu")):
    ...     product = layer(torch.ones(3, 4))
    >>> product.dtype, layer.weight.dtype
    (torch.bfloat16, torch.float32)
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")


class Checkpoints:
    """The state of a training after its last finished epoch, in ``FOLDER/epoch-NNNN/``; whole or not there.

    Written and removed under names with a dot, which count for nothing. Each holds accelerate's state (weights, ReMSE's
    errors, optimiser, random states of every process), the kept weights, and ``progress.json``. ``key`` says which
    training it is: the settings as ``"config"``, the hashes of files they name as ``"contents"``, and what else decides
    its numbers. The state of another training is neither resumed nor replaced, unless only ``"keep"`` differs.
    :meth:`latest` and :meth:`load` then find nothing; for other settings they, as :meth:`check`, raise InputError.

    >>> import tempfile
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


def flush_files(folder: Path) -> None:
    """Wait until the files below a folder are on the disk, so that no crash leaves an empty one under a final name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "numbers.txt").write_text("1")
    ...     flush_files(Path(folder))
    """
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())


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

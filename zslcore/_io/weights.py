"""Weights of networks in files of other projects: in checkpoints, with prefixes, together with other objects."""

import warnings
from argparse import Namespace
from pathlib import Path

import torch
from torch import Tensor, nn


class _Unread:
    """Placeholder for an object in a checkpoint that is not a tensor, such as a path or the best accuracy."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


_NUMPY = ("numpy.dtype", "numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar")
_NO_TENSORS = "it is damaged, or holds other objects than tensors: save model.state_dict() alone"
_OTHER_FILES = {  # by their first bytes
    b"version https://git-lfs": "it is a pointer of Git LFS: run git lfs pull",
    b"<": "it is a web page, so its download failed: download it again",
}


def read_weights(path: Path) -> object:
    """The content of a file of torch or safetensors; objects other than tensors are dropped.

    A file of another kind raises ValueError.
    """
    with path.open("rb") as file:
        start = file.read(32)
    for beginning, reason in _OTHER_FILES.items():
        if start.startswith(beginning):
            raise ValueError(reason)
    try:
        if start[8:9] == b"{":  # after the length of its header; other programs name such files .bin or .pth
            from safetensors.torch import load_file

            return load_file(path)
        others = [_stand_in(name) for name in {*_NUMPY, *_others(path)}]
        with torch.serialization.safe_globals([Namespace, *others]), warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many types for a damaged or foreign file
        raise ValueError(_NO_TENSORS) from error


def _others(path: Path) -> set[str]:
    """Names of the classes and functions in a checkpoint that torch itself does not make."""
    try:
        return {*torch.serialization.get_unsafe_globals_in_checkpoint(path)} - {"argparse.Namespace"}
    except ValueError:  # the format of torch before 1.6
        return set()


def _stand_in(name: str) -> type:
    """A class that replaces another one, so that no code that a file names is run.

    A forged numpy dtype, for example, would make numpy read memory at an address from the file.
    """
    module, _, own = name.rpartition(".")
    return type(own, (_Unread,), {"__module__": module})


def unwrapped(stored: object) -> dict[str, object]:
    """The state dict in a training checkpoint, or what was stored if it is one itself."""
    if isinstance(stored, dict):
        for key in ("state_dict", "model_state_dict", "model"):
            if isinstance(stored.get(key), dict):
                twins = [name for name, value in stored.items() if name != key and _same_names(value, stored[key])]
                if twins:
                    others = ", ".join(map(str, twins))
                    warnings.warn(f"weights holds {key} and {others}; {key} is used", stacklevel=4)
                return unwrapped(stored[key])
        holders = [key for key, value in stored.items() if _holds_tensors(value)]
        if len(holders) > 1:
            raise ValueError(f"it holds {len(holders)} state dicts: {', '.join(map(repr, holders))}")
        if holders:
            return unwrapped(stored[holders[0]])
        values = stored.values()
    else:
        values = [stored]
    if any(isinstance(value, _Unread) for value in values) and not any(isinstance(value, Tensor) for value in values):
        raise ValueError(_NO_TENSORS)
    if not isinstance(stored, dict) or not all(isinstance(key, str) for key in stored):
        raise ValueError(f"it holds a {type(stored).__name__} instead of tensors by name")
    return stored


def _same_names(value: object, state: dict) -> bool:
    """Whether a value holds tensors of the same names as a state dict, such as its slow average."""
    return _holds_tensors(value) and value.keys() == state.keys()


def _holds_tensors(value: object) -> bool:
    """Whether a value is a dictionary with at least one tensor in it."""
    return isinstance(value, dict) and any(isinstance(item, Tensor) for item in value.values())


def load_used(model: nn.Module, stored: dict[str, object]) -> list[str]:
    """Load the tensors that the forward pass uses, and the others if they fit; returns the names left out.

    All names may have one prefix, such as the ``module.`` of DataParallel. Layers may be numbered, as in
    ``nn.Sequential(*model.children())``.
    """
    ours, unused = model.state_dict(), ("fc.", "heads.", "classifier.")  # the classifiers of the backbones
    used = [key for key in ours if not key.startswith(unused) and not key.endswith("num_batches_tracked")]
    numbered = {name: str(number) for number, (name, _) in enumerate(model.named_children())}
    forms = ({key: key for key in ours}, {key: _renamed(key, numbered) for key in ours})
    names = max((_prefixed(form, used, stored) for form in forms), key=lambda form: _held(form, used, stored))
    if (count := _held(names, used, stored)) < len(used):
        first = next(key for key in used if names[key] not in stored)
        raise ValueError(f"{len(used) - count} of {len(used)} tensors are missing, the first is {first}")
    fitting = {}
    for key, value in ours.items():
        given = stored.get(names[key])
        fits = isinstance(given, Tensor) and given.shape == value.shape
        if key in used and not (fits and given.is_floating_point() and bool(given.isfinite().all())):
            raise ValueError(f"{names[key]} must hold finite numbers of shape {tuple(value.shape)}")
        if fits:
            fitting[key] = given
    layers = tuple({names[key].removesuffix(key.partition(".")[2]) for key in used if "." in key})
    if foreign := sorted(key for key in stored.keys() - names.values() if key.startswith(layers)):
        raise ValueError(f"its layers hold {len(foreign)} more tensors, as of another network: {foreign[0]}")
    model.load_state_dict(fitting, strict=False)
    return sorted(stored.keys() - {names[key] for key in fitting})


def _renamed(key: str, names: dict[str, str]) -> str:
    first, dot, rest = key.partition(".")
    return names.get(first, first) + dot + rest


def _held(names: dict[str, str], used: list[str], stored: dict[str, object]) -> int:
    """How many of the used tensors are stored under these names."""
    return sum(names[key] in stored for key in used)


def _prefixed(names: dict[str, str], used: list[str], stored: dict[str, object]) -> dict[str, str]:
    """The names with the prefix under which most of the used tensors are stored; ValueError for two whole networks."""
    first = names[used[0]]
    prefixes = sorted({key.removesuffix(first) for key in stored if f".{key}".endswith(f".{first}")}) or [""]
    forms = {prefix: {key: prefix + name for key, name in names.items()} for prefix in prefixes}
    whole = [prefix for prefix in prefixes if _held(forms[prefix], used, stored) == len(used)]
    if len(whole) > 1:
        raise ValueError(f"it holds {len(whole)} of them, with the prefixes {' and '.join(map(repr, whole))}")
    return max(forms.values(), key=lambda form: _held(form, used, stored))

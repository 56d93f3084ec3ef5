"""Weights of a backbone as others store them: what the forward pass uses is loaded, and nothing else is needed."""

import argparse
import datetime
import re
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from zslcore.backbone import build_backbone
from zslcore.errors import InputError


@pytest.fixture(autouse=True)
def narrow_resnet():
    """Here ``resnet18`` is itself."""


@pytest.fixture(scope="module")
def state():
    """Random tensors for every weight of a ResNet-18."""
    generator = torch.Generator().manual_seed(1)
    empty = build_backbone("resnet18", weights="random").model.state_dict()
    return {
        key: torch.rand(value.shape, generator=generator) if value.is_floating_point() else value
        for key, value in empty.items()
    }


def under(prefix, state):
    return {f"{prefix}{key}": value for key, value in state.items()}


def without(state, *beginnings):
    return {key: value for key, value in state.items() if not key.startswith(beginnings)}


def numbered(state):
    """As of ``nn.Sequential(*list(model.children())[:-1])``."""
    places = {"conv1": "0", "bn1": "1"} | {f"layer{number}": str(number + 3) for number in (1, 2, 3, 4)}
    parts = {key: key.partition(".") for key in without(state, "fc.")}
    return {f"{places[parts[key][0]]}.{parts[key][2]}": state[key] for key in parts}


FORMS = {
    "no classifier": lambda state: without(state, "fc."),
    "DataParallel": lambda state: under("module.", state),
    "compiled and DataParallel": lambda state: under("module._orig_mod.", state),
    "part of a model": lambda state: under("backbone.model.", state) | {"network.head.weight": torch.zeros(3)},
    "checkpoint": lambda state: {"state_dict": state, "epoch": 3},
    "checkpoint of DataParallel": lambda state: {"state_dict": under("module.", state), "optimizer": {"lr": 0.1}},
    "model": lambda state: {"model": state},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "another key": lambda state: {"teacher": state, "args": argparse.Namespace(lr=0.1), "epoch": torch.tensor(3)},
    "numbers of numpy": lambda state: {
        "model": state,
        "best": np.float64(0.7),
        "epochs": [np.int32(3), np.bool_(True)],
    },
    "nested": lambda state: {"model": {"state_dict": state}},
    "without counts of batches": lambda state: {key: value for key, value in state.items() if "num_batches" not in key},
    "path beside it": lambda state: {
        "state_dict": state,
        "args": argparse.Namespace(out=Path("runs")),
        "settings": types.SimpleNamespace(day=datetime.date(2026, 1, 1), folders=[Path("a")]),
    },
    "array beside it": lambda state: {"model": state, "losses": np.zeros(3)},
    "Sequential": lambda state: numbered(state),
    "Sequential with a head": lambda state: under("module.0.", numbered(state)) | {"module.1.weight": torch.zeros(3)},
    "half precision": lambda state: {key: value.half() for key, value in state.items()},
}


@pytest.mark.filterwarnings("ignore:.*ignored")
@pytest.mark.parametrize("form", FORMS)
def test_what_is_used_is_loaded(form, state, tmp_path):
    torch.save(FORMS[form](state), tmp_path / "weights.pth.tar")
    loaded = build_backbone("resnet18", weights=str(tmp_path / "weights.pth.tar")).model.state_dict()
    for key in without(state, "fc."):
        torch.testing.assert_close(loaded[key], state[key], atol=1e-3, rtol=0)


@pytest.mark.parametrize("suffix", [".bin", ".pth", ".safetensors"])
def test_the_content_tells_the_format(state, tmp_path, suffix):
    for save in (save_file, torch.save):
        save(state, tmp_path / f"weights{suffix}")
        loaded = build_backbone("resnet18", weights=str(tmp_path / f"weights{suffix}")).model.state_dict()
        assert torch.equal(loaded["bn1.bias"], state["bn1.bias"])


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS: run git lfs pull"),
        (b"<!DOCTYPE html>", "it is a web page, so its download failed: download it again"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_other_files_are_named(start, reason, suffix, tmp_path):
    (tmp_path / f"weights{suffix}").write_bytes(start + b"oid sha256:4d7a" * 20)
    with pytest.raises(InputError, match=rf"weights{suffix} is not a state dict of resnet18: {reason}$"):
        build_backbone("resnet18", weights=str(tmp_path / f"weights{suffix}"))


@pytest.mark.parametrize(
    ("name", "larger", "first"),
    [("resnet18", "resnet34", r"layer1\.2\.bn1\.bias"), ("resnet50", "resnet101", r"layer3\.10\.bn1\.bias")],
)
def test_a_larger_network_is_refused(name, larger, first, tmp_path):
    """All tensors of the smaller one are in it, with the same shapes."""
    with torch.device("meta"):
        state = models.get_model(larger).state_dict()
    torch.save({key: torch.zeros(value.shape, dtype=value.dtype) for key, value in state.items()}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=rf"its layers hold \d+ more tensors, as of another network: {first}$"):
        build_backbone(name, weights=str(tmp_path / "w.pth"))


def test_the_choice_between_weights_and_their_average_is_said(state, tmp_path):
    average = {key: torch.zeros_like(value) for key, value in state.items()}
    torch.save({"state_dict_ema": average, "state_dict": state}, tmp_path / "weights.pth")
    with pytest.warns(UserWarning, match="^weights holds state_dict and state_dict_ema; state_dict is used$"):
        loaded = build_backbone("resnet18", weights=str(tmp_path / "weights.pth")).model.state_dict()
    assert torch.equal(loaded["bn1.bias"], state["bn1.bias"])


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_another_classifier_is_ignored_with_one_line(state, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    foreign = state | {"fc.weight": torch.zeros(150, 512), "fc.bias": torch.zeros(150), "extra.weight": torch.zeros(2)}
    save_file(foreign, path) if suffix == ".safetensors" else torch.save(foreign, path)
    message = (
        f"^{re.escape(str(path))}: ignored 3 entries that resnet18 does not use: extra.weight, fc.bias, fc.weight$"
    )
    with pytest.warns(UserWarning, match=message):
        loaded = build_backbone("resnet18", weights=str(path)).model.state_dict()
    assert torch.equal(loaded["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
    assert loaded["fc.weight"].shape == (1000, 512)


def test_nothing_is_said_if_all_is_used(state, tmp_path):
    torch.save(under("module.", state), tmp_path / "weights.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_backbone("resnet18", weights=str(tmp_path / "weights.pth"))


class Forged:
    """Pickled as the result of a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.filterwarnings("ignore:.*ignored")
def test_a_forged_array_among_the_tensors_is_not_read(state, tmp_path):
    """Its type says that its numbers are addresses of objects; a copy of such an array crashes Python."""
    address = Forged(np.dtype, ("O8", False, True))
    of_type = Forged(np.dtype, ("u4", False, True), (3, "|", None, ("a",), {"a": (address, 0)}, 4, 1, 1))
    content = (1, (4,), of_type, False, b"A" * 16)
    array = Forged(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), content)
    torch.save(state | {"extra": array}, tmp_path / "forged.pth")
    loaded = build_backbone("resnet18", weights=str(tmp_path / "forged.pth")).model.state_dict()
    assert torch.equal(loaded["bn1.bias"], state["bn1.bias"])


@pytest.mark.filterwarnings("ignore:.*ignored")
def test_a_forged_number_among_the_tensors_is_not_read(state, tmp_path):
    """As above; numpy itself crashes when it makes this number."""
    address = Forged(np.dtype, ("O8", False, True))
    of_type = Forged(np.dtype, ("V8", False, True), (3, "|", None, ("a",), {"a": (address, 0)}, 8, 1, 1))
    torch.save(state | {"extra": Forged(np._core.multiarray.scalar, (of_type, b"A" * 8))}, tmp_path / "forged.pth")
    loaded = build_backbone("resnet18", weights=str(tmp_path / "forged.pth")).model.state_dict()
    assert torch.equal(loaded["bn1.bias"], state["bn1.bias"])


@pytest.mark.parametrize("number", [np.float64(1), np.dtype("f8")], ids=repr)
def test_a_number_of_numpy_is_no_tensor(state, tmp_path, number):
    torch.save(state | {"bn1.bias": number}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"bn1\.bias must hold finite numbers of shape \(64,\)$"):
        build_backbone("resnet18", weights=str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("name", ["vit_b_16", "efficientnet_lite0", "resnet50"])
@pytest.mark.filterwarnings("ignore:.*ignored")
def test_every_backbone_does_without_its_classifier(name, tmp_path):
    model = build_backbone(name, weights="random").model
    changed = {key: value + 1 if value.is_floating_point() else value for key, value in model.state_dict().items()}
    torch.save(under("module.", without(changed, "fc.", "heads.", "classifier.")), tmp_path / "weights.pth")
    loaded = build_backbone(name, weights=str(tmp_path / "weights.pth")).model.state_dict()
    first = next(iter(changed))
    assert torch.equal(loaded[first], changed[first])


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        (lambda s: without(s, "layer3.0.conv1.", "layer4."), r"\d+ of 100 tensors are missing, the first is layer3\.0"),
        (lambda s: {"state_dict": under("module.", without(s, "bn1.bias"))}, "1 of 100 tensors are missing.* bn1.bias"),
        (lambda s: s | {"conv1.weight": torch.zeros(64, 1, 7, 7)}, r"conv1\.weight must hold .* \(64, 3, 7, 7\)$"),
        (lambda s: s | {"bn1.bias": torch.full((64,), torch.nan)}, r"bn1\.bias must hold finite numbers"),
        (lambda s: s | {"bn1.bias": 3}, r"bn1\.bias must hold finite numbers"),
        (
            lambda s: under("encoder_q.", s) | under("encoder_k.", s),
            "it holds 2 of them, .* 'encoder_k.' and 'encoder_q.'$",
        ),
        (lambda s: {"teacher": s, "student": s}, "it holds 2 state dicts: 'teacher', 'student'$"),
        (lambda s: {"best": re.compile("a")}, r"it is damaged, or holds .*: save model\.state_dict\(\) alone$"),
        (lambda s: {key: value.numpy() for key, value in s.items()}, "it is damaged, or holds other objects than"),
        (lambda s: {"model": torch.nn.Linear(2, 2)}, "it is damaged, or holds other objects than tensors"),
        (lambda s: s | {"bn1.bias": torch.zeros(64, dtype=torch.int8)}, r"bn1\.bias must hold finite numbers"),
        (
            lambda s: s | {"layer1.0.se.fc.weight": torch.zeros(2)},
            "its layers hold 1 more tensors, .* layer1.0.se.fc.w",
        ),
        (lambda s: {"stem.conv1.weight": s["conv1.weight"], "res2.0.conv1.weight": s["conv1.weight"]}, "99 of 100"),
        (lambda s: {"state_dict": [1, 2]}, "100 of 100 tensors are missing"),
        (lambda s: {}, "100 of 100 tensors are missing"),
        (lambda s: {1: torch.zeros(2)}, "it holds a dict instead of tensors by name"),
    ],
)
def test_missing_and_wrong_tensors_are_named(form, reason, state, tmp_path):
    torch.save(form(state), tmp_path / "weights.pth")
    with pytest.raises(InputError, match=rf"weights\.pth is not a state dict of resnet18: {reason}") as caught:
        build_backbone("resnet18", weights=str(tmp_path / "weights.pth"))
    assert "\n" not in str(caught.value)

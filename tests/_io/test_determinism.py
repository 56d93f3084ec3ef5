"""torch's usual settings within a block, whatever the caller has set."""

import pytest
import torch

from zslcore._io.determinism import usual_torch


def test_tensors_are_on_the_cpu_whatever_the_default_device():
    with torch.device("meta"):
        with usual_torch():
            assert torch.zeros(1).device.type == "cpu"
        assert torch.zeros(1).device.type == "meta"


def test_torch_need_not_name_its_default_device(monkeypatch):
    """torch 2.6 raises AttributeError once ``set_default_device(None)`` was called; every run stopped there."""

    def unnamed():
        raise AttributeError("'NoneType' object has no attribute 'device'")

    monkeypatch.setattr(torch, "get_default_device", unnamed)
    with pytest.raises(AttributeError):
        torch.get_default_device()
    with usual_torch():
        assert torch.zeros(1).device.type == "cpu"

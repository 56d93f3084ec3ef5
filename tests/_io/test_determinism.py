"""Deterministic and usual settings of torch within a block, and the caller's after it."""

import pytest
import torch

from zslcore._io.determinism import reproducible, usual_torch


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


@pytest.mark.parametrize("chosen", [False, True])
def test_convolutions_are_deterministic_within_the_block_and_as_the_caller_chose_after_it(monkeypatch, chosen):
    """Three trainings of a fine-tuned network on an H100 gave three different networks before."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", chosen)

    def interrupted() -> None:
        with reproducible(0):
            assert torch.backends.cudnn.deterministic
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.backends.cudnn.deterministic == chosen

"""The code of docs/other_models.md runs, and prints what the page shows."""

import importlib.util
import re
import sys
import types
from pathlib import Path

import torch

PAGE = (Path(__file__).parents[1] / "docs" / "other_models.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE, re.DOTALL)


def test_all_code_runs_and_prints_what_is_shown(monkeypatch, capsys):
    """Where Lightning is not installed, a module with a ``log`` stands in for its class."""
    if importlib.util.find_spec("lightning") is None:
        base = type("LightningModule", (torch.nn.Module,), {"log": lambda self, name, value: None})
        monkeypatch.setitem(sys.modules, "lightning", types.SimpleNamespace(LightningModule=base))
    names = {}
    for code, shown in BLOCKS:
        exec(compile(code, "other_models.md", "exec"), names)
        assert capsys.readouterr().out == shown
    assert len(BLOCKS) == 5
    module = names["Regression"](num_inputs=4, num_outputs=3, num_groups=2)
    module.log = lambda name, value: None  # Lightning's own needs a trainer
    batch = torch.rand(8, 4), torch.rand(8, 3), torch.arange(8) % 2
    module.training_step(batch, 0).backward()
    before = module.model.weight.clone()
    module.configure_optimizers().step()
    assert not torch.equal(module.model.weight, before)
    assert "remse.error" in module.state_dict()

"""An allowed value of every setting that is not the one of a config."""

import dataclasses

from zslcore.backbone import known_backbones
from zslcore.closed_form import SOLVERS
from zslcore.config import RunConfig
from zslcore.criteria import CRITERIA
from zslcore.data.benchmark import VECTORS
from zslcore.models import GEM_VARIANTS
from zslcore.remse import MEMORIES

CHOICES = {
    "backbone": known_backbones(),
    "network": ("basic", "attention", "gem"),
    "gem_variant": GEM_VARIANTS,
    "loss": ("none", *CRITERIA, *SOLVERS),
    "sampling": ("episodes", "random"),
    "attribute_vectors": VECTORS,
    "memory": MEMORIES,
    "schedule": ("stated", "released"),
    "targets": ("classes", "images"),
    "precision": ("float32", "float64", "bf16"),
    "device": ("auto", "cpu", "cuda"),
}
FIELDS = {field.name: field.type for field in dataclasses.fields(RunConfig)}
SYNTH = RunConfig(dataset="SYNTH", standardize=False)  # which fine_tune asks for


def another(name, config=SYNTH):
    """An allowed value of a setting that is not the one of ``config``."""
    value = getattr(config, name)
    if name in CHOICES:
        return next(choice for choice in CHOICES[name] if choice != value)
    if name in ("reference", "loss_options"):
        return {"reference": "0.1", "loss_options": {"decay": 0.5}}[name]
    return {bool: lambda: not value, int: lambda: value + 1, float: lambda: value + 0.05, str: lambda: value + "_"}[
        FIELDS[name]
    ]()

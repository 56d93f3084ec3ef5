"""Settings of a run: one frozen dataclass, checked when it is made, written to the run folder as JSON."""

import dataclasses
import difflib
import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from zslcore.errors import InputError

NETWORKS = ("basic", "attention", "gem")
LOSSES = ("none", "mse", "remse")
# When the step size falls: after every lr_step epochs, or one epoch earlier as in the released code, which steps before
# an epoch. Of 30 epochs with lr_step 10, those with the same step size are 10, 10, 10 or 9, 10, 10, 1.
SCHEDULES = ("stated", "released")
PRECISIONS = ("float32", "float64")
DEVICES = ("auto", "cpu", "cuda")
# The methods that the study compares, each a change to the settings of a data set. Two are controls: the plain MSE at
# the effective lambda of ReMSE, whose weights above 1 also raise lambda; and a cross entropy without regression whose
# scale was chosen on the validation split, as lambda was for the others.
METHODS = {
    "cross_entropy": {"loss": "none"},
    "cross_entropy_tuned": {"loss": "none"},
    "mse": {"loss": "mse"},
    "mse_matched": {"loss": "mse"},
    "remse": {"loss": "remse"},
}


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All settings of one run; a value of the wrong type or out of range raises InputError and says what is allowed.

    >>> RunConfig(dataset="SYNTH", lam=0.25).p2
    0.75
    >>> RunConfig(dataset="SYNTH", epochs=0)
    Traceback (most recent call last):
    zslcore.errors.InputError: epochs must be an integer of at least 1, got 0
    """

    # data
    dataset: str
    backbone: str = "efficientnet_lite0"
    weights: str = "imagenet"  # or "random", or the path of a state dict
    fine_tune: bool = False  # train the backbone too
    image_size: int = 224
    resize_ratio: float = 1.0  # 8/7 for whole photographs, 1 for crops
    standardize: bool = True  # features to zero mean and unit variance per channel over the training images
    # network
    network: str = "basic"
    hidden: int = 0
    key_dim: int = 1024
    ratio: float = 1.0
    gem_variant: str = "release"  # GEMNet: regress the global prediction, or ("gem-zsl") the peaks of the attention
    # loss: cosine cross entropy + lam * regression loss
    loss: str = "remse"
    scale: float = 20.0
    lam: float = 0.25
    p: float = 0.1
    p2: float = 0.75
    memory: str = "batch"
    reference: str = "min"
    unit_mean: bool = False
    decorrelation: float = 0.0  # GEMNet: weight of the attribute decorrelation loss
    compactness: float = 0.0  # GEMNet: weight of the compactness loss
    # training: SGD over episodes of ways x shots images, the step size multiplied by lr_decay every lr_step epochs
    lr: float = 1e-2
    momentum: float = 0.9
    weight_decay: float = 1e-5
    lr_step: int = 10
    lr_decay: float = 0.1
    schedule: str = "stated"
    epochs: int = 15
    episodes: int = 200
    ways: int = 16
    shots: int = 2
    seed: int = 0
    precision: str = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        from zslcore.backbone import backbone_spec
        from zslcore.models import GEM_VARIANTS
        from zslcore.remse import MEMORIES, REFERENCES

        _check_types(self)
        backbone_spec(self.backbone)  # names the known ones
        choices = {
            "network": NETWORKS,
            "gem_variant": GEM_VARIANTS,
            "loss": LOSSES,
            "memory": MEMORIES,
            "reference": REFERENCES,
            "schedule": SCHEDULES,
            "precision": PRECISIONS,
            "device": DEVICES,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        for name in ("epochs", "episodes", "ways", "shots", "image_size", "lr_step", "key_dim"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be an integer of at least 1, got {getattr(self, name)}")
        for name in (
            "lam",
            "p",
            "p2",
            "momentum",
            "weight_decay",
            "hidden",
            "ratio",
            "seed",
            "decorrelation",
            "compactness",
        ):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be a number of at least 0, got {getattr(self, name)}")
        if self.momentum >= 1:
            raise InputError(f"momentum must lie in [0, 1), got {self.momentum}")
        for name in ("scale", "lr", "lr_decay", "resize_ratio"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be a number above 0, got {getattr(self, name)}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """Make a config from a mapping; an unknown name raises InputError with the closest known one.

        >>> RunConfig.from_dict({"dataset": "SYNTH", "epoch": 3})
        Traceback (most recent call last):
        zslcore.errors.InputError: unknown setting 'epoch'; did you mean 'epochs'?
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"the known ones are {', '.join(known)}"
                raise InputError(f"unknown setting {name!r}; {hint}")
        if "dataset" not in values:
            raise InputError("a run needs the setting 'dataset', and it is not given")
        return cls(**values)

    @classmethod
    def study(cls, dataset: str, *, method: str | None = None, **changes: Any) -> "RunConfig":
        """Settings of this study for a data set, as chosen on its validation split (``zslcore/settings/*.yml``).

        ``method`` is one of ``METHODS``; ``changes`` override single settings. A data set without a file of its own
        takes the defaults of this class.

        >>> RunConfig.study("SYNTH", method="mse", seed=3).loss
        'mse'
        """
        if method is not None and method not in METHODS:
            raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
        settings = study_settings().get(dataset, {})
        special = settings.get("methods", {}).get(method, {})
        return cls.from_dict(
            {"dataset": dataset} | settings.get("settings", {}) | METHODS.get(method, {}) | special | changes
        )

    @classmethod
    def published(cls, dataset: str, *, backbone: str = "resnet101", release: str | None = None) -> "RunConfig":
        """Settings that the paper's authors released for a data set (``zslcore/settings/published/*.yml``).

        ``release``: None for the present one; ``"2023-09"`` for the first, of the ResNet-101 (cross-batch ReMSE);
        ``"remse-variant"`` for the ViT, whose released settings are plain MSE, with the ResNet-101's exponents instead.
        Raises InputError for what was not published. They fine-tune the backbone, which this version does not:
        ``.replace(fine_tune=False)`` trains the rest on frozen features.

        >>> RunConfig.published("CUB").lam, RunConfig.published("CUB", release="2023-09").memory
        (0.25, 'running')
        """
        files = published_settings()
        for name, value, allowed in (
            ("dataset", dataset, sorted({key[0] for key in files})),
            ("backbone", backbone, sorted({key[1] for key in files})),
        ):
            if value not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        file = files[dataset, backbone]
        if release is not None and release not in file["releases"]:
            known = ", ".join(file["releases"])
            raise InputError(f"release must be {known}, or None for the present one, got {release!r}")
        changes = file["releases"].get(release, {})
        return cls.from_dict({"dataset": dataset, "backbone": backbone} | file["settings"] | changes)

    @classmethod
    def read(cls, path: Path) -> "RunConfig":
        """Read the ``config.json`` of a run folder."""
        return cls.from_dict(json.loads(path.read_text()))

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values, in the order of their declaration."""
        return dataclasses.asdict(self)

    def replace(self, **changes: Any) -> "RunConfig":
        """A copy with some settings changed, checked again."""
        return self.from_dict(self.to_dict() | changes)


def _check_types(config: RunConfig) -> None:
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.type is float and type(value) is int:
            object.__setattr__(config, field.name, float(value))  # 1 is a fine way to write 1.0
        elif type(value) is not field.type:
            raise InputError(f"{field.name} must be {field.type.__name__}, got {value!r}")


@cache
def study_settings() -> dict[str, dict[str, Any]]:
    """The YAML files that ship with the package, by data set: ``settings``, and per method what differs from them.

    >>> sorted(study_settings())
    ['CUB100', 'SYNTH']
    """
    files = (file for file in (resources.files("zslcore") / "settings").iterdir() if file.name.endswith(".yml"))
    content = [yaml.safe_load(file.read_text()) for file in files]
    return {values["dataset"]: values for values in content}


@cache
def published_settings() -> dict[tuple[str, str], dict[str, Any]]:
    """The YAML files of the released settings, by data set and backbone: ``settings``, and what other releases change.

    >>> ("CUB", "vit_b_16") in published_settings()
    True
    """
    files = (resources.files("zslcore") / "settings" / "published").iterdir()
    content = [yaml.safe_load(file.read_text()) for file in files if file.name.endswith(".yml")]
    return {(values["dataset"], values["backbone"]): values for values in content}


def run_name(config: RunConfig) -> str:
    """Name of a run: ``METHOD-seedN`` for a run of the study, else ``LOSS-seedN-`` and a hash of what is not default.

    >>> run_name(RunConfig.study("SYNTH", method="remse", seed=2))
    'remse-seed2'
    >>> run_name(RunConfig.study("SYNTH", method="remse", p=3.0))[:12]
    'remse-seed0-'
    """
    for method in METHODS:
        if config == RunConfig.study(config.dataset, method=method, seed=config.seed):
            return f"{method}-seed{config.seed}"
    # only what differs from the defaults, so that a setting added later leaves the names of old runs as they are
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    special = {name: value for name, value in config.to_dict().items() if value != defaults[name]}
    digest = hashlib.sha256(json.dumps(special, sort_keys=True).encode()).hexdigest()[:8]
    return f"{config.loss}-seed{config.seed}-{digest}"

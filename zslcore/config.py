"""Settings of a run: one frozen dataclass, checked when it is made, written to the run folder as JSON."""

import dataclasses
import difflib
import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from zslcore.errors import InputError
from zslcore.methods import CONTROLS, METHODS, study_methods
from zslcore.settings import published_settings, study_settings
from zslcore.study.notebook_parameters import Parameter

NETWORKS = ("basic", "attention", "gem")
# When the step size falls: after every lr_step epochs, or one epoch earlier as in the released code, which steps before
# an epoch. Of 30 epochs with lr_step 10, those with the same step size are 10, 10, 10 or 9, 10, 10, 1.
SCHEDULES = ("stated", "released")
SAMPLINGS = ("episodes", "random")
PRECISIONS = ("float32", "float64", "bf16")  # bf16: float32 weights and statistics, bfloat16 products
DEVICES = ("auto", "cpu", "cuda")
LARGEST_SEED = 2**63 - 1  # torch takes twice as many, numpy any; a signed 64-bit integer is what files and tables hold
# Options of a regression loss that are settings of their own.
OPTION_FIELDS = ("p", "p2", "memory", "reference", "unit_mean", "normalize")


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
    standardize: bool = True  # frozen features to zero mean and unit variance per channel over the training images
    attribute_vectors: str = "normalised"  # what is regressed and classified by; or "original"
    word_vectors: str = "published"  # or the path of an .npy file, one row an attribute
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
    normalize: bool = True  # regression of directions: prediction and target to unit length first
    p: float = 0.1
    p2: float = 0.75
    memory: str = "batch"
    reference: str = "min"  # or "mean", "median", or a quantile such as "0.1"
    unit_mean: bool = False
    loss_options: dict = field(default_factory=dict, hash=False)  # see zslcore.losses.factory.criterion_options
    decorrelation: float = 0.0  # GEMNet: weight of the attribute decorrelation loss
    compactness: float = 0.0  # GEMNet: weight of the compactness loss
    # training: SGD over batches of ways x shots images, the step size multiplied by lr_decay every lr_step epochs
    lr: float = 1e-2
    momentum: float = 0.9
    weight_decay: float = 1e-5
    clip: float = 0.0  # largest norm of the gradient, 0 for no limit
    lr_step: int = 10
    lr_decay: float = 0.1
    schedule: str = "stated"
    epochs: int = 15
    sampling: str = "episodes"  # classes, then images of each; or "random" images, whatever their class
    episodes: int = 200
    ways: int = 16
    shots: int = 2
    seed: int = 0
    precision: str = "float32"
    compile: bool = False  # torch.compile the training step
    device: str = "auto"

    def __post_init__(self) -> None:
        from zslcore.backbone import backbone_spec
        from zslcore.data.benchmark import VECTORS
        from zslcore.losses.factory import CRITERIA, criterion_options
        from zslcore.models import GEM_VARIANTS
        from zslcore.remse import MEMORIES

        _check_types(self)
        backbone_spec(self.backbone)  # names the known ones
        choices = {
            "network": NETWORKS,
            "attribute_vectors": VECTORS,
            "gem_variant": GEM_VARIANTS,
            "loss": ("none", *CRITERIA),
            "memory": MEMORIES,
            "schedule": SCHEDULES,
            "sampling": SAMPLINGS,
            "precision": PRECISIONS,
            "device": DEVICES,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        _check_ranges(self)
        reference_value(self.reference)
        _check_options(self, criterion_options(self.loss) if self.loss != "none" else {})
        if self.fine_tune and self.standardize:
            raise InputError("standardize must be False with fine_tune: the features change from step to step")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """Make a config from a mapping; an unknown name raises InputError with the closest known one.

        >>> RunConfig.from_dict({"dataset": "SYNTH", "epoch": 3})
        Traceback (most recent call last):
        zslcore.errors.InputError: unknown setting 'epoch'; did you mean 'epochs'?
        """
        for name in values:
            cls._known(name)
        if "dataset" not in values:
            raise InputError("a run needs the setting 'dataset', and it is not given")
        return cls(**values)

    @classmethod
    def _known(cls, name: object) -> str:
        known = [setting.name for setting in dataclasses.fields(cls)]
        if not isinstance(name, str):  # YAML has keys of many types
            raise InputError(f"names of settings must be text, got {name!r:.100}")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the known ones are {', '.join(known)}"
            raise InputError(f"unknown setting {name!r}; {hint}")
        return name

    @classmethod
    def study(cls, dataset: str, *, method: str | None = None, **changes: Any) -> "RunConfig":
        """Settings of this study for a data set, as chosen on its validation split (``zslcore/settings/*.yml``).

        ``method`` is one of ``METHODS``; ``changes`` override single settings. A data set without a file of its own
        takes the defaults of this class, and lacks the controls, for which nothing was chosen there: InputError for a
        method that is not among :func:`study_methods`.

        >>> RunConfig.study("SYNTH", method="mse", seed=3).loss
        'mse'
        """
        if method is not None and method not in METHODS:
            raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
        if method is not None and method not in study_methods(dataset):
            plain, setting = CONTROLS[method]
            raise InputError(
                f"method must be one of {', '.join(study_methods(dataset))} for {dataset}, got {method!r}: it needs a "
                f"{setting} chosen for the data set; for one of your own, run {plain} with another {setting} "
                f"(zslcore train --dataset {dataset} --method {plain} -s {setting} VALUE)"
            )
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
        Raises InputError for what was not published. They fine-tune the backbone; ``.replace(fine_tune=False)``
        trains the rest on frozen features.

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
        """Read a config from a JSON or YAML file, such as the ``config.json`` of a run folder."""
        try:
            text = path.read_text()
            # PyYAML takes JSON too, but 1e-05 for a text
            values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # recursion: brackets by the thousand
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{path} cannot be read as a config in JSON or YAML: {reason}") from None
        if not isinstance(values, dict):
            raise InputError(f"{path} must hold settings by name, as config.json does")
        return cls.from_dict(values)

    @classmethod
    def parse(cls, name: str, text: str) -> Any:
        """The value of a setting that a command line's ``text`` stands for; InputError if it is not of its type.

        >>> RunConfig.parse("lr", "1e-3"), RunConfig.parse("loss_options", '{"delta": 0.5}')
        (0.001, {'delta': 0.5})
        """
        kinds = {setting.name: setting.type for setting in dataclasses.fields(cls)}
        kind = kinds[cls._known(name)]
        if kind is not dict:
            return Parameter(name, kind.__name__, None, "").convert(text)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise InputError(f"{name} must be a JSON object, got {text!r:.100}") from None

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values, in the order of their declaration."""
        return dataclasses.asdict(self)

    def replace(self, **changes: Any) -> "RunConfig":
        """A copy with some settings changed, checked again."""
        return self.from_dict(self.to_dict() | changes)


def _check_ranges(config: RunConfig) -> None:
    for name in ("epochs", "episodes", "ways", "shots", "image_size", "lr_step", "key_dim"):
        if getattr(config, name) < 1:
            raise InputError(f"{name} must be an integer of at least 1, got {getattr(config, name)}")
    weights = ("lam", "p", "p2", "decorrelation", "compactness", "ratio")
    for name in (*weights, "momentum", "weight_decay", "clip", "hidden", "seed"):
        if not 0 <= getattr(config, name) < math.inf:
            raise InputError(f"{name} must be a number of at least 0, got {getattr(config, name)}")
    if config.seed > LARGEST_SEED:
        raise InputError(f"seed must be at most {LARGEST_SEED}, got {config.seed}")
    if config.momentum >= 1:
        raise InputError(f"momentum must lie in [0, 1), got {config.momentum}")
    for name in ("scale", "lr", "lr_decay", "resize_ratio"):
        if not 0 < getattr(config, name) < math.inf:
            raise InputError(f"{name} must be a number above 0, got {getattr(config, name)}")


def reference_value(text: str) -> str | float:
    """The ``reference`` of a config as :class:`zslcore.remse.ReMSE` takes it: a name, or a quantile in (0, 1).

    >>> reference_value("median"), reference_value("0.1")
    ('median', 0.1)
    """
    from zslcore.remse import REFERENCES

    if text in REFERENCES:
        return text
    try:
        quantile = float(text)
    except ValueError:
        quantile = math.nan
    if not 0 < quantile < 1:
        raise InputError(f"reference must be one of {', '.join(REFERENCES)}, or a quantile in (0, 1), got {text!r}")
    return quantile


def _check_types(config: RunConfig) -> None:
    for setting in dataclasses.fields(config):
        name, kind, value = setting.name, setting.type, getattr(config, setting.name)
        if kind is float and type(value) is int:
            object.__setattr__(config, name, float(value))  # 1 is a fine way to write 1.0
        elif type(value) is not kind:
            raise InputError(f"{name} must be {kind.__name__}, got {value!r}")


def _check_options(config: RunConfig, known: dict[str, Any]) -> None:
    """InputError for a loss option that is unknown, or of another type than the default that ``known`` has for it."""
    for name, value in config.loss_options.items():
        if name not in known or name in OPTION_FIELDS:
            allowed = ", ".join(sorted(set(known) - set(OPTION_FIELDS))) or "none"
            raise InputError(f"loss_options of {config.loss} must be among: {allowed}; got {name!r}")
        kind = type(known[name])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise InputError(f"{name} in loss_options must be {kind.__name__}, got {value!r}")


def run_name(config: RunConfig) -> str:
    """Name of a run: ``METHOD-seedN`` for a run of the study, else ``LOSS-seedN-`` and a hash of what is not default.

    >>> run_name(RunConfig.study("SYNTH", method="remse", seed=2))
    'remse-seed2'
    >>> run_name(RunConfig.study("SYNTH", method="remse", p=3.0))[:12]
    'remse-seed0-'
    """
    for method in study_methods(config.dataset):
        if config == RunConfig.study(config.dataset, method=method, seed=config.seed):
            return f"{method}-seed{config.seed}"
    # only what differs from the defaults, so that a setting added later leaves the names of old runs as they are
    defaults = RunConfig(dataset=config.dataset).to_dict() | {"dataset": None}
    special = {name: value for name, value in config.to_dict().items() if value != defaults[name]}
    digest = hashlib.sha256(json.dumps(special, sort_keys=True).encode()).hexdigest()[:8]
    return f"{config.loss}-seed{config.seed}-{digest}"

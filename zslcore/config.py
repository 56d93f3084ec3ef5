"""Settings of a run: one frozen dataclass, checked when it is made and stored in the run folder as JSON."""

import copy
import dataclasses
import difflib
import functools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path, PurePath
from pkgutil import resolve_name
from typing import Any

import yaml

from zslcore._io.fields import allowed_values, checked, setting
from zslcore._io.locations import check_dataset_name, user_path
from zslcore._io.mappings import unique_json, unique_yaml
from zslcore._io.reading import LARGEST_TEXT, check_regular, decoded
from zslcore._io.text_values import text_value
from zslcore.errors import InputError, one_line
from zslcore.loss_options import check_loss_options, reference_value
from zslcore.methods import BASELINES, METHODS, check_method
from zslcore.settings import chosen_settings, published_settings, study_settings


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All settings of one run; InputError if a value has the wrong type or is not allowed.

    numpy numbers become Python's, and an integer may be given for a float.

    Example:
        >>> RunConfig(dataset="SYNTH", lam=0.25).p2
        0.75
        >>> RunConfig(dataset="SYNTH", epochs=0)
        Traceback (most recent call last):
        zslcore.errors.InputError: epochs must be an integer of at least 1 and at most 100000, got 0
    """

    # data
    dataset: str = setting(help="SYNTH, or the name of a folder under xlsa17/data")
    class_split: int = setting(
        0, at_least=0, help="0 for the benchmark's seen and unseen classes, K for the Kth random split of all classes"
    )
    backbone: str = setting(
        "efficientnet_lite0",
        choices=lambda: resolve_name("zslcore.backbone:known_backbones")(),
        help="network that turns images into feature maps; res101 for the features in res101.mat; or imported features",
    )
    weights: str = setting("imagenet", help="weights of the backbone: imagenet, random, or the path of a state dict")
    fine_tune: bool = setting(False, help="train the backbone too")
    image_size: int = setting(224, at_least=1, at_most=4096, help="side of the input images in pixels")
    resize_ratio: float = setting(
        1.0,
        above=0,
        at_most=10,
        help="short side before the central crop, as a multiple of image_size: features and evaluation",
    )
    train_resize_ratio: float = setting(
        8 / 7, above=0, at_most=10, help="fine_tune: short side before the random crop, as a multiple of image_size"
    )
    standardize: bool = setting(
        True, help="frozen features get zero mean and unit variance per channel over the training images"
    )
    attribute_vectors: str = setting(
        "normalised",
        choices="zslcore.data.benchmark:VECTORS",
        help="class vectors, for regression and classification",
    )
    word_vectors: str = setting("published", help="published, or the path of an .npy file with one row per attribute")
    # network
    network: str = setting("basic", choices=("basic", "attention", "gem"), help="network on top of the backbone")
    hidden: int = setting(0, at_least=0, at_most=65_536, help="size of a hidden layer, 0 for none")
    key_dim: int = setting(1024, at_least=1, at_most=65_536, help="AttentionNet: size of keys and queries")
    ratio: float = setting(1.0, at_least=0, help="AttentionNet: weight of the attended feature against the pooled one")
    gem_variant: str = setting(
        "release",
        choices="zslcore.models:GEM_VARIANTS",
        help="GEMNet: regress the global prediction (release) or the peaks of the attention (gem-zsl)",
    )
    # loss: lam_cls * cosine cross entropy + lam * regression loss
    lam_cls: float = setting(1.0, at_least=0, help="weight of the cross entropy; 0 trains by regression alone")
    loss: str = setting(
        "remse",
        choices=lambda: (
            "none",
            *resolve_name("zslcore.criteria:CRITERIA"),
            *resolve_name("zslcore.closed_form:SOLVERS"),
        ),
        help="regression loss; none for cross entropy alone; eszsl and sae are solved instead of trained",
    )
    targets: str = setting(
        "classes",
        choices=("classes", "images"),
        help="targets of mse and the ReMSE losses: the vector of the image's class, or the image's own labels",
    )
    scale: float = setting(20.0, above=0, help="factor of the cosines in the cross entropy")
    lam: float = setting(0.25, at_least=0, help="weight of the regression loss")
    normalize: bool = setting(True, help="scale prediction and target to unit length before the regression loss")
    p: float = setting(0.1, at_least=0, help="ReMSE: exponent that balances classes within an attribute")
    p2: float = setting(0.75, at_least=0, help="ReMSE: exponent that balances attributes within a class")
    memory: str = setting(
        "batch",
        choices="zslcore.remse:MEMORIES",
        help="ReMSE: errors of this batch, last known errors, or an exponential moving average",
    )
    reference: str = setting("min", help="ReMSE: divisor of the errors: min, mean, median, or a quantile such as 0.1")
    unit_mean: bool = setting(False, help="ReMSE: divide the weights by their mean")
    equal_lambda: bool = setting(
        False, help="ReMSE: divide the loss by its amplification, so that its value is that of MSE in every batch"
    )
    loss_options: dict = setting(  # noqa: RUF009 - a field with a default factory
        dict, help='other options of the loss by name, for example {"delta": 0.5} for huber'
    )
    decorrelation: float = setting(0.0, at_least=0, help="GEMNet: weight of the attribute decorrelation loss")
    compactness: float = setting(0.0, at_least=0, help="GEMNet: weight of the compactness loss")
    # training: SGD
    lr: float = setting(1e-2, above=0, help="learning rate")
    momentum: float = setting(0.9, at_least=0, below=1, help="momentum of SGD")
    weight_decay: float = setting(1e-5, at_least=0, help="weight decay of SGD")
    clip: float = setting(0.0, at_least=0, help="largest norm of the gradient, 0 for no limit")
    lr_step: int = setting(10, at_least=1, at_most=10**9, help="epochs between two decays of the learning rate")
    lr_decay: float = setting(0.1, above=0, help="factor of each decay")
    # With lr_step 10, the 30 epochs of the published settings have 10, 10, 10 epochs per learning rate if stated, and
    # 9, 10, 10, 1 if released, because the released code steps before each epoch.
    schedule: str = setting(
        "stated", choices=("stated", "released"), help="decay after lr_step epochs, or one epoch earlier (released)"
    )
    epochs: int = setting(15, at_least=1, at_most=100_000, help="number of epochs")
    sampling: str = setting(
        "episodes", choices=("episodes", "random"), help="batches of ways x shots images (episodes), or random batches"
    )
    episodes: int = setting(200, at_least=1, at_most=1_000_000, help="batches per epoch")
    ways: int = setting(16, at_least=1, at_most=10_000, help="classes per batch")
    shots: int = setting(2, at_least=1, at_most=1000, help="images per class of a batch")
    seed: int = setting(0, at_least=0, below=2**63, help="random seed")  # files and tables hold signed 64-bit integers
    precision: str = setting(
        "float32",
        choices=("float32", "float64", "bf16"),
        help="bf16: bfloat16 products, float32 weights and statistics",
    )
    compile: bool = setting(False, help="compile the training step with torch.compile")
    device: str = setting("auto", choices=("auto", "cpu", "cuda"), help="where to train; not part of a run's name")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not field.default:
                object.__setattr__(self, field.name, _checked(field, value))
        check_dataset_name(self.dataset)
        reference_value(self.reference)
        solved = self.loss in resolve_name("zslcore.closed_form:SOLVERS")
        if solved and (self.network != "basic" or self.hidden or self.fine_tune):
            raise InputError(
                f"loss {self.loss!r} needs network 'basic', hidden 0 and fine_tune False, because it is solved for "
                f"a linear map of frozen features"
            )
        check_loss_options(self.loss, self.loss_options)
        if self.lam_cls == 0 and (self.loss == "none" or self.lam == 0):
            raise InputError("lam_cls must be above 0 without a regression loss, got 0")
        if self.targets == "images":
            _check_image_targets(self)
        if self.fine_tune and self.backbone not in resolve_name("zslcore.backbone:BACKBONES"):
            raise InputError(f"fine_tune must be False with backbone {self.backbone!r}, which are computed features")
        if self.fine_tune and self.standardize:
            raise InputError("standardize must be False with fine_tune, because the features change at every step")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Make a config from a mapping; InputError for an unknown name."""
        if not isinstance(values, Mapping):
            raise InputError(f"settings must be a dictionary, got {type(values).__name__}")
        for name in values:
            _field(name)
        if "dataset" not in values:
            raise InputError("a run needs the setting 'dataset'")
        return cls(**values)

    @classmethod
    def study(cls, dataset: str, *, method: str | None = None, **changes: Any) -> "RunConfig":
        """Settings of this study for a data set, chosen on folds of its seen classes (``zslcore/settings/*.yml``).

        A file ``settings.yml`` beside the ``att_splits.mat`` of a data set replaces the package's file.
        ``method`` is one of :func:`zslcore.methods.study_methods` or :func:`zslcore.methods.study_baselines`; without
        it, the settings are those of the data set alone. ``changes`` override them. A data set without a settings file
        gets the defaults. It supports only the methods that need no chosen setting. If it has too few classes or
        images for the defaults of ``ways`` and ``shots``, these are lowered, with a warning.

        Example:
            >>> RunConfig.study("SYNTH", method="mse", seed=3).loss
            'mse'
        """
        cls.check("dataset", dataset)
        if method is not None:
            check_method(dataset, method)
        file = chosen_settings(dataset)
        of_method = (METHODS | BASELINES).get(method, {})
        chosen = file["settings"] | of_method | file["methods"].get(method, {})
        try:
            cls.from_dict({"dataset": dataset} | chosen)
        except InputError as error:
            raise InputError(f"the study's settings of {dataset}: {error}") from None
        fitting = {} if dataset in study_settings() else _fitting_batch(dataset, {*chosen, *changes})
        return cls.from_dict({"dataset": dataset} | fitting | chosen | changes)

    @classmethod
    def published(cls, dataset: str, *, backbone: str = "resnet101", release: str | None = None) -> "RunConfig":
        """Settings that the paper's authors released for a data set (``zslcore/settings/published/*.yml``).

        They fine-tune the backbone. With ``.replace(fine_tune=False)``, a run uses frozen features of central crops
        instead, without random crops and flips.

        Args:
            dataset: CUB, AWA2 or SUN.
            backbone: ``resnet101`` or ``vit_b_16``.
            release: None for the current release. ``"2023-09"`` is the first release of the ResNet-101, which used
                cross-batch ReMSE on CUB. The ViT was released with plain MSE; ``"remse-variant"`` gives it ReMSE with
                the exponents of the ResNet-101.

        Example:
            >>> RunConfig.published("CUB", release="2023-09").memory
            'running'
        """
        files = published_settings()
        _check_choice("dataset", dataset, sorted({key[0] for key in files}))
        _check_choice("backbone", backbone, sorted({key[1] for key in files}))
        file = files[dataset, backbone]
        if release is not None:
            _check_choice("release", release, file["releases"])
        changes = file["releases"].get(release, {})
        return cls.from_dict({"dataset": dataset, "backbone": backbone} | file["settings"] | changes)

    @classmethod
    def read(cls, path: str | Path) -> "RunConfig":
        """Read a config from a JSON or YAML file, such as the ``config.json`` of a run folder."""
        path = user_path(path)
        check_regular(path, largest=LARGEST_TEXT)
        try:
            text = decoded(path.read_bytes())
            values = unique_json(text) if path.suffix.lower() == ".json" else unique_yaml(text)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # RecursionError: thousands of brackets
            raise InputError(f"{path} cannot be read as a config in JSON or YAML: {one_line(error)}") from None
        if not isinstance(values, dict):
            raise InputError(f"{path} must hold settings by name, as config.json does")
        try:
            return cls.from_dict(values)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    @classmethod
    def parse(cls, name: str, text: str) -> Any:
        """The value of a setting from the text of a command line.

        Example:
            >>> RunConfig.parse("loss_options", '{"delta": 0.5}')
            {'delta': 0.5}
        """
        return text_value(name, _field(name).type.__name__, text)

    @classmethod
    def check(cls, name: str, value: Any) -> None:
        """Raise InputError if a setting cannot have a value, whatever the other settings are."""
        _checked(_field(name), value)
        if name == "dataset":
            check_dataset_name(value)

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values."""
        values = {name: getattr(self, name) for name in _fields()}  # dataclasses.asdict takes ten times as long
        return values | {"loss_options": copy.deepcopy(self.loss_options)}

    def replace(self, **changes: Any) -> "RunConfig":
        """A copy with some settings changed, checked again."""
        return self.from_dict(self.to_dict() | changes)


def check_config(config: object) -> None:
    """Raise InputError for anything but a :class:`RunConfig`."""
    if not isinstance(config, RunConfig):
        way = "make one with RunConfig.from_dict or RunConfig.read"
        raise InputError(f"config must be a RunConfig, got {type(config).__name__}; {way}")


def setting_table() -> list[tuple[str, str, str, str]]:
    """Name, default, allowed values and help of every setting, as texts."""
    rows = []
    for field in dataclasses.fields(RunConfig):
        default = {"dataset": "required", "loss_options": "{}"}.get(field.name, str(field.default))
        rows.append((field.name, default, allowed_values(field), field.metadata["help"]))
    return rows


@functools.cache
def _fields() -> dict[str, dataclasses.Field]:
    return {field.name: field for field in dataclasses.fields(RunConfig)}


def _field(name: object) -> dataclasses.Field:
    fields = _fields()
    if not isinstance(name, str):  # YAML has keys of other types
        raise InputError(f"names of settings must be text, got {name!r:.100}")
    if name not in fields:
        close = difflib.get_close_matches(name.lower(), fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the known ones are {', '.join(fields)}"
        raise InputError(f"unknown setting {name!r}; {hint}")
    return fields[name]


def _checked(field: dataclasses.Field, value: Any) -> Any:
    """The value of a setting as its type. A path may be given as such, and a quantile as ``reference`` as a number."""
    if field.name in ("weights", "word_vectors") and isinstance(value, PurePath):
        value = str(value)
    if field.name == "reference" and isinstance(value, Real) and not isinstance(value, bool):
        value = str(value)
    return checked(field, value)


def _fitting_batch(dataset: str, given: set[str]) -> dict[str, int]:
    """Lower values of ``ways`` and ``shots``, unless given, for a data set that is too small for their defaults."""
    from zslcore.data.batch_limits import stored_batch_limits

    lowered = {}
    for name, limit in stored_batch_limits(dataset).items():
        default = _field(name).default
        if name not in given and limit < default:
            warnings.warn(f"{name} is {limit} instead of {default}, the most that {dataset} allows", stacklevel=3)
            lowered[name] = limit
    return lowered


def _check_choice(name: str, value: str, allowed: Any) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def _check_image_targets(config: RunConfig) -> None:
    """Check that the loss leaves out missing labels, and that the labels have the directions of the class vectors."""
    if config.loss != "mse" and not config.loss.startswith("remse"):
        allowed = "mse or a ReMSE loss, which leave out missing labels"
        raise InputError(f"targets 'images' needs the loss {allowed}, got {config.loss!r}")
    if config.attribute_vectors not in ("normalised", "original"):
        allowed = "'normalised' or 'original', because image labels are not relative to the seen classes"
        raise InputError(f"targets 'images' needs attribute_vectors {allowed}, got {config.attribute_vectors!r}")

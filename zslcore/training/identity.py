"""The identity and the name of a run: the settings that its results depend on."""

import hashlib
import json
import warnings
from typing import Any

from zslcore.config import RunConfig
from zslcore.loss_options import OPTION_FIELDS
from zslcore.methods import study_baselines, study_methods

ATTENTION_ONLY = ("key_dim", "ratio")
GEM_ONLY = ("gem_variant", "decorrelation", "compactness")
TRAINED_ONLY = (  # not solved in closed form
    *("lam_cls", "lr", "momentum", "weight_decay", "clip", "lr_step", "lr_decay", "schedule"),
    *("epochs", "sampling", "episodes", "ways", "shots", "compile"),
)
# settings that features were computed with; without effect for features from a file
WITHOUT_PICTURES = ("weights", "image_size", "resize_ratio", "train_resize_ratio")


def identifying_settings(config: RunConfig) -> dict[str, Any]:
    """The settings of a run without the device; those without effect have their defaults.

    Example:
        >>> configs = [RunConfig(dataset="SYNTH", loss="mse", p=p, key_dim=8) for p in (0.1, 0.5)]
        >>> identifying_settings(configs[0]) == identifying_settings(configs[1])
        True
    """
    values, defaults = config.to_dict(), RunConfig(dataset=config.dataset).to_dict()
    ignored = {name: defaults[name] for name in _ignored(config) if name in defaults}
    return {name: value for name, value in (values | ignored).items() if name != "device"}


def run_name(config: RunConfig) -> str:
    """Name of a run, by the settings that have an effect: ``METHOD-seedN`` for a run of the study.

    For other runs it is ``LOSS-seedN-`` and a hash of the settings that are not defaults. The device is left out.

    Example:
        >>> run_name(RunConfig.study("SYNTH", method="remse", seed=2))
        'remse-seed2'
    """
    settings = identifying_settings(config)
    with warnings.catch_warnings(action="ignore"):  # that a data set is too small for the defaults
        for method in [*study_methods(config.dataset), *study_baselines(config.dataset)]:
            if settings == identifying_settings(RunConfig.study(config.dataset, method=method, seed=config.seed)):
                return f"{method}-seed{config.seed}"
    # only settings that are not defaults, so that a new setting does not rename old runs
    defaults = RunConfig(dataset=config.dataset).to_dict() | {"dataset": None}
    special = {name: value for name, value in settings.items() if value != defaults[name]}
    digest = hashlib.sha256(json.dumps(special, sort_keys=True).encode()).hexdigest()[:8]
    return f"{config.loss}-seed{config.seed}-{digest}"


def _ignored(config: RunConfig) -> list[str]:
    """Names of the settings that have no effect on a run."""
    from zslcore.backbone import BACKBONES
    from zslcore.closed_form import SOLVERS
    from zslcore.criteria import CRITERIA, criterion_options

    ignored = []
    if config.backbone not in BACKBONES:
        ignored += WITHOUT_PICTURES
    if config.network == "basic":
        ignored += ["word_vectors"]
    if config.network == "gem":
        ignored += ["hidden"]
    if config.network != "attention":
        ignored += ATTENTION_ONLY
    if config.network != "gem":
        ignored += GEM_ONLY
    if not config.fine_tune:
        ignored += ["train_resize_ratio"]
    known = criterion_options(config.loss) if config.loss in CRITERIA else {}
    ignored += [name for name in OPTION_FIELDS if name not in known and name != "normalize"]
    if config.loss not in CRITERIA:
        ignored += ["lam"]
    if config.loss in SOLVERS:
        ignored += TRAINED_ONLY
    if not config.loss.startswith("remse"):
        ignored += ["equal_lambda"]
    return ignored

"""What makes two runs the same: the settings that decide their numbers, without those that have no effect."""

from typing import Any

from zslcore.config import OPTION_FIELDS, RunConfig

ATTENTION_ONLY = ("key_dim", "ratio")
GEM_ONLY = ("gem_variant", "decorrelation", "compactness")
# what features that are given were computed with
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


def _ignored(config: RunConfig) -> list[str]:
    """Names of the settings that have no effect on a run."""
    from zslcore.backbone import BACKBONES
    from zslcore.losses.factory import CRITERIA, criterion_options

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
    if not config.loss.startswith("remse"):
        ignored += ["equal_lambda"]
    return ignored

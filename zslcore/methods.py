"""The methods that the study compares: their settings and their display names."""

from typing import Any

from zslcore.errors import InputError
from zslcore.settings import chosen_settings, settings_file

# Each method changes the settings of a data set. cross_entropy_tuned and cross_entropy_centred have no regression loss.
# Their scale was chosen on folds of the seen classes, like lambda for the other methods. mse_matched has the effective
# lambda of ReMSE: ReMSE's weights are at least 1 and therefore also raise lambda.
METHODS = {
    "cross_entropy": {"loss": "none"},
    "cross_entropy_tuned": {"loss": "none"},
    "cross_entropy_centred": {"loss": "none", "attribute_vectors": "centred"},
    "mse": {"loss": "mse"},
    "mse_matched": {"loss": "mse"},
    "remse": {"loss": "remse"},
}
# The setting that is chosen per data set for these methods; without it they cannot be compared with the others.
CHOSEN_SETTINGS = {"cross_entropy_tuned": "scale", "cross_entropy_centred": "scale", "mse_matched": "lam"}
# Methods whose errors can be compared, because their targets are the same class vectors.
SAME_TARGETS = [name for name in METHODS if "attribute_vectors" not in METHODS[name]]

# Baselines of the literature, solved in closed form, see zslcore.closed_form. Their results do not depend on a seed, so
# each has one run, with seed 0. Their options are chosen per data set on folds of the seen classes.
BASELINES = {"eszsl": {"loss": "eszsl"}, "sae": {"loss": "sae"}}
MAX_SEEDS = 1000  # of a method in one study

# Display names in the order of tables: methods, other losses (06_ablations), baselines, null models.
DISPLAY_NAMES = {
    "cross_entropy": "cross entropy",
    "cross_entropy_tuned": "cross entropy, tuned scale",
    "cross_entropy_centred": "cross entropy, centred",
    "mse": "+ MSE",
    "mse_matched": "+ MSE, matched λ",
    "remse": "+ ReMSE",
    "mae": "+ MAE",
    "charbonnier": "+ Charbonnier",
    "rmse": "+ RMSE",
    "huber": "+ Huber",
    "focal": "+ focal-R",
    "inverse": "+ inverse frequency",
    "sqrt_inverse": "+ root-inverse frequency",
    "lds": "+ LDS",
    "bmc": "+ BMC",
    "bmc_per_attribute": "+ BMC per attribute",
    "gai": "+ GAI",
    "uncertainty": "+ uncertainty",
    "group_dro": "+ group DRO",
    "cvar": "+ CVaR",
    "remse_permuted": "+ ReMSE, permuted",
    "remse_random": "+ ReMSE, random",
    "eszsl": "ESZSL",
    "sae": "SAE",
    "constant": "null: constant",
    "multiplicative": "null: multiplicative",
    "shrinkage": "null: shrinkage",
    "missing_mean": "null: missing mean",
    "image_labels": "null: image labels",
    "permuted": "null: permuted",
}


def display_name(key: str) -> str:
    """Text that tables and figures show for a method, a loss or a null model; an unknown name is returned unchanged.

    Example:
        >>> display_name("mse_matched")
        '+ MSE, matched λ'
    """
    return DISPLAY_NAMES.get(key, key)


def study_methods(dataset: str) -> list[str]:
    """Methods of the study for a data set; those in :data:`CHOSEN_SETTINGS` only if their setting was chosen.

    Example:
        >>> study_methods("CUB")
        ['cross_entropy', 'mse', 'remse']
    """
    chosen = _chosen(dataset)
    return [name for name in METHODS if CHOSEN_SETTINGS.get(name) in (None, *chosen.get(name, {}))]


def study_baselines(dataset: str) -> list[str]:
    """Baselines whose options were chosen for a data set.

    Example:
        >>> study_baselines("SYNTH"), study_baselines("CUB")
        (['eszsl', 'sae'], [])
    """
    chosen = _chosen(dataset)
    return [name for name in BASELINES if "loss_options" in chosen.get(name, {})]


def check_method(dataset: str, method: str) -> None:
    """Raise InputError for an unknown method, and for a method that lacks a chosen setting for the data set.

    Example:
        >>> check_method("CUB", "rmse")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        zslcore.errors.InputError: method must be one of cross_entropy, ..., sae, got 'rmse'
    """
    if method not in (every := [*METHODS, *BASELINES]):
        raise InputError(f"method must be one of {', '.join(every)}, got {method!r:.100}")
    if method in BASELINES and method not in study_baselines(dataset):
        raise InputError(
            f"method {method!r} needs options that were chosen for {dataset}; to choose them, and see how a run uses "
            f"them, run: zslcore baselines {dataset}"
        )
    if method in METHODS and method not in (known := study_methods(dataset)):
        name = CHOSEN_SETTINGS[method]
        settings = " ".join(f"-s {setting} {value}" for setting, value in METHODS[method].items())
        raise InputError(
            f"method must be one of {', '.join(known)} for {dataset}, got {method!r}: it needs a {name} chosen for "
            f"the data set; to use one of your own, run: zslcore train --dataset {dataset} {settings} -s {name} VALUE"
        )


def _chosen(dataset: str) -> dict[str, dict[str, Any]]:
    """The settings that were chosen for a data set, by method; InputError for a name that is not a method."""
    chosen, every = chosen_settings(dataset)["methods"], [*METHODS, *BASELINES]
    if unknown := [name for name in chosen if name not in every]:
        raise InputError(
            f"methods in {settings_file(dataset)} must be among {', '.join(every)}; got {unknown[0]!r:.100}"
        )
    return chosen

"""The methods that the study compares: their settings, and the names that tables and figures give them."""

from zslcore.settings import study_settings

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
# The controls, each another method but for one setting, whose value is chosen per data set: without one they would be
# that other method again, under a second name.
CONTROLS = {"cross_entropy_tuned": ("cross_entropy", "scale"), "mse_matched": ("mse", "lam")}
METHOD_NAMES = {
    "cross_entropy": "cross entropy",
    "cross_entropy_tuned": "cross entropy, tuned scale",
    "mse": "+ MSE",
    "mse_matched": "+ MSE, matched λ",
    "remse": "+ ReMSE",
}
# Losses beyond the study's methods, which 06_ablations compares at lambdas chosen on the validation split.
LOSS_NAMES = {
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
}


def study_methods(dataset: str) -> list[str]:
    """The ``METHODS`` that the study has for a data set: without the controls where no file chose their setting.

    >>> study_methods("CUB100")
    ['cross_entropy', 'cross_entropy_tuned', 'mse', 'mse_matched', 'remse']
    >>> study_methods("CUB")
    ['cross_entropy', 'mse', 'remse']
    """
    chosen = study_settings().get(dataset, {}).get("methods", {})
    return [name for name in METHODS if name not in CONTROLS or CONTROLS[name][1] in chosen.get(name, {})]


def display_name(key: str) -> str:
    """The name of a method in tables and figures; an unknown key is returned unchanged.

    Example:
        >>> display_name("mse_matched"), display_name("other")
        ('+ MSE, matched λ', 'other')
    """
    return (METHOD_NAMES | LOSS_NAMES).get(key, key)

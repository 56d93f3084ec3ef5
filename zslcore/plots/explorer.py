"""ReMSE's weights under one's hands: what they make of balanced and imbalanced errors that are measured with noise."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from zslcore.errors import InputError
from zslcore.plots.style import WIDTH
from zslcore.remse import remse_weights

CLASSES, ATTRIBUTES = 16, 24  # an episode of 16 ways; attributes as many as fit on the screen
SPREAD = 1.0  # standard deviation of the logarithm of the imbalanced errors: most within a factor of 7 of the middle


def error_fields(*, seed: int = 0) -> dict[str, Float[np.ndarray, "C A"]]:
    """Two true error matrices of mean 1: ``balanced``, all alike, and ``imbalanced``, log-normal.

    >>> {name: (field.shape, round(float(field.mean()), 6)) for name, field in error_fields().items()}
    {'balanced': ((16, 24), 1.0), 'imbalanced': ((16, 24), 1.0)}
    """
    field = np.random.default_rng(seed).lognormal(sigma=SPREAD, size=(CLASSES, ATTRIBUTES))
    return {"balanced": np.ones((CLASSES, ATTRIBUTES)), "imbalanced": field / field.mean()}


def measured_errors(field: Float[np.ndarray, "C A"], shots: int, *, seed: int = 0) -> Float[np.ndarray, "C A"]:
    """What a batch with ``shots`` images a class shows of a field: the mean of so many squared normal errors.

    So the field times a chi-squared variable of ``shots`` degrees of freedom over ``shots``. Raises InputError for
    ``shots`` below 1.

    >>> measured_errors(np.ones((2, 3)), 10_000).round(1)
    array([[1., 1., 1.],
           [1., 1., 1.]])
    """
    if shots < 1:
        raise InputError(f"shots must be at least 1, got {shots}")
    return field * np.random.default_rng(seed).chisquare(shots, size=field.shape) / shots


def explore(p: float, p2: float, shots: int, *, seed: int = 0) -> tuple[Figure, pd.DataFrame]:
    """Measured errors and ReMSE's weights of both fields as pictures, and what they come to as numbers.

    The frame has a row a field: the mean and the largest weight, and the correlation of the weights' logarithm with
    that of the *true* error (NaN for the balanced field, whose errors are all alike): how much of the weighting meets
    what there is to rebalance. Raises InputError for exponents below 0.

    >>> figure, numbers = explore(p=0.0, p2=0.0, shots=2)
    >>> numbers["mean weight"].tolist()
    [1.0, 1.0]
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 4.4), sharex=True, sharey=True)
    rows = {}
    for column, (name, field) in zip(axes.T, error_fields(seed=seed).items(), strict=True):
        errors = measured_errors(field, shots, seed=seed)
        weights = remse_weights(torch.from_numpy(errors), p=p, p2=p2).numpy()
        rows[name] = _numbers(weights, field)
        left = column[0].imshow(errors, aspect="auto", cmap="viridis", norm=LogNorm(0.01, 10))
        right = column[1].imshow(weights, aspect="auto", cmap="viridis", norm=LogNorm(1, 20))
        column[0].set_title(f"{name} field: measured errors")
        column[1].set(title=f"weights, mean {weights.mean():.2f}", xlabel="attribute")
    for axis in axes[:, 0]:
        axis.set_ylabel("class")
    figure.colorbar(left, ax=axes[0], label="error over mean error", extend="both")
    figure.colorbar(right, ax=axes[1], label="weight", extend="max", ticks=[1, 2, 5, 10, 20], format="%g")
    return figure, pd.DataFrame(rows).T


def _numbers(weights: Float[np.ndarray, "C A"], field: Float[np.ndarray, "C A"]) -> dict[str, float]:
    correlation = np.nan
    if np.ptp(field) and np.ptp(weights):
        correlation = np.corrcoef(np.log(weights).ravel(), np.log(field).ravel())[0, 1]
    return {
        "mean weight": float(weights.mean()),
        "largest weight": float(weights.max()),
        "correlation with true error": float(correlation),
    }


def weight_explorer(*, p: float = 0.5, p2: float = 0.5, shots: int = 2) -> Any:
    """Sliders for p, p2 and shots over the pictures of :func:`explore`, for JupyterLab; starts at the values given.

    p and p2 go from 0 to 2, shots from 1 to 64; a value beyond starts at the end. Raises InputError where ipywidgets is
    not installed.

    >>> import contextlib
    >>> with contextlib.redirect_stdout(None):  # outside of a notebook, clearing an output prints an escape sequence
    ...     sliders = weight_explorer(p=0.1, p2=3.0).children[:3]
    >>> [(slider.min, slider.max, slider.value) for slider in sliders]
    [(0.0, 2.0, 0.1), (0.0, 2.0, 2.0), (1, 64, 2)]
    """
    try:
        import ipywidgets
    except ImportError:
        raise InputError("weight_explorer needs ipywidgets: pip install 'zslcore[notebooks]'") from None
    wide = {"style": {"description_width": "9em"}, "layout": {"width": "32em"}, "continuous_update": False}
    sliders = {
        "p": ipywidgets.FloatSlider(p, min=0, max=2, step=0.05, description="p (over classes)", **wide),
        "p2": ipywidgets.FloatSlider(p2, min=0, max=2, step=0.05, description="p2 (over attributes)", **wide),
        "shots": ipywidgets.IntSlider(shots, min=1, max=64, description="shots a class", **wide),
    }
    return ipywidgets.interactive(_show, **sliders)


def _show(p: float, p2: float, shots: int) -> None:
    explore(p, p2, shots)
    plt.show()

"""An interactive figure of ReMSE's weights for balanced and imbalanced errors that are measured with noise."""

from io import BytesIO
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from zslcore._io.extras import require
from zslcore.errors import InputError
from zslcore.plots.style import WIDTH
from zslcore.remse import remse_weights

CLASSES, ATTRIBUTES = 16, 24  # an episode of 16 ways, and as many attributes as fit on the screen
SPREAD = 1.0  # standard deviation of the logarithm of the imbalanced errors: most within a factor of 7 of the middle


def error_fields(*, seed: int = 0) -> dict[str, Float[np.ndarray, "C A"]]:
    """Two true error matrices of mean 1: ``balanced`` (all equal) and ``imbalanced`` (log-normal)."""
    field = np.random.default_rng(seed).lognormal(sigma=SPREAD, size=(CLASSES, ATTRIBUTES))
    return {"balanced": np.ones((CLASSES, ATTRIBUTES)), "imbalanced": field / field.mean()}


def measured_errors(field: Float[np.ndarray, "C A"], shots: int, *, seed: int = 0) -> Float[np.ndarray, "C A"]:
    """Errors that a batch measures of the true ``field``: in each cell, the mean of ``shots`` squared normal errors."""
    if shots < 1:
        raise InputError(f"shots must be at least 1, got {shots}")
    return field * np.random.default_rng(seed).chisquare(shots, size=field.shape) / shots


def explore(p: float, p2: float, shots: int, *, seed: int = 0) -> tuple[Figure, pd.DataFrame]:
    """Measured errors and ReMSE's weights of both fields, as pictures and as numbers.

    ``p`` is the exponent over classes, ``p2`` over attributes, ``shots`` the number of images of each class. The frame
    has a row for each field: mean weight, largest weight, and the correlation of log-weights with the log of the *true*
    errors (NaN for the balanced field).

    Example:
        >>> figure, numbers = explore(p=0.0, p2=0.0, shots=2)
        >>> numbers["mean weight"].tolist()
        [1.0, 1.0]
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 4.4), sharex=True, sharey=True)
    rows = {}
    for column, (name, field) in zip(axes.T, error_fields(seed=seed).items(), strict=True):
        errors = measured_errors(field, shots, seed=seed)
        weights = remse_weights(torch.from_numpy(errors), p=p, p2=p2).numpy()
        met = np.nan
        if np.ptp(field) and np.ptp(weights):
            met = np.corrcoef(np.log(weights).ravel(), np.log(field).ravel())[0, 1]
        rows[name] = [weights.mean(), weights.max(), met]
        left = column[0].imshow(errors, aspect="auto", cmap="viridis", norm=LogNorm(0.01, 10))
        right = column[1].imshow(weights, aspect="auto", cmap="viridis", norm=LogNorm(1, 20))
        column[0].set_title(f"{name} field: measured errors")
        column[1].set(title=f"weights, mean {weights.mean():.2f}", xlabel="attribute")
    for axis in axes[:, 0]:
        axis.set_ylabel("class")
    figure.colorbar(left, ax=axes[0], label="error over mean error", extend="both")
    figure.colorbar(right, ax=axes[1], label="weight", extend="max", ticks=[1, 2, 5, 10, 20], format="%g")
    return figure, pd.DataFrame(rows, index=["mean weight", "largest weight", "correlation with true error"]).T


def weight_explorer(*, p: float = 0.5, p2: float = 0.5, shots: int = 2) -> Any:
    """Sliders for p, p2 (0 to 2) and shots (1 to 64) over the figure of :func:`explore`, for JupyterLab.

    The arguments are the values at the start. Needs ipywidgets.

    Example:
        >>> [slider.value for slider in weight_explorer(p=0.1, p2=3.0).children[:3]]
        [0.1, 2.0, 2]
    """
    require("notebooks", "ipywidgets")
    import ipywidgets

    over_classes = ipywidgets.FloatSlider(p, min=0, max=2, step=0.05, description="p (over classes)")
    over_attributes = ipywidgets.FloatSlider(p2, min=0, max=2, step=0.05, description="p2 (over attributes)")
    images = ipywidgets.IntSlider(shots, min=1, max=64, description="shots (images of a class)")
    picture = ipywidgets.Image(format="png", layout={"width": f"{WIDTH}in", "max_width": "100%"})

    def draw(_: object = None) -> None:
        picture.value = _picture(over_classes.value, over_attributes.value, images.value)

    sliders = [over_classes, over_attributes, images]
    for slider in sliders:
        slider.continuous_update = False
        slider.style.description_width = "14em"
        slider.layout.width = "40em"
        slider.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([*sliders, picture])


def _picture(p: float, p2: float, shots: int) -> bytes:
    """The figure of :func:`explore` as PNG."""
    figure, _ = explore(p, p2, shots)
    stored = BytesIO()
    figure.savefig(stored, format="png", bbox_inches="tight")
    plt.close(figure)
    return stored.getvalue()

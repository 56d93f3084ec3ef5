"""Figures of a data set: pictures, class vectors, label values."""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from zslcore.plots.groups import group_columns, mark_groups
from zslcore.plots.style import BLUE, WIDTH


def image_grid(images: Sequence, titles: Sequence[str], *, columns: int = 6) -> Figure:
    """Pictures (anything ``imshow`` takes) in rows, each under its title."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 1.6 * rows * 6 / columns), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image)
        axis.set_title(textwrap.fill(title, 16), fontsize=7)
    return figure


def attribute_heatmap(
    attributes: Float[np.ndarray, "C A"], attribute_names: Sequence[str], *, unit: str, num_seen: int
) -> Figure:
    """Class-by-attribute matrix, attributes in their groups; the dashed line parts seen from unseen classes."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6))
    order, spans = group_columns(attribute_names)
    image = axis.imshow(attributes[:, order], aspect="auto", cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=axis, label=unit, pad=0.01)
    axis.axhline(num_seen - 0.5, color="white", linestyle="--", linewidth=1)
    axis.set_ylabel(f"class ({num_seen} seen, then {len(attributes) - num_seen} unseen)")
    mark_groups(axis, spans)
    return figure


def label_distribution(values: Float[np.ndarray, "C A"], *, unit: str) -> Figure:
    """How often each label value occurs (log scale), and the spread of values within each attribute."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.6))
    left.hist(values.ravel(), bins=40, color=BLUE)
    left.set(yscale="log", xlabel=f"label value ({unit})", ylabel="class-attribute pairs")
    order = np.argsort(values.mean(0))
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)[:, order]
    position = np.arange(len(order))
    right.fill_between(position, low, high, color=BLUE, alpha=0.3, linewidth=0, label="10 % to 90 % of classes")
    right.plot(position, middle, color=BLUE, label="median class")
    right.set(xlabel="attribute, sorted by mean value", ylabel=f"label value ({unit})")
    right.legend(frameon=False, loc="upper left")
    return figure

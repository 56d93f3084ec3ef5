"""Figures of a data set: pictures, class vectors, label values."""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from zslcore.analysis._arrays import takes_tables
from zslcore.errors import InputError
from zslcore.plots.groups import columns_in_groups, mark_groups
from zslcore.plots.style import NAVY, WIDTH, plain


def image_grid(images: Sequence, titles: Sequence[str], *, columns: int = 6) -> Figure:
    """Pictures (anything that ``imshow`` accepts) in rows of ``columns``, each under its title.

    Example:
        >>> figure = image_grid([np.zeros((8, 8, 3))] * 3, ["crown", "wing", "leg"], columns=2)
        >>> [axis.get_title() for axis in figure.axes]  # two rows of two, the last place empty
        ['crown', 'wing', 'leg', '']
    """
    if not len(images) or len(images) != len(titles):
        raise InputError(f"images must be at least one, each with a title, got {len(images)} and {len(titles)} titles")
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 1.6 * rows * 6 / columns), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):  # the last row may have empty places
        axis.imshow(image)
        axis.set_title(plain(textwrap.fill(title, 16)), fontsize=7)
    return figure


@takes_tables
def attribute_heatmap(
    attributes: Float[np.ndarray, "C A"], attribute_names: Sequence[str], *, unit: str, num_seen: int
) -> Figure:
    """Class-by-attribute matrix; a dashed line separates seen from unseen classes.

    The ``num_seen`` seen classes come first. Attributes are in groups, sorted by their mean, largest first.
    ``unit`` is the label of the colours.

    Example:
        >>> attribute_heatmap(np.eye(3), ["a", "b", "c"], unit="% of annotators", num_seen=2).axes[0].get_ylabel()
        'class (2 seen, then 1 unseen)'
    """
    if not 0 <= num_seen <= len(attributes):
        raise InputError(f"num_seen must be at most the {len(attributes)} classes, got {num_seen}")
    order, spans = columns_in_groups(attribute_names, attributes.shape[1], largest_first=attributes.mean(0))
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6))
    image = axis.imshow(attributes[:, order], aspect="auto", cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=axis, label=unit, pad=0.01)
    axis.axhline(num_seen - 0.5, color="white", linestyle="--", linewidth=1)
    axis.set_ylabel(f"class ({num_seen} seen, then {len(attributes) - num_seen} unseen)")
    mark_groups(axis, spans)
    return figure


@takes_tables
def label_distribution(values: Float[np.ndarray, "C A"], *, unit: str) -> Figure:
    """How often each label value occurs, and the spread of values within each attribute.

    Left are all class-attribute pairs in 40 bins, on a logarithmic scale. Right are the median class and the range from
    10 % to 90 % of the classes for each attribute, sorted by their means. ``unit`` is that of the values.

    Example:
        >>> left, right = label_distribution(np.array([[0.0, 90.0, 5.0], [0.0, 70.0, 15.0]]), unit="%").axes
        >>> float(sum(bar.get_height() for bar in left.patches)), right.lines[0].get_ydata().tolist()
        (6.0, [0.0, 10.0, 80.0])
    """
    if not np.isfinite(values).all():
        raise InputError("values must be finite, got NaN or infinity")
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.6))
    left.hist(values.ravel(), bins=40, color=NAVY)
    left.set(yscale="log", xlabel=f"label value ({unit})", ylabel="class-attribute pairs")
    order = np.argsort(values.mean(0))
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)[:, order]
    position = np.arange(len(order))
    right.fill_between(position, low, high, color=NAVY, alpha=0.3, linewidth=0, label="10 % to 90 % of classes")
    right.plot(position, middle, color=NAVY, label="median class")
    right.set(xlabel="attribute, sorted by mean value", ylabel=f"label value ({unit})")
    right.legend(frameon=False, loc="upper left")
    return figure

"""The two attention losses of GEM-ZSL (Liu et al., "Goal-Oriented Gaze Estimation for Zero-Shot Learning", CVPR 2021).

Symbols: ``B`` images, ``A`` attributes in ``G`` groups, ``D`` channels, ``H`` x ``W`` locations.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from zslcore.errors import InputError
from zslcore.losses.basic import at_least_float32


def group_membership(groups: Sequence[Sequence[int]], num_attributes: int) -> Bool[Tensor, "G A"]:
    """Convert lists of attributes to a mask: row g marks the attributes of group g. Each must be in exactly one group.

    Example:
        >>> group_membership([[0, 2], [1]], 3).int()
        tensor([[1, 0, 1],
                [0, 1, 0]], dtype=torch.int32)
    """
    members = [int(attribute) for group in groups for attribute in group]
    if sorted(members) != list(range(num_attributes)) or not all(len(group) for group in groups):
        allowed = f"each attribute from 0 to {num_attributes - 1} exactly once and none may be empty"
        raise InputError(f"groups must hold {allowed}, got {[list(group) for group in groups]!r:.200}")
    membership = torch.zeros(len(groups), num_attributes, dtype=torch.bool)
    for row, group in enumerate(groups):
        membership[row, list(group)] = True
    return membership


def attribute_decorrelation_loss(
    query: Float[Tensor, "A D"], groups: Sequence[Sequence[int]] | Bool[Tensor, "G A"]
) -> Float[Tensor, ""]:
    """Mean over groups g and dimensions d of the L2 norm, over the attributes of g, of query[., d]; at least 0.

    This is a group lasso: attributes of one group share dimensions, and different groups use different ones.
    ``groups`` lists the attributes of each group, or is the mask of :func:`group_membership`.

    Example:
        >>> attribute_decorrelation_loss(torch.tensor([[3.0, 0.0], [4.0, 0.0], [0.0, 2.0]]), [[0, 1], [2]])
        tensor(1.7500)
    """
    if not isinstance(groups, Tensor):
        groups = group_membership(groups, len(query))
    if query.ndim != 2 or not query.numel() or groups.shape[1:] != query.shape[:1]:
        shapes = f"{tuple(query.shape)} and {tuple(groups.shape)}"
        raise InputError(f"query (attributes, channels) and groups (groups, attributes) must fit, got {shapes}")
    with torch.autocast(query.device.type, enabled=False):
        query = at_least_float32(query)
        squares = groups.to(query) @ query.square()  # (G, D)
        # where all members are exactly 0, the clamp makes the slope of the root 0 instead of infinite
        return squares.clamp(min=torch.finfo(query.dtype).tiny).sqrt().mean()


def compactness_loss(attention: Float[Tensor, "B A H W"]) -> Float[Tensor, ""]:
    """Mean over images, attributes and locations of attention x squared distance to its peak, in locations; >= 0.

    It is low if the attention of each attribute stays close to one location. The peak itself has no gradient.

    Example:
        >>> compactness_loss(torch.tensor([[[[0.6, 0.0, 0.4]]]]))  # 0.4 x 2^2 over 1 x 3 locations
        tensor(0.5333)
    """
    if attention.ndim != 4 or not attention.numel():
        raise InputError(
            f"attention must have shape (at least one image, attributes, height, width), got {tuple(attention.shape)}"
        )
    attention = at_least_float32(attention)
    peak = attention.flatten(2).argmax(2, keepdim=True)  # (B, A, 1)
    # squared distance = squared row distance + squared column distance, so each side is summed by itself
    rows, columns = (torch.arange(size, device=attention.device) for size in attention.shape[2:])
    height = (attention.sum(3) * (rows - peak // len(columns)).square()).sum()
    width = (attention.sum(2) * (columns - peak % len(columns)).square()).sum()
    return (height + width) / attention.numel()


def square_map(attention: Float[Tensor, "B A N"]) -> Float[Tensor, "B A H H"]:
    """Reshape attention over the locations of a square image to rows and columns; a ViT's class token is dropped.

    Example:
        >>> square_map(torch.zeros(2, 5, 49)).shape, square_map(torch.zeros(2, 5, 197)).shape
        (torch.Size([2, 5, 7, 7]), torch.Size([2, 5, 14, 14]))
    """
    if attention.ndim != 3:
        raise InputError(f"attention must have shape (images, attributes, locations), got {tuple(attention.shape)}")
    locations = attention.shape[2]
    side = math.isqrt(locations)
    if locations - side**2 not in (0, 1):
        raise InputError(f"attention must be over a square map, with or without class token, got {locations} locations")
    return attention[:, :, locations - side**2 :].unflatten(2, (side, side))

"""Controls for ReMSE: the same weights on other cells, so that only the rebalancing is removed."""

import torch
from torch import Tensor

from zslcore.losses.shapes import Cells, Present

CONTROLS = ("none", "permuted", "random")


def control_weights(weights: Cells, present: Present, control: str, generator: torch.Generator) -> Cells:
    """Reassign the weights of the present classes to other cells at random; absent classes keep theirs.

    ``"permuted"`` permutes the weights over the cells; ``"random"`` draws them with replacement.
    """
    cells = weights[present].flatten()
    if control == "permuted":
        chosen = torch.randperm(len(cells), generator=generator)
    else:
        chosen = torch.randint(max(1, len(cells)), (len(cells),), generator=generator)
    result = weights.clone()
    result[present] = cells[chosen.to(cells.device)].view(-1, weights.shape[1])
    return result


def _draw(weights: Tensor, present: Tensor, step: Tensor, control: str, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed((1_000_003 * seed + int(step)) % 2**32)  # a generator takes 32 bits
    return control_weights(weights, present, control, generator)


# As a custom operator, the draw is opaque to torch.compile, which would otherwise recompile in every step.
draw_control = torch.library.custom_op("zslcore::draw_control", _draw, mutates_args=())
draw_control.register_fake(lambda weights, present, step, control, seed: torch.empty_like(weights))


def at_equal_loss(control: Cells, weights: Cells, error: Cells, count: Cells) -> Cells:
    """Rescale a control's weights so that its loss on this batch equals that of ReMSE's weights.

    ReMSE's weights are large where errors are large. On other cells this is not so. Without this factor a control would
    therefore also have a smaller effective lambda.
    """
    wanted = (count * error * weights).sum()
    found = (count * error * control).sum()
    return control * torch.where(found > 0, wanted / torch.where(found > 0, found, 1.0), 1.0)

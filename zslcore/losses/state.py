"""The base of losses that keep numbers from step to step."""

from collections.abc import Callable

from torch import Tensor, nn

from zslcore.losses.basic import at_least_float32


class Stateful(nn.Module):
    """A loss whose buffers and parameters stay in float32 or float64 in a model of float16 or bfloat16.

    In bfloat16 a slow average, or a sigma with a small learning rate, never changes, because rounding
    removes every step. In float16, errors above 65504 are infinite.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        def precise(values: Tensor) -> Tensor:
            moved = fn(values)
            lost = moved.is_floating_point() and at_least_float32(moved) is not moved
            return values.to(moved.device) if lost else moved

        return super()._apply(precise, recurse)

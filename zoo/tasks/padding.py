"""How much of what the model gets is padding."""

from torch import Tensor

Places = tuple[int, int]
"""The places of a micro-batch's inputs that hold something, and all of them."""


def places(*masks: Tensor) -> Places:
    """Of masks that are not 0 where an input holds something."""
    return sum(int((mask != 0).sum()) for mask in masks), sum(mask.numel() for mask in masks)

"""The moving average of the weights, kept in the shares in which a rank updates them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from zoo.engines.engine import Fragment
from zoo.recipe import Recipe
from zoo.recipe.derived.exchange import steps_of

PREFIX = "ema/"
"""How the average's fragments are called, before the parameters' names."""


class Average:
    """An exponential moving average of some fragments, fp32 where their masters are.

    After the n-th update it is d * itself + (1 - d) * weights with d = decay * (1 - exp(-n /
    warmup)); without a warm-up d = decay. As ModelEMA of RT-DETR (rtdetr_pytorch/src/optim/ema.py).
    """

    def __init__(self, weights: Sequence[Fragment], decay: float, warmup: int) -> None:
        self.decay, self.warmup, self.updates = decay, warmup, 0
        self.weights = [one.tensor for one in weights]
        self.means = [one.tensor.clone() for one in weights]
        self.places = [(f"{PREFIX}{one.key.partition('/')[2]}", one) for one in weights]
        self.shown = False

    @torch.no_grad()
    def update(self) -> None:
        """Takes up the weights of a step that was taken."""
        self.updates += 1
        grown = 1 - math.exp(-self.updates / self.warmup) if self.warmup else 1.0
        for mean, weight in zip(self.means, self.weights, strict=True):
            mean.lerp_(weight, 1 - self.decay * grown)

    @torch.no_grad()
    def swap(self) -> None:
        """Puts the average where the weights are and keeps these, or the other way round."""
        self.shown = not self.shown
        for weight, mean in zip(self.weights, self.means, strict=True):
            kept = weight.clone()
            weight.copy_(mean)
            mean.copy_(kept)

    def fragments(self) -> Iterator[Fragment]:
        """Views on the average, under the parameters' names."""
        assert not self.shown, "the weights are not in their places"
        for (key, one), mean in zip(self.places, self.means, strict=True):
            yield replace(one, key=key, tensor=mean)


def average_of(recipe: Recipe, weights: Iterator[Fragment], steps: int) -> Average:
    """The recipe's average of this rank's weights, from what they are now; of none without one.

    `steps` is the length of the run, of which the warm-up may be a share.
    """
    section = recipe.optimizer.ema
    if section is None:
        return Average((), 0.0, 0)
    return Average(list(weights), section.decay, steps_of(section.warmup_steps, steps))

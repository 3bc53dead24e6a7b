"""What a model draws in training (dropout, LayerDrop), so that every cut of it draws the same.

Each layer draws from (seed, step, micro-batch, its place), whatever ran before it on this rank.
Whether LayerDrop leaves a layer out is drawn from (seed, step, its place): alike for all
micro-batches and ranks, because ranks that reduce together need gradients of the same layers.
"""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

SHARED = 2**32 - 1  # the place of what every stage makes for itself before its layers
LAYER_DROP = 1  # tells LayerDrop's words from those of a layer's own draws


class Draws:
    """Seeds the generators of this process and `device`; one for a model and whoever takes steps.

    Place 0 is before the layers, 1.. are the layers, the next is the head.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed, self.device = seed, device
        self.step = self.micro = 0

    def begin(self, step: int, micro: int) -> None:
        """Takes up a micro-batch, by its index in the global batch; numpy draws from here on."""
        self.step, self.micro = step, micro
        sequence = np.random.SeedSequence([self.seed, step, micro])
        self.seed_torch(sequence)
        np.random.seed(int(sequence.generate_state(1)[0]))

    def at(self, place: int) -> None:
        """What is drawn from now on is this place's."""
        self.seed_torch(np.random.SeedSequence([self.seed, self.step, self.micro, place]))

    def before_drop(self, place: int) -> None:
        """The next draw says whether LayerDrop leaves out the layer at this place."""
        words = [self.seed, self.step, place, 0, LAYER_DROP]
        number = self.seed_torch(np.random.SeedSequence(words))
        random.seed(number)  # some families ask Python or numpy
        np.random.seed(number % 2**32)

    def leaves_out(self, place: int, rate: float) -> bool:
        """Whether LayerDrop leaves out a layer in this step: transformers' own draw."""
        self.before_drop(place)
        return float(torch.rand([])) < rate

    def seed_torch(self, sequence: np.random.SeedSequence) -> int:
        """Seeds torch's generators; the number that they got."""
        number = int(sequence.generate_state(1, np.uint64)[0] >> 1)
        torch.default_generator.manual_seed(number)  # torch.manual_seed walks the stack: 1 ms
        if self.device.type == "cuda":
            torch.cuda.manual_seed(number)
        return number


def drops_layers(config: Any) -> bool:
    """Whether any rate of LayerDrop in a model's configuration is above 0."""

    def found(node: Any, name: str = "") -> bool:
        if isinstance(node, Mapping):
            return any(found(value, str(key)) for key, value in node.items())
        rate = "layerdrop" in name and isinstance(node, int | float)
        return rate and node > 0

    return found(config.to_dict())

"""Where a pipeline is cut: what weighs how much at each position, and stages of about the same."""

import math
import time
from collections.abc import Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.models.fill import NoWeights, fill
from zoo.models.stage import (
    Family,
    Outputs,
    Received,
    Stage,
    layer_names,
    owned_names,
    positions,
)

REPEATS = 3


def parameter_weights(model: nn.Module, family: Family) -> list[float]:
    """How many parameters each position holds (embedding, layers, head), tied ones in each."""
    weights = [0.0] * (len(layer_names(model, family)) + 2)
    where = positions(model, family)
    counted: set[tuple[int, int]] = set()
    for name, parameter in model.named_parameters(remove_duplicate=False):
        position = where[name]
        assert position is not None, f"{name} would be trained on every stage apart"
        if (position, id(parameter)) not in counted:
            counted.add((position, id(parameter)))
            weights[position] += parameter.numel()
    return weights


def layer_weights(model: nn.Module, family: Family) -> list[float]:
    """Every layer counts one, embedding and head nothing."""
    return [0.0, *[1.0] * len(layer_names(model, family)), 0.0]


def trained_positions(model: nn.Module, family: Family) -> list[bool]:
    """Which positions have something to train: of an adapter's model not all."""
    found = [False] * (len(layer_names(model, family)) + 2)
    where = positions(model, family)
    for name, parameter in model.named_parameters(remove_duplicate=False):
        position = where[name]
        if parameter.requires_grad and position is not None:
            found[position] = True
    return found


def balanced(
    weights: Sequence[float], parts: int, trained: Sequence[bool] | None = None
) -> list[int]:
    """Bounds of `parts` contiguous ranges, none empty, whose heaviest is as light as can be.

    Among those the second heaviest is as light as can be, and so on: no range is left without a
    layer while another has one to spare, and none without one of the `trained` where that can be
    (all of them, if nothing is said). Raises ValueError if there are fewer items than parts.
    Dynamic programming over (parts, items).
    """
    count = len(weights)
    if count < parts:
        raise ValueError(f"{count} positions cannot make {parts} stages")
    sums = [0.0, *accumulate(weights)]
    learning = [0, *accumulate(map(int, trained or [True] * count))]

    def weight(start: int, end: int) -> float:
        return sums[end] - sums[start] if learning[end] > learning[start] else math.inf

    best = {end: ([weight(0, end)], [0, end]) for end in range(1, count + 1)}
    for part in range(2, parts + 1):
        longer = {}
        for end in range(part, count + 1):
            options = (
                (sorted([*best[cut][0], weight(cut, end)], reverse=True), [*best[cut][1], end])
                for cut in range(part - 1, end)
            )
            longer[end] = min(options)
        best = longer
    return best[count][1]


def time_weights(
    model: PreTrainedModel, family: Family, inputs: Mapping[str, Tensor], device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> list[float]:  # fmt: skip
    """Seconds of one forward and backward of embedding, each layer and head, on one micro-batch.

    `model` is on meta and stays there: one position at a time gets random values of `dtype` on
    `device`. Floating inputs come in that type.
    """
    received: Received | Outputs = tuple(
        value.to(device, dtype if value.is_floating_point() else None) for value in inputs.values()
    )
    seconds = []
    for position in range(len(layer_weights(model, family))):
        bounds = (position, position + 1)
        wanted = owned_names(model, family, bounds, 0).__contains__
        fill(model, 0, NoWeights(), device, wanted=wanted)
        stage = Stage(model, family, bounds, 0).train().to(dtype)
        stage.names, stage.sends_positions = tuple(inputs), "position_ids" in inputs
        assert not isinstance(received, Mapping), "only the last position gives the model's output"
        spent, received = fastest(stage, received)
        seconds.append(spent)
        stage.to("meta", torch.float32)
        model.tie_weights()
    return seconds


def fastest(stage: Stage, received: Received) -> tuple[float, Received | Outputs]:
    """The shortest of a few passes, and what the stage gives to the next."""
    best = float("inf")
    for _ in range(REPEATS):
        parts = received if isinstance(received, tuple) else (received,)
        fresh = tuple(
            p.detach().clone().requires_grad_(p.is_floating_point() and not stage.first)
            for p in parts
        )
        started = time.perf_counter()
        given: Received | Outputs = stage(fresh)
        hidden = first_tensor(given)
        if hidden.requires_grad:
            hidden.sum().backward()
        if hidden.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
        stage.zero_grad(set_to_none=True)
    return best, given


def first_tensor(given: Received | Outputs) -> Tensor:
    """Hidden states, or of the model's output the logits, the first of several."""
    if isinstance(given, Mapping):
        logits: Tensor = next(one for name, one in given.items() if name.endswith("logits"))
        return logits
    return given[0] if isinstance(given, tuple) else given

"""Measures how long each position of a pipeline takes, one at a time, before anything is cut."""

import time
from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import PreTrainedModel

from zoo.models.fill import NoWeights, fill
from zoo.models.stage import Family, Outputs, Received, Stage, layer_weights, owned_names

REPEATS = 3


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
        stage.names = tuple(inputs)
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

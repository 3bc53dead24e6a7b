"""One place that says what tensors are called: those of a checkpoint's files, and tied ones."""

import re
from collections.abc import Iterable, Iterator

from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.models.upstream import conversion_steps, renamed, tied_names

_BASE = re.compile(r"\.base_layer(?=\.|$)")


def plain(name: str) -> str:
    """What a module or tensor is called in the model without adapters (zoo.models.adapters)."""
    return _BASE.sub("", name)


def plain_state(model: PreTrainedModel) -> dict[str, Tensor]:
    """A model's parameters and persistent buffers by their names without adapters."""
    return {plain(name): tensor for name, tensor in model.state_dict().items()}


def of_adapter(name: str) -> bool:
    """Whether a tensor is an adapter's own, which no base has (peft/tuners/lora/layer.py)."""
    return ".lora_" in name


def module_names(model: PreTrainedModel, keys: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Maps module tensor names to file keys with transformers' own conversion tables.

    Returns the map and the file keys whose tensors are merged or split on loading (those families
    must be loaded whole). Keys that belong to no module are left out.
    """
    known = plain_state(model)
    steps, prefix = conversion_steps(model), model.base_model_prefix
    found: dict[str, str] = {}
    merged: list[str] = []
    for key in keys:
        name, changed = renamed(key, steps, prefix, known)
        if name not in known and key in known:
            name, changed = renamed(key, ([], []), prefix, known)
        if changed:
            merged.append(key)
        elif name in known:
            found[name] = key
    return found, merged


def parameters_of(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """A model's parameters, tied ones once: under the name of the one that they are tied to, and
    adapted ones under that which they have without an adapter.

    torch names them by who comes first, which in XLM-RoBERTa is the head.
    """
    ties = tied_names(model)
    for name, parameter in model.named_parameters():
        yield ties.get(name, plain(name)), parameter

"""One place that says what tensors are called: those of a checkpoint's files, and tied ones."""

from collections.abc import Iterable, Iterator

from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.models.upstream import conversion_steps, renamed, tied_names


def module_names(model: PreTrainedModel, keys: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Maps module tensor names to file keys with transformers' own conversion tables.

    Returns the map and the file keys whose tensors are merged or split on loading (those families
    must be loaded whole). Keys that belong to no module are left out.
    """
    known: dict[str, Tensor] = dict(model.state_dict())
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
    """A model's parameters, tied ones once: under the name of the one that they are tied to.

    torch names them by who comes first, which in XLM-RoBERTa is the head.
    """
    ties = tied_names(model)
    for name, parameter in model.named_parameters():
        yield ties.get(name, name), parameter

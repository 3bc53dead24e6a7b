"""One place that maps the keys of a checkpoint's files to the names of a model's modules."""

from collections.abc import Iterable

from torch import Tensor
from transformers import PreTrainedModel

from zoo.models.upstream import conversion_steps, renamed


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

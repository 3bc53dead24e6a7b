"""One place that maps the keys of a checkpoint's files to the names of a model's modules."""

from collections.abc import Iterable

from torch import Tensor
from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key


def module_names(model: PreTrainedModel, keys: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Maps module tensor names to file keys with transformers' own conversion tables.

    Returns the map and the file keys whose tensors are merged or split on loading (those families
    must be loaded whole). Keys that belong to no module are left out.
    """
    known: dict[str, Tensor] = dict(model.state_dict())
    steps = get_model_conversion_mapping(model)
    renamings = [step for step in steps if isinstance(step, WeightRenaming)]
    converters = [step for step in steps if isinstance(step, WeightConverter)]
    found: dict[str, str] = {}
    merged: list[str] = []
    for key in keys:
        prefix = model.base_model_prefix
        name, converter = rename_source_key(key, renamings, converters, prefix, known)
        if name not in known and key in known:
            name, converter = rename_source_key(key, [], [], prefix, known)
        if converter is not None:
            merged.append(key)
        elif name in known:
            found[name] = key
    return found, merged

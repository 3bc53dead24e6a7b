"""An adapter as a folder that PEFT loads."""

import copy
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from transformers import AutoConfig, PreTrainedModel

from zoo.models.adapters.digest import refuse_other_base
from zoo.models.adapters.inject import trained_ties
from zoo.models.adapters.place import ADAPTER, BASE, WEIGHTS, FileAdapter, base_at, base_of, keyed
from zoo.models.adapters.quantised import without_advice
from zoo.models.config import ADAPTED
from zoo.models.weights import commit_of, weight_files
from zoo.recipe import Recipe


def save_adapter(model: PreTrainedModel, recipe: Recipe, folder: Path, base: str) -> None:
    """Writes an adapted model's adapter as PEFT does (peft/peft_model.py: save_pretrained), and the
    model's config, which says what sizes heads have, in a folder of its own: with one beside the
    adapter transformers would look for the base's weights there.

    `base` is the digest of what it stands on; of a hub id the commit is written too. Of tied
    modules that were trained both are written: PEFT ties nothing that it loads.
    """
    lora = recipe.model.lora
    assert lora is not None
    folder.mkdir(parents=True)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    ties = trained_ties(model)
    trained |= {name: model.get_parameter(name) for pair in ties.items() for name in pair}
    tensors = {keyed(name): p.detach().cpu().clone() for name, p in trained.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt", BASE: base})
    config: Any = copy.copy(model.peft_config[ADAPTER])
    if not isinstance(config.target_modules, str):
        config.target_modules = sorted(config.target_modules)  # a set has no order
    owners = {name.rpartition(".")[0] for pair in ties.items() for name in pair}
    config.modules_to_save = [*lora.modules_to_save, *sorted(owners)] or None
    name, revision = base_of(recipe)
    config.base_model_name_or_path = name
    config.revision = commit_of(name, revision)
    config.inference_mode = True
    config.save_pretrained(folder)
    model.config.save_pretrained(folder / ADAPTED)


def loaded_by(folder: Path, any_base: bool = False) -> dict[str, Any]:
    """What `from_pretrained` wants beside an exported folder: of an adapter its config, and which
    revision of its base it is loaded on (the adapter's own file is not asked for that).

    Raises ConfigError where the base is another than it was trained on, unless `any_base` will do.
    """
    own = folder / ADAPTED
    if not own.is_dir():
        return {}
    with without_advice():
        import_module("peft")  # as transformers is about to
    name, revision = base_at(str(folder))
    trained_on = FileAdapter(str(folder), None).base
    if trained_on and not any_base:
        refuse_other_base(str(folder), trained_on, weight_files(name, revision))
    return {"config": AutoConfig.from_pretrained(own), "revision": revision}

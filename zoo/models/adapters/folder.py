"""An adapter as a folder that PEFT loads."""

import copy
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from transformers import AutoConfig, PreTrainedModel

from zoo.models.adapters.place import ADAPTER, WEIGHTS, base_of, keyed
from zoo.models.config import ADAPTED
from zoo.recipe import Recipe


def save_adapter(model: PreTrainedModel, recipe: Recipe, folder: Path) -> None:
    """Writes an adapted model's adapter as PEFT does (peft/peft_model.py: save_pretrained), and the
    model's config, which says what sizes heads have, in a folder of its own: with one beside the
    adapter transformers would look for the base's weights there.
    """
    lora = recipe.model.lora
    assert lora is not None
    folder.mkdir(parents=True)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    tensors = {keyed(name): p.detach().cpu().contiguous() for name, p in trained.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    config: Any = copy.copy(model.peft_config[ADAPTER])
    if not isinstance(config.target_modules, str):
        config.target_modules = sorted(config.target_modules)  # a set has no order
    config.modules_to_save = list(lora.modules_to_save) or None
    config.base_model_name_or_path, config.revision = base_of(recipe)
    config.inference_mode = True
    config.save_pretrained(folder)
    model.config.save_pretrained(folder / ADAPTED)


def loaded_by(folder: Path) -> dict[str, Any]:
    """What `from_pretrained` wants beside an exported folder: of an adapter its config."""
    own = folder / ADAPTED
    return {"config": AutoConfig.from_pretrained(own)} if own.is_dir() else {}

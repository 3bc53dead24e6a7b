"""An adapter as a folder that PEFT loads, and the base that it stands on."""

import copy
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoConfig, PreTrainedModel

from zoo.models.adapters.inject import ADAPTER
from zoo.models.config import located
from zoo.models.fill import Weights
from zoo.recipe import Recipe

PREFIX = "base_model.model."
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapted"


def base_place(recipe: Recipe) -> str:
    """The hub id, or the folder, that plain transformers loads the base from: of a run its export.

    The recipe names one (a rule holds that).
    """
    place = located(str(recipe.model.weights or recipe.model.name))
    if (Path(place) / "checkpoints").is_dir():
        place = str(Path(place) / "model")
    return str(Path(place).resolve()) if Path(place).is_dir() else place


class OnBase:
    """A checkpoint's adapter, and under the other names its base's weights (Weights of
    zoo.models.fill)."""

    def __init__(self, adapter: Weights, base: Weights) -> None:
        self.adapter, self.base, self.own = adapter, base, adapter.names()

    def names(self) -> frozenset[str]:
        """See Weights."""
        return self.own | self.base.names()

    def shape(self, name: str) -> tuple[int, ...]:
        """See Weights."""
        return (self.adapter if name in self.own else self.base).shape(name)

    def tensor(self, name: str) -> Tensor:
        """See Weights."""
        return (self.adapter if name in self.own else self.base).tensor(name)


def save_adapter(model: PreTrainedModel, recipe: Recipe, folder: Path) -> None:
    """Writes an adapted model's adapter as PEFT does (peft/peft_model.py: save_pretrained), and the
    model's config, which says what sizes heads have, in a folder of its own: with one beside the
    adapter transformers would look for the base's weights there.
    """
    lora = recipe.model.lora
    assert lora is not None
    folder.mkdir(parents=True)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    tensors = {
        PREFIX + name.replace(f".{ADAPTER}.", "."): p.detach().cpu().contiguous()
        for name, p in trained.items()
    }
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    config: Any = copy.copy(model.peft_config[ADAPTER])
    if not isinstance(config.target_modules, str):
        config.target_modules = sorted(config.target_modules)  # a set has no order
    config.modules_to_save = list(lora.modules_to_save) or None
    config.base_model_name_or_path, config.revision = base_place(recipe), revision_of(recipe)
    config.inference_mode = True
    config.save_pretrained(folder)
    model.config.save_pretrained(folder / CONFIG)


def loaded_by(folder: Path) -> dict[str, Any]:
    """What `from_pretrained` wants beside an exported folder: of an adapter its config."""
    own = folder / CONFIG
    return {"config": AutoConfig.from_pretrained(own)} if own.is_dir() else {}


def revision_of(recipe: Recipe) -> str | None:
    """The revision of the base; that of `model.name`, where the weights are its."""
    model = recipe.model
    return model.revision if model.weights in (None, model.name) else None

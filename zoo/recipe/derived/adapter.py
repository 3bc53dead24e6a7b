"""What an export is where an adapter is trained, and what lies under it."""

from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.model import Bnb4bit


def exports_adapter(recipe: Recipe) -> bool:
    """Whether the exported folder holds an adapter alone."""
    return recipe.model.lora is not None and not recipe.run.export_merged


def in_4_bits(recipe: Recipe) -> Bnb4bit | None:
    """How an adapter's base is kept in 4 bits while it is trained (QLoRA); None: it is not."""
    return recipe.model.lora.bnb_4bit if recipe.model.lora is not None else None

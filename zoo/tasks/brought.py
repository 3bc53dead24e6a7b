"""What a name brings besides its configuration: an image processor or a feature extractor."""

from pathlib import Path
from typing import Any

from zoo.errors import ConfigError
from zoo.models.config import located
from zoo.recipe import Recipe
from zoo.tasks.roles import fault

_FILES = ("preprocessor_config.json", "processor_config.json")


def brought(recipe: Recipe, loader: Any, **words: Any) -> Any | None:
    """What `loader.from_pretrained` finds under `model.name`; None without name or such a file.

    `words` go to the loader.
    Raises ConfigError when a hub name's cannot be loaded and `model.processor` does not say it
    instead: other values would be used in silence.
    """
    if recipe.model.name is None:
        return None
    name = located(recipe.model.name)
    folder = Path(name)
    if folder.is_dir() and not any((folder / file).is_file() for file in _FILES):
        return None
    try:
        return loader.from_pretrained(
            name,
            revision=recipe.model.revision,
            trust_remote_code=recipe.model.trust_remote_code,
            **words,
        )
    except (OSError, ValueError) as error:
        if recipe.model.processor:
            return None
        found = f"{name} ({str(error).splitlines()[0]})"
        allowed = "a name that brings a processor, or values in model.processor"
        raise ConfigError([fault(recipe, "model.name", found, allowed)]) from error

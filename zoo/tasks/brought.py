"""What a name brings besides its configuration: an image processor or a feature extractor."""

from pathlib import Path
from typing import Any

from zoo.errors import ConfigError
from zoo.models.config import located
from zoo.recipe import Recipe
from zoo.tasks.roles import fault

_FILES = ("preprocessor_config.json", "processor_config.json")
_UNREADABLE = (OSError, ValueError, ImportError, KeyError, TypeError, AttributeError)


def brought(recipe: Recipe, loader: Any, **words: Any) -> Any | None:
    """What `loader.from_pretrained` finds under `model.name`; None without name or such a file.

    `words` go to the loader. Raises ConfigError when a hub name's cannot be loaded and
    `model.processor` does not say it instead: other values would be used in silence.
    """
    if recipe.model.name is None:
        return None
    try:
        revision = recipe.model.revision
        return _found(recipe, loader, recipe.model.name, {"revision": revision, **words})
    except _UNREADABLE as error:
        if recipe.model.processor:
            return None
        why = next((line for line in str(error).splitlines() if line), type(error).__name__)
        found, allowed = f"{recipe.model.name} ({why})", "a name that brings a processor, or values"
        where = fault(recipe, "model.name", found, f"{allowed} in model.processor")
        raise ConfigError([where]) from error


def beside_weights(recipe: Recipe, loader: Any, **words: Any) -> Any | None:
    """What lies beside `model.weights` where there is no name: it is not used, only compared."""
    section = recipe.model
    if section.name or section.weights in (None, "random"):
        return None
    run = Path(located(section.weights)) / "model"
    try:
        return _found(recipe, loader, str(run) if run.is_dir() else section.weights, words)
    except _UNREADABLE:
        return None


def _found(recipe: Recipe, loader: Any, place: str, words: dict[str, Any]) -> Any | None:
    name = located(place)
    folder = Path(name)
    if folder.is_dir() and not any((folder / file).is_file() for file in _FILES):
        return None
    trust = recipe.model.trust_remote_code
    return loader.from_pretrained(name, trust_remote_code=trust, **words)

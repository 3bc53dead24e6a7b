"""A tokenizer made from the train rows is part of its run: it lies in the run's folder."""

from pathlib import Path

from zoo.recipe import Recipe

TOKENIZER = "tokenizer"
_CONFIG = "tokenizer_config.json"


def made_from_texts(recipe: Recipe) -> bool:
    """Whether the recipe's tokenizer is made from the train rows."""
    chosen = recipe.model.tokenizer
    return chosen == "characters" or not (chosen is None or isinstance(chosen, str))


def kept_tokenizer(root: Path) -> Path | None:
    """Where a run's folder or an exported one has its tokenizer; None if it has none."""
    places = (root / TOKENIZER, root / "model", root)
    return next((place for place in places if (place / _CONFIG).is_file()), None)


def with_kept_tokenizer(recipe: Recipe, root: Path) -> Recipe:
    """The recipe with the tokenizer that the run in `root` was begun with, if it has a checkpoint.

    Made anew it may be another one: from other rows, by another version, or by chance.
    """
    begun = (root / "checkpoints").is_dir()
    kept = kept_tokenizer(root) if begun and made_from_texts(recipe) else None
    if kept is None:
        return recipe
    model = recipe.model.model_copy(update={"tokenizer": str(kept.absolute())})
    return recipe.model_copy(update={"model": model})

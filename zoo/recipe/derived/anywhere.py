"""The recipe as it is computed where the device that it is made for is not there."""

from zoo.recipe.recipe import Recipe

ELSEWHERE = {
    "attention": {"flash_attention_2": "sdpa"},
    "batch_norm": {"synchronized": "local"},
}
"""Values of `model` that need a GPU's kernels, and what gives the same scores without."""


def anywhere(recipe: Recipe) -> Recipe:
    """The same model without what only GPUs have: to prepare, export and score on a CPU."""
    chosen = {key: getattr(recipe.model, key) for key in ELSEWHERE}
    plain = {key: ELSEWHERE[key].get(value, value) for key, value in chosen.items()}
    if plain == chosen:
        return recipe
    model = recipe.model.model_copy(update=plain)
    return recipe.model_copy(update={"model": model})

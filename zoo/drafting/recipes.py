"""Which recipes of the catalog suit a user's data, and what each needs from the hub."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zoo.drafting.look import Look
from zoo.errors import ConfigError
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.compose.catalog import recipes
from zoo.recipe.vocabulary.kinds import KINDS

OWN_TOKENIZERS = ("bytes", "characters")


@dataclass(frozen=True)
class Base:
    """A recipe to start from, as it is and as it stands in its file."""

    recipe: Recipe
    file: Path

    @property
    def name(self) -> str:
        """What `--from` calls it."""
        return self.recipe.name

    @property
    def from_scratch(self) -> bool:
        """Whether it starts from random weights."""
        model = self.recipe.model
        return model.name is None and model.weights in (None, "random")

    @property
    def hub(self) -> list[str]:
        """What it fetches from the hub: names of models and tokenizers."""
        model = self.recipe.model
        tokenizer = model.tokenizer if isinstance(model.tokenizer, str) else None
        names = [model.name, model.weights, tokenizer]
        own = ("random", *OWN_TOKENIZERS)
        found = [name for name in names if name and name not in own and name[0] not in "./~"]
        return list(dict.fromkeys(found))


@cache
def bases() -> tuple[Base, ...]:
    """Every whole recipe of the catalog: those that need no hub first, the smaller first."""
    found = []
    for file in recipes():
        try:
            found.append(Base(load_recipe(file), file))
        except ConfigError:
            continue  # `zoo list` says what is wrong with it
    return tuple(sorted(found, key=lambda one: (bool(one.hub), one.recipe.model.parameters or 0)))


def suiting(look: Look) -> list[Base]:
    """The recipes for what the data may be, those of the likeliest kind first."""
    kinds = look.guesses()
    return [base for kind in kinds for base in bases() if base.recipe.task.kind == kind]


def roles_in_words(kind: str) -> str:
    """What the rows of a kind must hold."""
    return " or ".join(" and ".join(roles) for roles in KINDS[kind].roles)

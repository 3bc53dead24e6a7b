"""Rules about where data comes from: shards, here or on a server, and mixtures with their parts."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from zoo.recipe.checks.rules.data import DATA_RULES
from zoo.recipe.checks.rules.rows.filters import FILTER_RULES
from zoo.recipe.checks.rules.rule import Rule, Say
from zoo.recipe.compose.json_text import brief
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.data import CACHE_LIMIT, SHARDS, FilesData, MixtureData
from zoo.recipe.spec.words import is_url

OF_ALL = ("cache", "max_corrupt")
"""Keys that all parts have in common: the mixture's. So are `workers`, but many fragments name so
many as reading them alone takes: those are passed over, and said (zoo.telling.notes)."""
OF_SECTIONS = ("built-in data", "lengths", "columns", "labels")
"""The rules about data that every part must keep for itself, besides those about shards."""


def secret_in_url(recipe: Recipe) -> str:
    """A user, a password or a signature in the URL of the data: it would stand in every log."""
    data = recipe.data
    if not isinstance(data, FilesData) or not is_url(data.folder):
        return ""
    parts = urlsplit(data.folder)
    here = {"a user": "@" in parts.netloc, "a query": parts.query or parts.fragment}
    return " and ".join(f"{what} in the URL" for what, there in here.items() if there)


def no_shards(recipe: Recipe) -> str:
    """The format of files that are no shards, if the recipe names one."""
    data = recipe.data
    named = data.format if isinstance(data, FilesData) else None
    return "" if named is None or named in SHARDS else f"data.format {named}"


def streamed_file(recipe: Recipe) -> str:
    """Streaming of files that are no shards."""
    other = no_shards(recipe)
    streamed = isinstance(recipe.data, FilesData) and recipe.data.streaming
    return f"true with {other}" if other and streamed else ""


def far_file(recipe: Recipe) -> str:
    """A URL for files that are no shards."""
    other = no_shards(recipe)
    far = isinstance(recipe.data, FilesData) and is_url(recipe.data.folder)
    return f"a URL with {other}" if other and far else ""


def idle_limit(recipe: Recipe) -> str:
    """A budget of a cache that nothing is streamed through."""
    data = recipe.data
    idle = isinstance(data, FilesData) and not data.streaming
    said = data.cache_limit if isinstance(data, FilesData) else ""
    return f"{brief(said)} without streaming" if idle and said != CACHE_LIMIT else ""


SHARD_RULES = (
    Rule(
        "no secret",
        "data.folder",
        secret_in_url,
        "a URL without them; keys stand in the environment (AWS_..., HF_TOKEN) or in .netrc",
        "a recipe is kept with every run of it",
    ),
    Rule(
        "streamed shards",
        "data.streaming",
        streamed_file,
        f"false; or shards: {', '.join(SHARDS)}",
        "what is streamed is fetched shard by shard",
        "data.streaming=false",
        beside=("data.format",),
    ),
    Rule(
        "shards far away",
        "data.folder",
        far_file,
        f"a path; or shards: {', '.join(SHARDS)}",
        "what lies on a server is fetched shard by shard",
        beside=("data.format",),
    ),
    Rule(
        "a cache that is used",
        "data.cache_limit",
        idle_limit,
        "absent",
        "without data.streaming all shards are kept",
        "data.streaming=true",
        beside=("data.streaming",),
    ),
)


def no_shares(recipe: Recipe) -> str:
    """Parts of which nobody knows how much they are, or two keys know."""
    data = recipe.data
    if not isinstance(data, MixtureData):
        return ""
    weighed = [name for name, part in data.parts.items() if part.weight is not None]
    if data.temperature is not None:
        return f"weights ({', '.join(weighed)}) beside data.temperature" if weighed else ""
    without = [name for name in data.parts if name not in weighed]
    return f"no weight for {', '.join(without)}" if without else ""


def epochs_of_a_mixture(recipe: Recipe) -> str:
    """A length in epochs where each part has its own."""
    epochs = recipe.run.epochs
    return f"{epochs:g} of a mixture" if epochs and isinstance(recipe.data, MixtureData) else ""


def grouped(recipe: Recipe) -> str:
    """A part whose rows are to stand beside others of their length."""
    data = recipe.data
    alike = not isinstance(data, MixtureData) and data.sampling == "group-by-length"
    return "group-by-length in a part" if alike else ""


def _said(key: str) -> Say:
    """Says of a part that it sets what all have in common."""

    def found(recipe: Recipe) -> str:
        value = getattr(recipe.data, key)
        return brief(value) if value != type(recipe.data).model_fields[key].default else ""

    return found


MIXTURE_RULES = (
    Rule(
        "shares of a mixture",
        "data.parts",
        no_shares,
        "a weight for each part, or data.temperature for all",
        "each batch has so much of each",
        "data.temperature=1",
        beside=("data.temperature",),
    ),
    Rule(
        "epochs of a mixture",
        "run.epochs",
        epochs_of_a_mixture,
        "run.steps",
        "each part has epochs of its own, as long as its share lets them be",
        beside=("data.source",),
    ),
)

PART_RULES = (
    *(rule for rule in DATA_RULES if rule.name in OF_SECTIONS),
    *SHARD_RULES,
    *FILTER_RULES,
    Rule(
        "lengths in a mixture",
        "data.sampling",
        grouped,
        "random, sequential",
        "a batch holds rows of every part",
        "data.sampling=random",
    ),
    *(
        Rule(
            f"{key} of a mixture",
            f"data.{key}",
            _said(key),
            f"nothing here, but data.{key}",
            "all parts have it in common",
            f"data.{key}=unset",
        )
        for key in OF_ALL
    ),
)


def rules_of_parts(recipe: Recipe) -> list[Rule]:
    """The rules that each part of a recipe's mixture keeps, under the keys of the part."""
    data = recipe.data
    names = data.parts if isinstance(data, MixtureData) else ()
    return [_of_part(rule, name) for name in names for rule in PART_RULES]


def _of_part(rule: Rule, name: str) -> Rule:
    def moved(key: str) -> str:
        return f"data.parts.{name}.{key}" if key.startswith("data.") else key

    def nearest(recipe: Recipe) -> str:
        word = rule.nearest if isinstance(rule.nearest, str) else asked(rule.nearest, recipe)
        return shlex.join(moved(one) for one in shlex.split(word))

    asked = partial(_asked_of, name)
    return replace(
        rule,
        key=moved(rule.key),
        found=partial(asked, rule.found),
        nearest=nearest,
        beside=tuple(map(moved, rule.beside)),
    )


def _asked_of(name: str, say: Callable[[Recipe], Any], recipe: Recipe) -> Any:
    """What is said of a recipe that has nothing but the part; nothing where it has no such part."""
    data = recipe.data
    if not isinstance(data, MixtureData) or name not in data.parts:
        return ""
    return say(recipe.model_copy(update={"data": data.parts[name].data}))

"""Rules about data in shards, here or on a server."""

from urllib.parse import urlsplit

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.data import CACHE_LIMIT, SHARDS, FilesData
from zoo.recipe.spec.words import is_url


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

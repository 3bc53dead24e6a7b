"""The guide to every key: each of its fragments is legal, and no key is left out."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.documents import Block, blocks, text_of
from zoo.recipe import load_recipe
from zoo.recipe.compose.json_text import parse
from zoo.recipe.vocabulary.kinds import KINDS

GUIDE = "configs/KEYS.md"
SCHEMA = Path(__file__).parents[2] / "configs" / "schema" / "recipe.json"
BLOCKS = blocks(GUIDE)
TEXT = text_of(GUIDE)
SECTIONS = ("task", "model", "data", "parallel", "optimizer")
UPSTREAM = ("parallel.zero.", "optimizer.params.", "optimizer.scheduler.params.")
"""Names that DeepSpeed gives: `zoo explain` lists them."""


def value(block: Block) -> Any:
    """What a block says."""
    return parse(block.text, str(block))


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a reader who laid all of the guide down."""
    for block in BLOCKS:
        file = tmp_path / block.word
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.word)
def test_what_the_guide_shows_is_legal_with_the_recipe_that_it_names(
    block: Block, catalog: Path
) -> None:
    comment, zoo, show, recipe, *words = block.text.splitlines()[0].split()
    assert (comment, zoo, show) == ("//", "zoo", "show")
    named = recipe if (catalog / recipe).exists() else f"{recipe}.json"
    assert named == block.word or words[0].partition("=")[2] == Path(block.word).stem
    load_recipe(Path(recipe), words)


def test_the_guide_tells_the_columns_of_each_kind() -> None:
    for kind, entry in KINDS.items():
        ways = [" ".join(f"`{role}`" for role in roles) for roles in entry.roles]
        assert f"| {kind} | {', or '.join(ways)} |" in TEXT


def said() -> Iterator[str]:
    """The places of all keys that the guide's blocks and sentences show."""
    for block in BLOCKS:
        section = Path(block.word).parent.name
        yield from _places(value(block), section if section in SECTIONS else "")
    yield from re.findall(r"`([a-z_.]+)`", TEXT)
    yield from (f"data.columns.{role}" for entry in KINDS.values() for role in chain(*entry.roles))
    yield from (f"{section}.base" for section in SECTIONS)  # as that of the task


def _places(said: Any, at: str) -> Iterator[str]:
    if isinstance(said, dict):
        for name, inner in said.items():
            place = f"{at}.{name}" if at else name
            yield place
            yield from _places(inner, place)


def known(node: Any, at: str = "") -> Iterator[str]:
    """The places of all keys that the schema has names for."""
    definitions = json.loads(SCHEMA.read_text())["$defs"]
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    for name, inner in node.get("properties", {}).items():
        place = f"{at}.{name}" if at else name
        yield place
        yield from known(inner, place)
    for way in ("anyOf", "oneOf", "allOf"):
        for inner in node.get(way, ()):
            yield from known(inner, at)


def test_no_key_is_left_out_of_the_guide() -> None:
    shown = set(said())
    elsewhere = (*UPSTREAM, "model.tiny.")  # the twin's is a section `model` of its own
    keys = {key for key in known(json.loads(SCHEMA.read_text())) if not key.startswith(elsewhere)}
    assert sorted(keys - shown) == ["$schema"]  # that one an editor writes

"""Truths about every recipe of the catalog, found on the disk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.layout import Layout
from zoo.recipe import expanded, load_recipe
from zoo.recipe.derived.batching import batching

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "configs" / "recipes").rglob("*.json"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
@pytest.mark.parametrize("tiny", [False, True], ids=["whole", "tiny"])
def test_a_recipe_loads_and_its_expansion_is_the_same_recipe(
    path: Path, tiny: bool, tmp_path: Path
) -> None:
    recipe = load_recipe(path, tiny=tiny)
    copy = tmp_path / f"{recipe.name}.json"
    copy.write_text(json.dumps(expanded(recipe)))
    assert load_recipe(copy) == recipe
    assert recipe.description


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_twin_can_be_shared_by_two_data_ranks(path: Path) -> None:
    recipe = load_recipe(path, tiny=True)
    assert batching(recipe, Layout.of(data=2)).accumulation >= 1


def test_the_guides_table_is_what_the_catalog_says() -> None:
    zoo = [sys.executable, "-m", "zoo", "list", "--markdown"]
    table = subprocess.run(zoo, capture_output=True, text=True, check=True).stdout
    assert table.strip() in (ROOT / "configs" / "README.md").read_text(encoding="utf-8")

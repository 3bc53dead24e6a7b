"""Scores lie inside or outside of what a recipe expects, and the card says which."""

from pathlib import Path

import pytest

from tests.recipe.conftest import Catalog
from zoo.errors import ConfigError
from zoo.recipe import expanded, load_recipe
from zoo.recipe.provenance import Made
from zoo.telling.card import card
from zoo.telling.expected import told, verdicts

BANDS = [
    "run.expected.valid/loss=[1.5,2]",
    'run.expected.valid/perplexity={"max": 6}',
    'run.expected.valid/bits_per_byte={"min": 2}',
]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A catalog of its own."""
    return Catalog(tmp_path)


def test_each_score_is_inside_or_outside_its_band(catalog: Catalog) -> None:
    recipe = load_recipe(catalog.recipe(), BANDS)
    found = verdicts(recipe, {"step": 9, "valid/loss": 2.0, "valid/perplexity": 6.5})
    assert [one.inside for one in found] == [True, False, False]
    assert list(map(str, found)) == [
        "2, inside the expected 1.5 to 2",
        "6.5, outside the expected at most 6",
        "not scored, expected at least 2",
    ]
    assert told(found)["expected"]["valid/loss"] == {
        **{"score": "valid/loss", "value": 2.0, "low": 1.5, "high": 2.0},
        "inside": True,
    }
    text = card(recipe, expanded(recipe), Made(), 1, {"step": 9, "valid/loss": 2.0})
    assert "| valid/loss | 2, inside the expected 1.5 to 2 |" in text
    assert load_recipe(catalog.recipe(run=expanded(recipe)["run"])) == recipe


def test_a_twin_is_not_held_to_the_bands_of_its_recipe() -> None:
    words = ["run.expected.valid/loss=[1,2]", "run.patience=3", "run.eval_every=9"]
    assert load_recipe("gpt2-small-openwebtext", words).run.patience == 3
    twin = load_recipe("gpt2-small-openwebtext", tiny=True)
    assert twin.run.expected == {} and twin.run.patience is None


def test_a_band_is_two_numbers_or_an_object(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match=r"run\.expected\.valid/loss"):
        load_recipe(catalog.recipe(), ["run.expected.valid/loss=1.5"])
    with pytest.raises(ConfigError, match="lower one first"):
        load_recipe(catalog.recipe(), ["run.expected.valid/loss=[2,1]"])

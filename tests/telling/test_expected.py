"""Scores lie inside or outside of what a recipe expects, and the card says which."""

from pathlib import Path

import pytest

from tests.recipe.conftest import GOOD, Catalog
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
        "2, inside what is expected: 1.5 to 2",
        "6.5, outside what is expected: at most 6",
        "not scored, expected at least 2",
    ]
    assert told(found)["expected"]["valid/loss"] == {
        **{"score": "valid/loss", "value": 2.0, "low": 1.5, "high": 2.0},
        "inside": True,
    }
    text = card(recipe, expanded(recipe), Made(), 1, {"step": 9, "valid/loss": 2.0})
    assert "| valid/loss | 2, inside what is expected: 1.5 to 2 |" in text
    assert load_recipe(catalog.recipe(run=expanded(recipe)["run"])) == recipe


def test_a_twin_is_not_held_to_the_bands_of_its_recipe() -> None:
    words = ["run.expected.valid/loss=[1.5,2.5]", "run.patience=3", "run.eval_every=9"]
    assert load_recipe("gpt2-small-openwebtext", words).run.patience == 3
    twin = load_recipe("gpt2-small-openwebtext", tiny=True)
    assert twin.run.expected == {} and twin.run.patience is None


def test_bands_fall_away_with_another_section_that_they_are_of() -> None:
    recipe = load_recipe("gpt2-medium-openwebtext")
    assert recipe.run.expected
    for word in ("data=wikipedia", "model=gpt2-small"):
        assert load_recipe("gpt2-medium-openwebtext", [word]).run.expected == {}
    kept = load_recipe("gpt2-medium-openwebtext", ["optimizer.params.lr=1e-4", "run.steps=9000"])
    assert kept.run.expected == recipe.run.expected
    words = ["data=wikipedia", 'run.expected.valid/loss={"max":3}']
    assert list(load_recipe("gpt2-medium-openwebtext", words).run.expected) == ["valid/loss"]
    with pytest.raises(ConfigError, match="after it takes away"):
        load_recipe("gpt2-medium-openwebtext", words[::-1])


def test_a_band_of_no_score_is_a_fault_that_proposes_the_score_that_was_meant(
    catalog: Catalog,
) -> None:
    run = GOOD["run"]
    bands = {"valid/los": [1.5, 2.5], "perplexity": {"max": 9.5}}
    right = """run.expected.valid/los=unset 'run.expected.valid/loss=[1.5,2.5]'"""
    other = """run.expected.perplexity=unset 'run.expected.valid/perplexity={"max":9.5}'"""
    with pytest.raises(ConfigError) as caught:
        load_recipe(catalog.recipe(run={**run, "expected": bands}))
    assert caught.value.faults[0].nearest == f"{right} {other}"
    with pytest.raises(ConfigError) as caught:
        load_recipe(catalog.recipe(run={**run, "expected": {"valid/top_1": {"min": 1}}}))
    assert "where evaluation gives valid/perplexity" in caught.value.faults[0].found


def test_a_band_is_two_numbers_or_an_object(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match=r"run\.expected\.valid/loss"):
        load_recipe(catalog.recipe(), ["run.expected.valid/loss=1.5"])
    with pytest.raises(ConfigError, match="lower one first"):
        load_recipe(catalog.recipe(), ["run.expected.valid/loss=[2,1]"])

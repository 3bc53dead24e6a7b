"""What a run of the catalog should score is said by its recipe, and its twin is not held to it."""

from pathlib import Path

import pytest

from zoo.recipe import load_recipe
from zoo.recipe.checks.rules.data import scores_of
from zoo.recipe.compose.catalog import recipes
from zoo.recipe.spec.run import Band

UNSCORED = {
    # Masked or plain language models from random weights: nobody's loss on these data is known.
    *("bert-base-wikipedia", "bert-base-wikipedia-128", "bert-base-wikipedia-512"),
    *("bert-base-wikipedia-onebit-adam", "bert-base-wikipedia-onebit-lamb"),
    *("bert-base-wikipedia-zero-one-adam", "bert-large-wikipedia", "tinyllama-slimpajama"),
    # From random weights, or with less augmentation, where the published score has more.
    *("d-fine-l-coco", "rt-detr-r18-coco", "rt-detr-r50-coco", "vit-base-imagenet"),
}


def test_every_recipe_but_those_named_says_what_it_should_score() -> None:
    found = {path.stem for path in recipes() if not load_recipe(path).run.expected}
    assert found == UNSCORED


@pytest.mark.parametrize("path", recipes(), ids=lambda path: path.stem)
def test_a_band_is_of_a_score_that_evaluation_gives_and_open_to_better_ones_only(
    path: Path,
) -> None:
    recipe = load_recipe(path)
    given = scores_of(recipe)
    for name, band in recipe.run.expected.items():
        low, high = (band.min, band.max) if isinstance(band, Band) else band
        worst = low if given[name].larger_is_better else high
        assert worst is not None, f"{name}: any score would do"
    assert load_recipe(path, tiny=True).run.expected == {}

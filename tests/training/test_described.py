"""What an exported folder says of the model that its training started from."""

from pathlib import Path

import pytest

from zoo.recipe import load_recipe
from zoo.training.described import base_head


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: cc-by-4.0\nlanguage: de\n---\n# Base\n", "cc-by-4.0"),
        ("# A card without a head\n", None),
        ("---\nlicense: [unclosed\n---\n", None),
        (None, None),
    ],
    ids=["said", "no head", "broken", "no card"],
)
def test_the_licence_of_a_base_is_what_its_card_says(
    tmp_path: Path, card: str | None, licence: str | None
) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    recipe = load_recipe("bert-base-mnli-finetune", [f"model.weights={tmp_path}"])
    assert base_head(recipe).get("license") == licence
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    if card is not None:
        (run / "model" / "README.md").write_text(card)
    recipe = load_recipe("bert-base-mnli-finetune", [f"model.weights={run}"])
    assert base_head(recipe).get("license") == licence


def test_random_weights_have_no_card() -> None:
    assert base_head(load_recipe("bert-base-mnli-finetune", ["model.weights=random"])) == {}

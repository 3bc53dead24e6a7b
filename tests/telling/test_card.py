"""Model cards tell what a model is, and not what was published of another."""

from zoo.recipe import expanded, load_recipe
from zoo.recipe.provenance import Made
from zoo.telling.card import card, usage


def test_the_card_of_a_twin_or_a_changed_run_does_not_claim_what_was_published() -> None:
    recipe = load_recipe("gpt2-small-openwebtext", ["model.config.n_layer=1"], tiny=True)
    assert recipe.provenance.made == Made(
        "gpt2-small-openwebtext", True, ("model.config.n_layer=1",), False
    )
    text = card(recipe, expanded(recipe), recipe.provenance.made, 12_345, {})
    head = text.split("## Scores")[0]
    assert "# gpt2-small-openwebtext-tiny" in head and "tiny twin of the recipe" in head
    assert "- `model.config.n_layer=1`" in head and "12,345 parameters" in head
    assert head.index("The unchanged recipe says of itself:") < head.index("nanoGPT")
    plain = load_recipe("gpt2-small-openwebtext")
    text = card(plain, expanded(plain), plain.provenance.made, 12_345, {"step": 3, "valid/x": None})
    assert "unchanged" not in text and "twin" not in text.split("## How")[0]
    assert "| valid/x | not finite |" in text


def test_a_model_of_chats_is_used_by_a_chat_and_a_reward_model_by_prompt_and_answer() -> None:
    recipe = load_recipe("gpt2-small-openwebtext", tiny=True)
    assert "Once upon a time" in usage(recipe) and '"role": "user"' in usage(recipe, chats=True)
    pairs = ["task.problem=pairs", "data.name=docstring-preferences"]
    judge = load_recipe("bert-base-mrpc-finetune", pairs, tiny=True)
    assert "an answer to it" in usage(judge, chats=True)

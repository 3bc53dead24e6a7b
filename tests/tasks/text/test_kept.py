"""A tokenizer that a run makes from its rows is the run's: nobody makes another one later."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tests.ranks import run_ranks
from tests.runs import rows, twin
from zoo.errors import ConfigError
from zoo.layout import Place
from zoo.recipe import load_recipe
from zoo.tasks.text.kept import TOKENIZER, kept_tokenizer, with_kept_tokenizer
from zoo.tasks.text.tokenizer import tokenizer_fingerprint
from zoo.tasks.text.vocabulary import CAUSAL, character_tokenizer
from zoo.training.evaluate import load_from
from zoo.training.folder import RunFolder
from zoo.training.run import run
from zoo.training.world import refuse_different, world

UNIGRAM = 'model.tokenizer={"train": "unigram", "vocab_size": 90}'
BRIEF = ("data.max_train_examples=64", "data.max_valid_examples=8", "run.batch=16")


def fingerprint(folder: Path) -> str:
    return tokenizer_fingerprint(AutoTokenizer.from_pretrained(folder))


def test_a_run_that_has_no_checkpoint_makes_its_tokenizer(make_recipe, tmp_path):
    recipe = make_recipe("causal-lm", tokenizer="characters")
    RunFolder(tmp_path).keep_tokenizer(character_tokenizer(["ab"], CAUSAL))
    assert with_kept_tokenizer(recipe, tmp_path) is recipe
    (tmp_path / "checkpoints").mkdir()
    kept = with_kept_tokenizer(recipe, tmp_path)
    assert kept.model.tokenizer == str(tmp_path / TOKENIZER)
    assert kept.provenance is recipe.provenance
    named = make_recipe("causal-lm", tokenizer="bytes")
    assert with_kept_tokenizer(named, tmp_path) is named


def test_a_kept_tokenizer_is_never_overwritten(tmp_path):
    for letters in ("ab", "cd"):
        RunFolder(tmp_path).keep_tokenizer(character_tokenizer([letters], CAUSAL))
    found = kept_tokenizer(tmp_path)
    assert found is not None and "c" in AutoTokenizer.from_pretrained(found).get_vocab()
    assert "a" in AutoTokenizer.from_pretrained(tmp_path / f"{TOKENIZER}.1").get_vocab()


def steps(folder: Path, cache: Path, count: int) -> int:
    """Trains to `count` steps with a cache of its own; the trainer of unigram draws by chance."""
    words = [UNIGRAM, *BRIEF, f"run.folder={folder}", f"data.cache={cache}", "data.workers=0"]
    words += [f"run.steps={count}", "run.eval_every=0", "run.log_every=1"]
    return run(load_recipe(twin("sequence-classification"), words, tiny=True))


def test_another_cache_makes_no_other_tokenizer_for_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert run_ranks(1, steps, folder, tmp_path / "a", 2) == [0]
    kept = fingerprint(folder / TOKENIZER)
    assert fingerprint(folder / "model") == kept
    assert run_ranks(1, steps, folder, tmp_path / "b", 3) == [0]
    assert [row["step"] for row in rows(folder) if "loss" in row] == [1, 2, 3]
    assert fingerprint(folder / TOKENIZER) == fingerprint(folder / "model") == kept
    assert load_from(folder, []).model.tokenizer == str(folder / TOKENIZER)


def other_digest() -> str:
    """What a rank hears where the second one made another tokenizer."""
    recipe = load_recipe(twin("sequence-classification"), tiny=True)
    place = Place.from_environment()
    with world(place) as here:
        refuse_different(here, recipe, {"labels": "same", "tokenizer": "same"})
        with pytest.raises(ConfigError) as caught:
            refuse_different(here, recipe, {"labels": "same", "tokenizer": str(place.rank)})
    return str(caught.value)


@pytest.mark.ranks(2)
def test_ranks_with_different_tokenizers_are_all_refused() -> None:
    first, second = run_ranks(2, other_digest)
    assert first == second and "model.tokenizer: found another tokenizer on rank 1 on" in first

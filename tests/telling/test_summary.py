"""What `zoo show` says of a recipe first, and what differs."""

import shlex

import pytest

from tests.terminal import screen
from zoo.recipe import expanded, load_recipe
from zoo.recipe.changes import changes_of, differing, over_bases
from zoo.recipe.compose.catalog import recipes
from zoo.recipe.vocabulary.schedulers import SCHEDULERS
from zoo.telling.summary import difference, schedule, summary

GPT2 = "gpt2-small-openwebtext"
BERT = "bert-base-mnli-finetune"


def said(name: str, *words: str) -> dict[str, str]:
    """The summary's rows by name."""
    return dict(summary(load_recipe(name, words))[1])


def test_a_summary_counts_examples_and_tokens() -> None:
    steps = "run.steps=600000", "run.batch=480"
    assert said(GPT2, *steps)["length"] == (
        "600,000 steps of 480 examples = 288 M examples, at most 295 B tokens"
    )
    assert said(BERT, "run.epochs=2")["length"].startswith("2 epochs of train, 32 examples a step;")
    assert said("bert-base-wikipedia-128")["length"].endswith("29.5 B tokens")
    pairs = said(
        "tinyllama-ultrafeedback-dpo", "run.epochs=unset", "run.steps=1000", "run.batch=128"
    )
    assert pairs["length"].endswith("at most 262 M tokens")  # of both answers, 1,024 each
    assert "tokens" not in said("resnet50-imagenet")["length"]


def test_a_schedule_is_told_in_words_with_its_numbers() -> None:
    assert said(GPT2)["schedule"] == (
        "grows in a line over 2,000 steps to 0.0006, then falls as half a cosine to 0.1 times that"
        " at the end"
    )
    assert said(BERT)["schedule"].startswith("grows in a line over 10 % of the run to 2e-05")
    assert said(GPT2, "optimizer.scheduler=false")["schedule"] == "constant at 0.0006"
    assert said("t5-small-xsum")["schedule"].startswith("from 2e-05, falls")


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_schedule_has_words_for_its_course(name: str) -> None:
    entry = SCHEDULERS[name]
    needed = {key: 0.25 for key, one in entry.parameters.items() if one.required}
    needed |= {"milestones": [0.5]} if "milestones" in needed else {}
    needed |= {"warmup_type": "linear"} if "warmup_type" in needed else {}
    words = [f"optimizer.scheduler.type={name}"]
    words += [f"optimizer.scheduler.params.{key}={one}" for key, one in needed.items()]
    told = schedule(load_recipe(GPT2, words))
    assert told and "{" not in told


def test_every_shipped_recipe_has_a_summary_that_says_where_its_values_are_from() -> None:
    for file in recipes()[::4]:
        rows = said(file.stem)
        assert {"task", "model", "data", "length", "optimizer", "schedule", "layout"} <= set(rows)
        assert f"{file.name} (" in rows["values"]


def test_what_differs_from_another_recipe_makes_that_one_when_it_is_pasted() -> None:
    names = [GPT2, "gpt2-medium-openwebtext"]  # bands of two ends, and of one
    for name, another in (names, names[::-1]):
        other = load_recipe(another)
        lines = difference(differing(load_recipe(name), other))
        words = [shlex.split(line[2:], comments=True)[0] for line in lines if line.startswith("+ ")]
        pasted = expanded(load_recipe(name, words))
        assert {**pasted, "description": ""} == {**expanded(other), "description": ""}


def test_what_a_recipe_says_over_its_bases_and_over_defaults() -> None:
    found = over_bases(load_recipe(GPT2))
    lr = found["optimizer.params.lr"]
    assert (lr.was, lr.now) == (0.0003, 0.0006)
    assert (found["run.eval_every"].was, found["run.eval_every"].now) == (0, 1000)
    assert "model.config.n_embd" not in found


def test_what_falls_away_is_said_with_its_reason() -> None:
    words = ["optimizer.type=Lion", "optimizer.params.lr=1e-4"]
    lines = difference(changes_of(load_recipe(GPT2, words)))
    gone = next(line for line in lines if line.startswith("+ optimizer.params.weight_decay=unset"))
    assert 'optimizer.type became "Lion"' in gone
    assert difference({}) == ["nothing differs"]


def test_a_summary_on_a_narrow_terminal_cuts_no_path() -> None:
    shown = screen(60, "show", "whisper-small-common-voice-hi-finetune")
    rows = shown[: shown.index("{")]
    text = "".join(line.strip() for line in rows)
    assert "configs/recipes/speech/whisper-small-common-voice-hi-finetune.json" in text

"""Rules about the task and its augmentation."""

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.task import CTCSpec, ImageClassificationSpec, MaskedLMSpec
from zoo.recipe.vocabulary.tables import table


def masks_twice(recipe: Recipe) -> str:
    task, config = recipe.task, recipe.model.config
    entry = table("model")["types"].get(config.get("model_type", ""), {"keys": []})
    if not (isinstance(task, CTCSpec) and task.augment.spec_augment):
        return ""
    draws = "mask_time_prob" in config or "mask_time_prob" in entry["keys"]
    probability = config.get("mask_time_prob", 0.05)
    on = draws and config.get("apply_spec_augment", True) and probability
    return f"masks beside the model's mask_time_prob {brief(probability)}" if on else ""


def no_partner(recipe: Recipe) -> str:
    task = recipe.task
    mixing = isinstance(task, ImageClassificationSpec) and (
        task.augment.mixup or task.augment.cutmix
    )
    return "1 with mixup or cutmix" if mixing and recipe.run.micro_batch == 1 else ""


def no_seconds(recipe: Recipe) -> str:
    task = recipe.task
    if not isinstance(task, CTCSpec) or task.max_seconds is None:
        return ""
    wrong = task.min_seconds >= task.max_seconds
    return f"{task.max_seconds:g} with min_seconds {task.min_seconds:g}" if wrong else ""


def no_words(recipe: Recipe) -> str:
    task, tokenizer = recipe.task, recipe.model.tokenizer
    wordless = tokenizer in ("bytes", "characters")
    wrong = isinstance(task, MaskedLMSpec) and task.whole_word and wordless
    return f"true with model.tokenizer {brief(tokenizer)}" if wrong else ""


TASK_RULES = (
    Rule(
        "masks twice",
        "task.augment.spec_augment",
        masks_twice,
        "one of them: model.config.mask_time_prob 0 or task.augment.spec_augment false",
        "the model's own masks draw from a global generator",
        "model.config.mask_time_prob 0",
    ),
    Rule(
        "partner",
        "run.micro_batch",
        no_partner,
        "at least 2 with mixup or cutmix",
        "the partner is in the same micro-batch",
        "2",
    ),
    Rule(
        "seconds",
        "task.max_seconds",
        no_seconds,
        "more than task.min_seconds",
        "no clip would be left",
    ),
    Rule(
        "whole words",
        "task.whole_word",
        no_words,
        "a tokenizer that knows words, such as a trained wordpiece",
        "bytes and characters carry no word boundaries",
        "false",
    ),
)

"""Rules about the task and its augmentation; they speak of keys, whichever kinds have them."""

from typing import Any

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.kinds.losses import KEYS, LOSSES
from zoo.recipe.vocabulary.tables import table


def task_key(recipe: Recipe, *names: str) -> Any:
    """The value of a key below `task`; None where this kind of task has no such key."""
    value: Any = recipe.task
    for name in names:
        value = getattr(value, name, None)
    return value


def masks_twice(recipe: Recipe) -> str:
    """Masks over the spectrogram, by the task and by the model."""
    config = recipe.model.config
    if not task_key(recipe, "augment", "spec_augment"):
        return ""
    entry = table("model")["types"].get(config.get("model_type", ""), {"keys": []})
    draws = "mask_time_prob" in config or "mask_time_prob" in entry["keys"]
    probability = config.get("mask_time_prob", 0.05)
    on = draws and config.get("apply_spec_augment", True) and probability
    return f"masks beside the model's mask_time_prob {brief(probability)}" if on else ""


def of_one_class(recipe: Recipe) -> str:
    """What only the cross entropy of one class a row has, beside other labels."""
    problem, smoothing = task_key(recipe, "problem"), task_key(recipe, "label_smoothing")
    if problem in (None, "single-label"):
        return ""
    said = [f"label_smoothing {smoothing:g}"] if smoothing else []
    said += ["class_weights"] if task_key(recipe, "class_weights") else []
    return f"{brief(problem)} with {' and '.join(said)}" if said else ""


def no_partner(recipe: Recipe) -> str:
    """A micro-batch of one example where two are mixed."""
    mixing = task_key(recipe, "augment", "mixup") or task_key(recipe, "augment", "cutmix")
    return "1 with mixup or cutmix" if mixing and recipe.run.micro_batch == 1 else ""


def two_or_more(recipe: Recipe) -> str:
    """The smallest micro-batch with a partner in it, of those that share the batch out."""
    batch = recipe.run.batch
    fit = next((n for n in range(2, min(batch, 64) + 1) if batch % n == 0), 0)
    return f"run.micro_batch={fit}" if fit else ""


def no_seconds(recipe: Recipe) -> str:
    """A longest clip that is no longer than the shortest."""
    shortest, longest = task_key(recipe, "min_seconds"), task_key(recipe, "max_seconds")
    if longest is None or shortest < longest:
        return ""
    return f"{longest:g} with min_seconds {shortest:g}"


def weights_of_nothing(recipe: Recipe) -> str:
    """Weights of a language model where there is none; a whole recipe says the defaults too."""
    decoder = task_key(recipe, "decoder")
    if not decoder or decoder.language_model:
        return ""
    fields = type(decoder).model_fields
    told = [key for key in ("alpha", "beta") if getattr(decoder, key) != fields[key].default]
    return f"{' and '.join(told)} without a language model" if told else ""


def beam_alone(recipe: Recipe) -> str:
    """The same beam without weights."""
    return f'task.decoder={{"beam": {task_key(recipe, "decoder", "beam")}}}'


def no_words(recipe: Recipe) -> str:
    """Whole words of a tokenizer that knows none."""
    tokenizer = recipe.model.tokenizer
    wordless = tokenizer in ("bytes", "characters")
    wrong = task_key(recipe, "whole_word") and wordless
    return f"true with model.tokenizer {brief(tokenizer)}" if wrong else ""


def more_than_the_image(recipe: Recipe) -> str:
    """A crop that is larger than its image."""
    scale = task_key(recipe, "augment", "crop", "scale")
    return brief(list(scale)) if scale and scale[1] > 1 else ""


def strange_keys(recipe: Recipe) -> list[str]:
    """Keys that only other losses of preferences have."""
    loss = LOSSES.get(task_key(recipe, "loss"))
    others = [key for key in KEYS if loss is not None and key not in loss.keys]
    return [key for key in others if task_key(recipe, key) is not None]


def of_another_loss(recipe: Recipe) -> str:
    """What the chosen loss does not read."""
    strange = [f"{key} {task_key(recipe, key):g}" for key in strange_keys(recipe)]
    return f"{task_key(recipe, 'loss')} with {' and '.join(strange)}" if strange else ""


def without_the_first(recipe: Recipe) -> str:
    """The recipe without one of them."""
    return f"task.{strange_keys(recipe)[0]}=unset"


TASK_RULES = (
    Rule(
        "keys of another loss",
        "task.loss",
        of_another_loss,
        "; ".join(f"{name} with {', '.join(one.keys)}" for name, one in LOSSES.items() if one.keys),
        "nothing else reads them",
        without_the_first,
        beside=tuple(f"task.{key}" for key in KEYS),
    ),
    Rule(
        "area of a crop",
        "task.augment.crop.scale",
        more_than_the_image,
        "shares of the image's area, at most 1",
        "there is no more than the image to cut from",
    ),
    Rule(
        "masks twice",
        "task.augment.spec_augment",
        masks_twice,
        "one of them: model.config.mask_time_prob 0 or task.augment.spec_augment false",
        "the model's own masks draw from a global generator",
        "model.config.mask_time_prob=0",
        beside=("model.config.mask_time_prob", "model.config.apply_spec_augment"),
    ),
    Rule(
        "one class a row",
        "task.problem",
        of_one_class,
        "single-label, or neither",
        "both are of the cross entropy between classes of which one holds",
        "task.problem=single-label",
        beside=("task.label_smoothing", "task.class_weights"),
    ),
    Rule(
        "partner",
        "run.micro_batch",
        no_partner,
        "at least 2 with mixup or cutmix",
        "the partner is in the same micro-batch",
        two_or_more,
        beside=("task.augment.mixup", "task.augment.cutmix"),
    ),
    Rule(
        "seconds",
        "task.max_seconds",
        no_seconds,
        "more than task.min_seconds",
        "no clip would be left",
        beside=("task.min_seconds",),
    ),
    Rule(
        "weights of a language model",
        "task.decoder",
        weights_of_nothing,
        "language_model beside them, or neither",
        "they weigh what a language model says of the words",
        beam_alone,
        source="Hannun et al. 2014, arXiv:1408.2873, eq. 2",
    ),
    Rule(
        "whole words",
        "task.whole_word",
        no_words,
        "a tokenizer that knows words, such as a trained wordpiece",
        "bytes and characters carry no word boundaries",
        "task.whole_word=false",
        beside=("model.tokenizer",),
    ),
)

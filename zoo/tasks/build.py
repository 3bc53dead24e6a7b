"""From a recipe and its open source to the task: where the second ring of checks ends."""

from collections.abc import Callable

from zoo.data.source import Source
from zoo.recipe.recipe import Recipe
from zoo.tasks.causal_lm import CausalLM
from zoo.tasks.ctc import CTC
from zoo.tasks.image_classification import ImageClassification
from zoo.tasks.masked_lm import MaskedLM
from zoo.tasks.sequence_classification import SequenceClassification
from zoo.tasks.task import Task

TASKS: dict[str, Callable[[Recipe, Source], Task]] = {
    "causal-lm": CausalLM,
    "masked-lm": MaskedLM,
    "sequence-classification": SequenceClassification,
    "image-classification": ImageClassification,
    "ctc": CTC,
}


def build_task(recipe: Recipe, source: Source) -> Task:
    """The task of `task.kind`; raises ConfigError with every fault it finds in files and config."""
    return TASKS[recipe.task.kind](recipe, source)

"""From a recipe and its open source to the task: where the second ring of checks ends."""

from typing import Any

import transformers

from zoo.data.source import Source
from zoo.recipe import Recipe
from zoo.recipe.vocabulary.kinds import KINDS, kind_of
from zoo.recipe.vocabulary.named import named
from zoo.tasks.task import Task


def build_task(recipe: Recipe, source: Source) -> Task:
    """The task of `task.kind`; raises ConfigError with every fault it finds in files and config."""
    task: Task = named(kind_of(recipe.task).task)(recipe, source)
    return task


def head_class(kind: str) -> Any:
    """The class of transformers whose `from_config` and `from_pretrained` build a kind's model."""
    return getattr(transformers, KINDS[kind].head)

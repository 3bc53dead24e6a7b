"""The kinds of task: one entry each, with all that others ask about it."""

from dataclasses import replace

from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.vocabulary.kinds.kind import Kind
from zoo.recipe.vocabulary.kinds.losses import LOSSES
from zoo.recipe.vocabulary.kinds.speech import SPEECH
from zoo.recipe.vocabulary.kinds.text import TEXT
from zoo.recipe.vocabulary.kinds.vision import VISION
from zoo.recipe.vocabulary.scores import PROBLEMS

__all__ = ["KINDS", "Kind", "kind_of"]

KINDS: dict[str, Kind] = {**TEXT, **VISION, **SPEECH}


def kind_of(task: TaskSpec) -> Kind:
    """The entry of a recipe's kind of task, with what its `problem` or `loss` changes in it."""
    entry, problem = KINDS[task.kind], PROBLEMS.get(getattr(task, "problem", ""))
    loss = LOSSES.get(getattr(task, "loss", ""))
    if loss is not None:
        return replace(entry, roles=loss.roles)
    if problem is None:
        return entry
    return replace(entry, scores=problem.scores, classes=problem.classes, **problem.more)

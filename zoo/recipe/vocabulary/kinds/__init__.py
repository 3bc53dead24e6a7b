"""The kinds of task: one entry each, with all that others ask about it."""

from dataclasses import replace

from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.vocabulary.kinds.kind import Kind
from zoo.recipe.vocabulary.kinds.losses import LOSSES
from zoo.recipe.vocabulary.kinds.problems import PROBLEMS
from zoo.recipe.vocabulary.kinds.speech import SPEECH
from zoo.recipe.vocabulary.kinds.text import TEXT
from zoo.recipe.vocabulary.kinds.vision import VISION

__all__ = ["KINDS", "Kind", "kind_named", "kind_of"]

KINDS: dict[str, Kind] = {**TEXT, **VISION, **SPEECH}


def kind_of(task: TaskSpec) -> Kind:
    """The entry of a recipe's kind of task, with what its `problem` or `loss` changes in it."""
    return kind_named(task.kind, getattr(task, "problem", ""), getattr(task, "loss", ""))


def kind_named(kind: str, problem: str = "", loss: str = "") -> Kind:
    """The same by what a section `task` says; raises KeyError for a kind that there is not."""
    entry, other = KINDS[kind], PROBLEMS.get(problem)
    if loss in LOSSES:
        return replace(entry, roles=LOSSES[loss].roles)
    if other is None:
        return entry
    return replace(entry, scores=other.scores, classes=other.classes, **other.more)

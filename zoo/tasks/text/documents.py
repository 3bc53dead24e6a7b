"""Several documents in one row that do not see each other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from zoo.data.rows import Example
from zoo.errors import Fault
from zoo.models.families.documents import KEEP_APART, sees_across
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.text import CausalLMSpec
from zoo.tasks.roles import fault
from zoo.tasks.task import IGNORE
from zoo.tasks.text.encoding import document_frame

KEY = "task.documents"


class Separator(NamedTuple):
    """The token that begins each document of a stream, or else the one that ends it."""

    token: int
    ends: bool

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "Separator | None":
        """What the tokenizer puts there; None where it puts nothing between documents."""
        before, after = document_frame(tokenizer)
        if not before and not after:
            return None
        return cls(after[-1], True) if after else cls(before[0], False)

    def parted(self, block: Example) -> Example:
        """A block of a stream with "positions" from 0 in each document, and in the first from where
        the block begins. What a document begins with is no target.
        """
        ids = block["ids"]
        begins = np.flatnonzero(ids == self.token) + self.ends
        starts = np.zeros(len(ids), np.int64)
        begins = begins[(begins > 0) & (begins < len(ids))]
        starts[begins] = begins
        labels = ids.copy()
        labels[begins] = IGNORE
        share = 1 - len(begins) / (len(ids) - 1)
        places = np.arange(len(ids)) - np.maximum.accumulate(starts)
        return {**block, "labels": labels, "positions": places, "bytes": block["bytes"] * share}


def side_by_side(documents: Sequence[Example]) -> Example:
    """Examples of one document each as one: "ids" and "labels" one after the other, "positions"
    from 0 in each, "bytes" and "lost" added up. What a document begins with is no target: nothing
    of it stands before.
    """
    labels = [np.array(one["labels"], np.int64) for one in documents]
    for one in labels:
        one[0] = IGNORE
    counters = documents[0]["lost"]
    return {
        "ids": np.concatenate([np.array(one["ids"], np.int64) for one in documents]),
        "labels": np.concatenate(labels),
        "positions": np.concatenate([np.arange(len(one["ids"])) for one in documents]),
        "bytes": sum(one["bytes"] for one in documents),
        "lost": {name: sum(one["lost"][name] for one in documents) for name in counters},
    }


def document_faults(
    recipe: Recipe, config: PreTrainedConfig, text: bool, between: Separator | None
) -> list[Fault]:
    """What `task.documents` asks that rows (of `text`, or not), this model or a tokenizer with this
    separator cannot do.
    """
    assert isinstance(recipe.task, CausalLMSpec)
    chosen, other = recipe.task.documents, "apart" if text else "joined"
    if chosen == other:
        said, right = ("texts", "joined") if text else ("chats and completions", "apart")
        return [fault(recipe, KEY, f"{chosen} with {said}", f"{right} or masked", f"{KEY}={right}")]
    if chosen != "masked":
        return []
    plain = "joined" if text else "apart"
    if why := sees_across(config):
        allowed = f"{plain}, or a model of {', '.join(sorted(KEEP_APART))}"
        return [fault(recipe, KEY, f"masked with {why}", allowed, f"{KEY}={plain}")]
    if text and between is None:
        found = "masked with a tokenizer that puts no token between documents"
        return [fault(recipe, KEY, found, plain, f"{KEY}={plain}")]
    return []

"""Several documents in one row that do not see each other."""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedConfig

from zoo.data.rows import Example
from zoo.data.source import Source
from zoo.errors import Fault
from zoo.models.families.documents import KEEP_APART, sees_across
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.text import CausalLMSpec
from zoo.tasks.roles import fault, sets
from zoo.tasks.task import IGNORE

KEY = "task.documents"


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
    recipe: Recipe, source: Source, config: PreTrainedConfig, text: bool
) -> list[Fault]:
    """What `task.documents` asks that these rows (a column of `text`, or not) or this model cannot
    do."""
    assert isinstance(recipe.task, CausalLMSpec)
    chosen = recipe.task.documents
    other = {"joined": not text, "apart": text, "masked": text}.get(chosen or "", False)
    if other:
        allowed = "joined for a column of text" if text else "masked or apart for chats"
        said = "texts" if text else "chats and completions"
        return [fault(recipe, KEY, f"{chosen} with {said}", allowed)]
    if chosen != "masked":
        return []
    if why := sees_across(config):
        allowed = f"apart, or a model of {', '.join(sorted(KEEP_APART))}"
        return [fault(recipe, KEY, f"masked with {why}", allowed, f"{KEY}=apart")]
    sharded = [name for name, rows in sets(source).items() if rows.shard_sizes() is not None]
    if sharded:
        found = f"masked with rows in shards ({sharded[0]}), whose lengths are not known"
        return [fault(recipe, KEY, found, "apart", f"{KEY}=apart")]
    return []

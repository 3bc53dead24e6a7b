"""How much of `run.batch_unit` the model gets of each row."""

import numpy as np

from zoo.data.cache import cache_root
from zoo.data.loading.sizes import Size, counted_sizes
from zoo.data.rows import Example, Rows, digest
from zoo.errors import ConfigError
from zoo.recipe import Recipe
from zoo.tasks.roles import fault
from zoo.tasks.task import Task


def amounts_of(recipe: Recipe, task: Task, rows: Rows) -> np.ndarray | None:
    """What `Task.amounts` says of these rows where batches are counted in another unit than
    examples, else None. Raises ConfigError where that is known of no row.
    """
    unit = recipe.run.batch_unit
    if unit == "examples":
        return None
    found = task.amounts(rows) if rows.shard_sizes() is None else None
    if found is None or np.isnan(found).all():
        said = f"{unit}, for rows that are packed, lie in shards, or are of unknown length"
        raise ConfigError([fault(recipe, "run.batch_unit", said, "examples")])
    return found


def tokens_of(recipe: Recipe, task: Task, rows: Rows, size: Size) -> np.ndarray:
    """The tokens of every row as its example has them, exactly; counted once and cached."""
    template = getattr(task.tokenizer, "chat_template", None)
    made_of = digest(recipe.task.model_dump_json(), sorted(task.digests().items()), template)
    workers = recipe.data.workers
    return counted_sizes(rows, task.example, size, made_of, cache_root(recipe.data), workers)


def length_of(example: Example) -> int:
    """Of an example with "ids"."""
    return len(example["ids"])


def longer_side_of(example: Example) -> int:
    """Of a source ("ids") and a target ("labels"): a micro-batch is padded on both sides."""
    return max(len(example["ids"]), len(example["labels"]))

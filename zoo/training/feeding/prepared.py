"""What a run learns from and is scored on, prepared before any process group."""

import math
from dataclasses import dataclass, replace

import numpy as np

from zoo.data.joined import Mixed, each_part
from zoo.data.loading.shards import check_room
from zoo.data.ordering.build import order_of, said_of_parts
from zoo.data.ordering.order import Order
from zoo.data.ordering.plan import cut_by_amount
from zoo.data.rows import Rows
from zoo.data.samples import drawn
from zoo.data.source import Source
from zoo.errors import ConfigError
from zoo.layout import Place
from zoo.recipe import Recipe
from zoo.recipe.load import faults_at_length
from zoo.tasks.amounts import amounts_of
from zoo.tasks.task import Task
from zoo.training.checks import Checked
from zoo.training.feeding.reference import referred

SEVERAL = 4  # examples of a sample, where their number in a micro-batch varies


@dataclass(frozen=True)
class Prepared:
    """The rows that are trained and scored on, prepared once per host before any process group."""

    train: Rows
    valid: dict[str, Rows]
    order: Order
    steps: int

    @property
    def every(self) -> list[Rows]:
        """All sets."""
        return [self.train, *self.valid.values()]

    @property
    def told_of_parts(self) -> list[str]:
        """A line on each part of a mixture."""
        return said_of_parts(self.order, self.steps)

    def asked(self, checked: Checked) -> Source:
        """The rows that the exported model may be asked about: as they were opened, and where the
        task needs the starting model's word on them with that.
        """
        source = checked.source
        return replace(source, valid=self.valid) if checked.task.reference else source


def prepare(recipe: Recipe, checked: Checked) -> Prepared:
    """Packs, filters and orders the rows; LM text is tokenized here and cached."""
    train = each_part(checked.source.train, checked.task.rows)
    most, seed = recipe.data.max_valid_examples, recipe.data.split_seed
    sets = checked.source.valid.items()  # a set of few texts may be packed into many blocks
    valid = {name: drawn(checked.task.rows(rows), most, seed) for name, rows in sets}
    amounts = amounts_of(recipe, checked.task, train)
    for rows in valid.values():
        amounts_of(recipe, checked.task, rows)  # counted here, and not by all ranks at once
    order, run = order_of(recipe, train, checked.task.repeats, amounts), recipe.run
    steps = run.steps or math.ceil((run.epochs or 0) * order.steps_per_epoch)
    if faults := faults_at_length(recipe, steps):
        raise ConfigError(faults)
    valid = {name: referred(recipe, checked, rows) for name, rows in valid.items()}
    return Prepared(referred(recipe, checked, train), valid, order, steps)


def check_shards(recipe: Recipe, checked: Checked) -> None:
    """Raises ConfigError where shards that are streamed may not have room, if all processes are on
    one machine; of rows that a task makes first, the run tells.
    """
    train, world = checked.source.train, checked.layout.world
    parts = train.parts if isinstance(train, Mixed) else (train,)
    if checked.task.makes_rows or all(part.shard_sizes() is None for part in parts):
        return
    order = order_of(recipe, train, checked.task.repeats)
    sets = train, *checked.source.valid.values()
    check_room(recipe, checked.layout, Place(0, world), order, *sets)


def cuts_of(recipe: Recipe, task: Task, rows: Rows) -> list[np.ndarray] | None:
    """The rows of each micro-batch of an evaluation, where it is of an amount."""
    amounts = amounts_of(recipe, task, rows)
    return None if amounts is None else cut_by_amount(amounts, recipe.run.eval_micro_batch)


def examples_at_once(recipe: Recipe) -> int:
    """The examples of a micro-batch that is looked at in advance."""
    return recipe.run.micro_batch if recipe.run.batch_unit == "examples" else SEVERAL

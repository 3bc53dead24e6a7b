"""What a person wants to know of a recipe's data before training."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import train_batches
from zoo.inspecting.examples import Shown, shown
from zoo.inspecting.facts import Facts, facts_of, parts_of
from zoo.recipe import Recipe
from zoo.recipe.derived.batching import layout_of
from zoo.training.checks import ring_two
from zoo.training.feeding.prepared import examples_at_once, prepare

FIRST = 16  # micro-batches whose padding is measured


@dataclass(frozen=True)
class Inspected:
    """Numbers of the sets, and examples as the model gets them."""

    name: str
    facts: Facts
    examples: list[Shown]

    def content(self) -> dict[str, Any]:
        """All of it for programs; of pictures only the shape of what they show."""
        return {
            "recipe": self.name,
            **self.facts,
            "examples": [*map(_without_pictures, self.examples)],
        }


def inspect(recipe: Recipe, examples: int, most: int) -> Inspected:
    """Opens and prepares the recipe's data and looks at it, and at so many training examples.

    At most `most` rows of a set are read for its classes and for copies between sets. Raises
    ConfigError as training would.
    """
    checked = ring_two(recipe, layout_of(recipe).world, None, any_base=True)
    ready, task, run = prepare(recipe, checked), checked.task, recipe.run
    limit = CorruptLimit.of(recipe, ready.train)
    made = train_batches(
        ready.train, ready.order, task.example, task.collate, run.batch // run.micro_batch, 0,
        run.seed, 0, 0, limit,
    )  # fmt: skip
    wanted = max(FIRST, -(-examples // examples_at_once(recipe)))
    batches = [
        batch | {"inputs": task.on_device(batch["inputs"])}
        for batch in islice((batch for step in made for batch in step), wanted)
    ]
    test = {name: task.rows(rows) for name, rows in checked.source.test.items()}
    trained = {"train": ready.train, **parts_of(ready.train), **ready.valid, **test}
    facts = facts_of(checked.source, trained, batches, most)
    facts["steps_per_epoch"] = ready.order.steps_per_epoch
    facts["left_out"] = {why: count for why, count in task.left_out.items() if count}
    facts["filtered"] = {name: dict(rules) for name, rules in checked.source.left_out.items()}
    return Inspected(recipe.name, facts, shown(recipe, task, ready.train, batches, examples))


def _without_pictures(example: Shown) -> Shown:
    inputs = {
        name: {key: value for key, value in one.items() if key != "picture"}
        for name, one in example["inputs"].items()
    }
    return {**example, "inputs": inputs}

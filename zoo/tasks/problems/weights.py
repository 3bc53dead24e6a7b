"""What an example of each class weighs: as the recipe says, or by how rare the class is."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoo.data.cache import cache_root
from zoo.data.joined import Mixed
from zoo.data.ordering.build import shares_of
from zoo.data.preparing.classes import class_counts
from zoo.data.rows import Rows
from zoo.data.source import Source
from zoo.errors import Fault, near
from zoo.recipe import Recipe
from zoo.recipe.spec.data import MixtureData
from zoo.recipe.spec.task import ClassificationSpec
from zoo.tasks.roles import fault

KEY = "task.class_weights"


def weight_faults(recipe: Recipe, names: Sequence[str]) -> list[Fault]:
    """Names of no class, and a list that is not as long as there are classes."""
    assert isinstance(recipe.task, ClassificationSpec)
    said = recipe.task.class_weights
    if isinstance(said, tuple) and len(said) != len(names):
        return [fault(recipe, KEY, f"{len(said)} weights", f"{len(names)}, one a class")]
    strays = [name for name in said if name not in names] if isinstance(said, dict) else []
    return [
        fault(recipe, f"{KEY}.{name}", "a weight of no class", ", ".join(names), near(name, names))
        for name in strays
    ]


def class_weights(recipe: Recipe, source: Source) -> Tensor | None:
    """The weight of each class, float32 (classes,); None where all weigh 1.

    "balanced" as scikit-learn's compute_class_weight: rows / (classes * rows of the class); a class
    without rows weighs nothing. Rows of a mixture count as often as its batches hold them. Where no
    train rows are open nothing is learned either: None.
    """
    assert isinstance(recipe.task, ClassificationSpec) and source.labels is not None
    said, names = recipe.task.class_weights, source.labels
    if said is None or (said == "balanced" and not len(source.train)):
        return None
    if isinstance(said, dict):
        return torch.tensor([said.get(name, 1.0) for name in names])
    if said != "balanced":
        return torch.tensor(said)
    counts = _drawn(recipe, source.train, len(names))
    weights = np.zeros(len(names))
    np.divide(counts.sum(), len(names) * counts, where=counts > 0, out=weights)
    return torch.from_numpy(weights).float()


def _drawn(recipe: Recipe, train: Rows, classes: int) -> np.ndarray:
    """How many examples of each class as many draws as there are rows hold, float64 (classes,)."""
    root = cache_root(recipe.data)
    if not isinstance(train, Mixed) or not isinstance(recipe.data, MixtureData):
        return class_counts(train, classes, root).astype(np.float64)
    found = np.zeros(classes)
    shares = shares_of(recipe.data, train)
    for name, rows in train.by_name.items():
        found += class_counts(rows, classes, root) * (shares[name] * len(train) / len(rows))
    return found

"""Which parameters share hyper-parameters, said without a model at hand."""

from dataclasses import dataclass
from typing import Any

from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.optimizers import hyper_parameters


@dataclass(frozen=True)
class Group:
    """Parameters that share hyper-parameters, said without a model at hand.

    `vectors` is their weight decay below two dimensions, where it differs from params'.
    """

    which: str
    params: dict[str, Any]
    vectors: float | None = None


def parameter_groups(recipe: Recipe) -> list[Group]:
    """Rows for a table of optimizer groups: decayed, not decayed, and each pattern."""
    optimizer = recipe.optimizer
    if optimizer.weight_decay_on == "matrices":
        groups = [
            Group("two or more dimensions", hyper_parameters(optimizer, {})),
            Group("fewer than two dimensions", hyper_parameters(optimizer, {"weight_decay": 0.0})),
        ]
    else:
        groups = [Group("all parameters", hyper_parameters(optimizer, {}))]
    for pattern, changes in optimizer.groups.items():
        splits = optimizer.weight_decay_on == "matrices" and "weight_decay" not in changes
        values = hyper_parameters(optimizer, changes)
        groups.append(Group(pattern, values, 0.0 if splits else None))
    return groups

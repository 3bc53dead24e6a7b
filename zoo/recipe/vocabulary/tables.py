"""The shipped tables, generated from the classes of DeepSpeed and transformers."""

import functools
import json
from pathlib import Path

from zoo.recipe.vocabulary.parameters import Node


@functools.cache
def table(name: str) -> Node:
    """A shipped table: `zero`, `model`, `processor` or `families`."""
    content: Node = json.loads((Path(__file__).parent / "tables" / f"{name}.json").read_text())
    return content


WHOLE = (
    "which trains whole: nothing says how its layers run one by one, neither a file of zoo/models"
    " nor transformers' base_model_pp_plan of a causal language model"
)
NO_PLAN = "of which neither zoo/models nor base_model_tp_plan says how its matrices are cut"


def refusals(entry: Node) -> tuple[str, str]:
    """Why an architecture does not run in stages, and why not on tensor ranks, by its entry in
    `families`: clauses after its name, empty where it does.
    """
    if "family" not in entry:
        return entry.get("no_stages", WHOLE), entry.get("no_tensor", WHOLE)
    return entry.get("no_stages", ""), entry.get("no_tensor", "")

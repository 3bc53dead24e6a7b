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

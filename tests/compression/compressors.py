"""Compressors by name, as the engines make them."""

from typing import Any

from zoo.compression.gradients.compressor import Compressor, Dense
from zoo.recipe.vocabulary.compressors import COMPRESSORS
from zoo.recipe.vocabulary.named import named


def compressor(kind: str, *place: Any, **options: Any) -> Compressor:
    """The compressor of a kind (or `dense`) over a fused buffer, group, device (and dtype)."""
    if kind == "dense":
        return Dense(*place)
    entry = COMPRESSORS[kind]
    made: Compressor = named(entry.made_by)(*place, **entry.options, **options)
    return made

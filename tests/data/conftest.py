"""Recipes for the tests of the data room, as small as they can be but for the data section."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zoo.recipe import Recipe

TASKS = {
    "ctc": {"kind": "ctc"},
    "causal-lm": {"kind": "causal-lm", "sequence_length": 8},
    "preference": {"kind": "preference", "sequence_length": 8},
    "sequence-classification": {"kind": "sequence-classification", "sequence_length": 8},
    "question-answering": {"kind": "question-answering", "sequence_length": 32},
    "token-classification": {"kind": "token-classification", "sequence_length": 8},
    "image-classification": {"kind": "image-classification", "image_size": 8},
    "object-detection": {"kind": "object-detection", "image_size": 8},
    "semantic-segmentation": {"kind": "semantic-segmentation", "image_size": 8},
}
MakeRecipe = Callable[..., Recipe]


@pytest.fixture
def make_recipe(tmp_path: Path) -> MakeRecipe:
    """make_recipe(task kind, seed=0, problem="", **data section) with a cache of the test's own."""

    def make(kind: str, seed: int = 0, problem: str = "", **data: Any) -> Recipe:
        sections = {
            "task": {**TASKS[kind], **({"problem": problem} if problem else {})},
            "model": {},
            "data": {"cache": str(tmp_path / "cache"), **data},
            "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
            "run": {"steps": 1, "batch": 4, "micro_batch": 2, "seed": seed},
        }
        return Recipe.model_validate_json(json.dumps(sections))

    return make

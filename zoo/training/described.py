"""What an exported folder says of itself: its recipe, its card, the checkpoints it is of."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import metadata_load
from transformers import PreTrainedModel

from zoo.models.config import located
from zoo.models.upstream import optional_file
from zoo.recipe import Recipe, expanded
from zoo.recipe.compose.catalog import RECIPE
from zoo.telling.card import card
from zoo.telling.hub_head import base_of
from zoo.training.disk.kept import proof, step_of
from zoo.training.folder import RunFolder
from zoo.training.logs.metrics import METRICS

SOURCE, CARD = "checkpoint.txt", "README.md"
TEMPLATE = "chat_template.jinja"
"""Where transformers writes a tokenizer's chat template."""


def describe(
    recipe: Recipe, model: PreTrainedModel, folder: RunFolder, found: list[Path], part: Path
) -> None:
    """Writes recipe.json and the card: what this model is."""
    count = sum(parameter.numel() for parameter in model.parameters())
    content = expanded(recipe)
    content["run"].pop("folder", None)
    if "parameters" in content["model"]:
        content["model"]["parameters"] = count  # and not what the recipe says of the unchanged one
    several = list(map(step_of, reversed(found))) if len(found) > 1 else []
    made, scores, base = folder.made(), scores_at(folder, found), base_head(recipe)
    chats = (part / TEMPLATE).is_file()
    text = card(recipe, content, made, count, scores, several, base, chats)
    (part / RECIPE).write_text(json.dumps(content, indent=1), encoding="utf-8")
    (part / CARD).write_text(text, encoding="utf-8")


def base_head(recipe: Recipe) -> Mapping[str, Any]:
    """The head of the card of the model that training started from; empty where none is in reach or
    can be read.
    """
    start = base_of(recipe)
    if not start:
        return {}
    run = Path(located(start)) / "model"
    try:
        place = str(run) if run.is_dir() else located(start)
        revision = recipe.model.revision if start == recipe.model.name else None
        found = optional_file(place, CARD, revision)
        head = metadata_load(found) if found is not None else None
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return head if isinstance(head, dict) else {}


def identity(found: list[Path]) -> str:
    """Checkpoints' names, each with a digest of what it holds: a run that went back saves a step
    anew.
    """
    return "".join(f"{one.name}\n{proof(one)['sha256']}\n" for one in found)


def scores_at(folder: RunFolder, found: list[Path]) -> dict[str, Any]:
    """The evaluation row of a checkpoint's step; empty if there is none, and for a mean."""
    step, path = step_of(found[0]), folder.root / METRICS
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    scored = [row for row in rows if row["step"] == step and any("/" in key for key in row)]
    return scored[-1] if scored and len(found) == 1 else {}

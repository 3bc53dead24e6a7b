"""What `zoo compat` says of architectures: which run in stages and tensor ranks, and why not."""

from typing import Any

from zoo.recipe.compose.catalog import fragments, shipped_catalog
from zoo.recipe.compose.json_text import read_object
from zoo.recipe.vocabulary.tables import refusals, table
from zoo.telling.compat import YES
from zoo.telling.page import Page

UNCUT = (
    "where a layer has them, zoo check --deep refuses what its base_model_tp_plan says of experts"
    " and latent attention"
)


def families_page() -> Page:
    """Families and their tasks against stages and tensor ranks, and the reasons."""
    reasons: dict[str, int] = {}
    groups: dict[tuple[str, ...], list[str]] = {}
    entries = table("families")
    for model_type in _named_first(entries):
        entry = entries[model_type]
        tasks = ", ".join(entry["tasks"]) if "family" in entry else ""
        numbers = [_number(text, reasons) for text in marks(entry)]
        groups.setdefault((entry.get("family", ""), tasks, *numbers), []).append(model_type)
    rows = []
    for (_, tasks, *numbers), names in groups.items():
        every = dict.fromkeys(task for name in names for task in entries[name]["tasks"])
        rows.append([_members(names), tasks or ", ".join(every), *numbers])
    lines = [f"{number}  {text}" for text, number in reasons.items()]
    lines += [
        f"{names[0]} stands for: {', '.join(names[1:])}"
        for key, names in groups.items()
        if len(names) > 1 and key[0]
    ]
    heads = ["architecture", "tasks", "pipeline stages", "tensor ranks"]
    return Page([(heads, rows)], lines, families_object())


def families_object() -> dict[str, Any]:
    """Every model type by itself: its tasks, and `yes` or why not."""
    found = {}
    for name, entry in table("families").items():
        stages, tensor = (text or YES for text in marks(entry))
        found[name] = {"tasks": entry["tasks"], "stages": stages, "tensor": tensor}
    return found


def _number(text: str, reasons: dict[str, int]) -> str:
    return str(reasons.setdefault(text, len(reasons) + 1)) if text else YES


def marks(entry: dict[str, Any]) -> tuple[str, str]:
    """Why stages and why tensor ranks are not possible; empty where they are."""
    stages, tensor = refusals(entry)
    return stages, tensor or (UNCUT if "uncut" in entry else "")


def _members(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _named_first(entries: dict[str, Any]) -> list[str]:
    """The model types of the catalog's models first, then those that can be cut."""
    root = shipped_catalog()
    files = [root / "model" / f"{name}.json" for name in fragments("model", (root,))]
    shipped = [read_object(file)["config"]["model_type"] for file in files]
    cut = [name for name in entries if "family" in entries[name]]
    return [name for name in dict.fromkeys([*shipped, *cut, *entries]) if name in entries]

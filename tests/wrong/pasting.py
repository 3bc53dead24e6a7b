"""Wrong inputs of users: what is written and typed, what is said, and the way out pasted."""

import copy
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

import zoo.cli
from zoo.errors import ConfigError, Fault, Told
from zoo.recipe.checks.keys import RULED_BY_ANOTHER, UNKNOWN

RECIPE = {
    "task": {"kind": "sequence-classification", "sequence_length": 32},
    "model": "bert-mini",
    "data": {"source": "files", "folder": ".", "train": "reviews.csv", "valid": 0.25},
    "optimizer": "adamw-small",
    "run": {"epochs": 10, "batch": 4, "micro_batch": 2},
}
REVIEWS = "text,label\n" + "it was good,yes\nit was bad,no\n" * 16


def laid(changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe of reviews with keys changed; null takes a key away."""
    recipe: dict[str, Any] = copy.deepcopy(RECIPE)
    for key, value in changes.items():
        *above, last = key.split(".")
        place = recipe
        for name in above:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return recipe


def written(case: dict[str, Any], folder: Path) -> None:
    """Writes the files of a case."""
    files = {"reviews.csv": REVIEWS, case.get("as", "reviews.json"): laid(case.get("recipe", {}))}
    for name, content in (files | case.get("files", {})).items():
        if isinstance(content, dict) and "hex" in content:
            (folder / name).write_bytes(bytes.fromhex(content["hex"]))
        else:
            text = content if isinstance(content, str) else json.dumps(content, indent=2)
            (folder / name).write_text(text, encoding="utf-8")


def words_of(case: dict[str, Any]) -> list[str]:
    """What is typed."""
    if "words" in case:
        return list(case["words"])
    name = "own.json" if "own.json" in case.get("files", {}) else "reviews.json"
    return ["check", name, *(["--deep"] if case.get("deep") else [])]


def said(words: list[str]) -> tuple[int, list[Fault]]:
    """What `zoo WORDS` says here: its exit code and the faults of its one door."""
    found: list[Fault] = []

    def tell(error: Told) -> None:
        assert isinstance(error, ConfigError)
        found.extend(error.faults)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["zoo", *words])
        patch.setattr(zoo.cli, "tell", tell)
        with pytest.raises(SystemExit) as ended:
            zoo.cli.main()
    return int(ended.value.code or 0), found


def pasted(words: list[str], fault: Fault) -> list[str]:
    """The words with what a fault proposes in the place of what it is about.

    A command stands alone; a key that no section has is taken out of its file.
    """
    way = shlex.split(fault.nearest)
    if way[0] == "zoo":
        return way[1:]
    if fault.key == "VERB":
        return [*way, *words[1:]]
    typed = fault.file.removeprefix("command line: ")
    is_named = fault.key == "RECIPE" or typed != fault.file
    wrong = (typed if is_named else fault.key, fault.found, fault.key)
    at = next((words.index(one) for one in wrong if one in words), None)
    if at is None:
        at = next((n for n, one in enumerate(words) if one.partition("=")[0] == fault.key), None)
    if at is None:
        without_key(fault)
        return [*words, *way]
    return [*words[:at], *way, *(one for one in words[at + 1 :] if one not in way)]


def without_key(fault: Fault) -> None:
    """Takes a key that no section has out of a file."""
    file = Path(fault.file)
    if fault.found not in (UNKNOWN, RULED_BY_ANOTHER):
        return
    content = json.loads(file.read_text(encoding="utf-8"))
    *above, last = fault.key.split(".")
    place = content
    for name in above:
        place = place[name]
    del place[last]
    file.write_text(json.dumps(content), encoding="utf-8")

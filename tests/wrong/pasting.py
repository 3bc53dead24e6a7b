"""Wrong inputs of users: what is written and typed, what is said, and the way out pasted."""

import copy
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import zoo.cli
from zoo.errors import ConfigError, Fault, Told
from zoo.recipe.checks.keys import RULED_BY_ANOTHER, UNKNOWN
from zoo.recipe.provenance import TYPED

RECIPE = {
    "task": {"kind": "sequence-classification", "sequence_length": 32},
    "model": "bert-mini",
    "data": {"source": "files", "folder": ".", "train": "reviews.csv", "valid": 0.25},
    "optimizer": "adamw-small",
    "run": {"epochs": 10, "batch": 4, "micro_batch": 2},
}
REVIEWS = "text,label\n" + "it was good,yes\nit was bad,no\n" * 16
LINE = re.compile(r"line (\d+): (.*)", re.DOTALL)


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
    """Writes the files of a case, in folders where their names have some."""
    files = {"reviews.csv": REVIEWS, case.get("as", "reviews.json"): laid(case.get("recipe", {}))}
    for name, content in (files | case.get("files", {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict) and "hex" in content:
            path.write_bytes(bytes.fromhex(content["hex"]))
        else:
            text = content if isinstance(content, str) else json.dumps(content, indent=2)
            path.write_text(text, encoding="utf-8")
    if "model" in case:
        saved_model(folder / case["model"])


def saved_model(folder: Path) -> None:
    """A small BERT with its weights, as others save theirs."""
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=300, intermediate_size=32, **sizes)).save_pretrained(folder)


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

    A command of ours stands alone, one of the shell is run before the words; a line is put into
    the file; words for what stands in a file follow all others.
    """
    if line := LINE.fullmatch(fault.nearest):
        put_line(Path(fault.file), int(line[1]), line[2])
        return words
    way = shlex.split(fault.nearest)
    if way[0] == "zoo":
        return way[1:]
    if way[0] == "echo":
        subprocess.run(fault.nearest, shell=True, check=True)
        return words
    if fault.found in (UNKNOWN, RULED_BY_ANOTHER) and f"{fault.key}=unset" not in way:
        without_key(fault)
    begin, end = place_of(fault, words, way[0])
    return [*words[:begin], *way, *(one for one in words[end:] if one not in way)]


def without_key(fault: Fault) -> None:
    """Takes a key out of a file here, for which another name is proposed."""
    file = Path(fault.file)
    if not file.is_file() or file.is_absolute():
        return
    content = json.loads(file.read_text(encoding="utf-8"))
    *above, last = fault.key.split(".")
    place = content
    for name in above:
        place = place[name]
    del place[last]
    file.write_text(json.dumps(content), encoding="utf-8")


def put_line(file: Path, number: int, line: str) -> None:
    """Puts a line in the place of another."""
    lines = file.read_text(encoding="utf-8").split("\n")
    lines[number - 1] = line
    file.write_text("\n".join(lines), encoding="utf-8")


def place_of(fault: Fault, words: list[str], way: str) -> tuple[int, int]:
    """Where the words begin and end that a fault is about; their end where a file is wrong."""
    typed = fault.file.removeprefix(TYPED)
    if fault.key == "VERB":
        return 0, 1
    if typed != fault.file:
        several = typed.split(" ") if typed not in words else [typed]
        at = next(n for n in range(len(words)) if words[n : n + len(several)] == several)
        return at, at + len(several)
    thing = fault.found.partition(",")[0]
    named = fault.file if fault.key in ("RECIPE", "--hostfile") else ""
    option = way if way.startswith("--") and fault.file == "launcher" else ""
    for wrong in (option, named, thing, fault.key):
        if wrong in words[1:]:
            at = words.index(wrong, 1)
            return at, at + 1 + takes_next(words, at)
    keys = [one.partition("=")[0] for one in words]
    at = keys.index(fault.key, 1) if fault.key in keys[1:] else len(words)
    return at, min(at + 1, len(words))


def takes_next(words: list[str], at: int) -> bool:
    """Whether an option is followed by its value."""
    after = words[at + 1 : at + 2]
    return words[at].startswith("--") and bool(after) and not after[0].startswith("--")

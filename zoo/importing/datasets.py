"""Which data the words of other tools name."""

import re
from pathlib import Path

from zoo.importing.account import Account
from zoo.importing.dialects.values import DATASETS_OF_TASKS
from zoo.recipe.vocabulary.roles import ROLES

FILES = (".csv", ".json", ".jsonl", ".txt", ".tsv", ".parquet", ".arrow")
ALPACA = ("instruction", "input", "output")
"""Columns of Stanford's Alpaca, and of most sets of instructions after it."""
_NAMED = "name the columns: data.columns"


def settle_data(account: Account) -> None:
    """Lays the section `data`: a set of the hub, files, several of them, or a fragment."""
    parts = [one for one in account.ideas if re.fullmatch(r"part\.\d+\.path", one)]
    if is_glue(account):
        account.lay("data.base", f"glue-{str(account.said('data.task')).lower()}")
        account.ideas["data.task"][1].to = "data.base"
    elif "data.name" in account.ideas:
        _source(account, "data.name", "data")
        account.use("data.subset", "data.subset")
    elif "data.train_file" in account.ideas:
        _source(account, "data.train_file", "data")
    elif len(parts) > 1:
        _mixture(account, parts)
    elif parts:
        _part(account, "part.0", "data")
    if not is_glue(account):
        account.drop("data.task", "no fragment of the catalog: name the data")
    account.drop("data.registered", "a name of dataset_info.json: name the data yourself")
    if not account.sections.get("data"):
        for idea in list(account.ideas):
            said = account.ideas[idea][1]
            if idea.startswith(("data.", "part.", "column.")) and said.how != "not possible":
                account.drop(idea, "no data of a recipe follow")
        return
    _sets(account)


def is_glue(account: Account) -> bool:
    """Whether the data are those of one of GLUE's tasks."""
    return str(account.said("data.task", "")).lower() in DATASETS_OF_TASKS


def _sets(account: Account) -> None:
    """What is trained on and scored, and the columns, where there is one source."""
    if account.at(("data", "source")) == "mixture":
        for name in account.at(("data", "parts")):
            if account.use("data.share", f"data.parts.{name}.data.valid"):
                account.ideas["data.share"][1].to = "data.parts.*.data.valid"
        return
    for idea in ("train", "valid"):
        account.use(f"data.{idea}", f"data.{idea}")
    account.use("data.valid_file", "data.valid")
    account.use("data.test_file", "data.test")
    if account.at(("data", "valid")) is None:
        account.use("data.share", "data.valid")
    else:
        account.drop("data.share", "a set of its own is scored", "no effect")
    for idea, role in (("column.text", "text"), ("column.label", "label")):
        account.use(idea, f"data.columns.{role}")


def _source(account: Account, idea: str, to: str) -> None:
    """The hub's set of a name, or a file, as the source of a section."""
    name = str(account.said(idea))
    if Path(name).suffix in FILES:
        account.lay(f"{to}.source", "files")
        account.lay(f"{to}.folder", "/" if name.startswith("/") else ".")
        account.use(idea, f"{to}.train", name.lstrip("/"))
    else:
        account.lay(f"{to}.source", "hub")
        account.use(idea, f"{to}.name")


def _mixture(account: Account, parts: list[str]) -> None:
    """Several sets: a part each, of which a run sees as much as there is."""
    account.lay("data.source", "mixture")
    account.lay("data.temperature", 1, None, "as one set after the other: by their sizes")
    taken: set[str] = set()
    for idea in parts:
        stem = re.sub(r"[^\w-]+", "-", Path(str(account.said(idea))).stem).strip("-") or "part"
        number = next(n for n in range(1, len(parts) + 1) if f"{stem}-{n}" not in taken)
        taken.add(f"{stem}-{number}")
        name = stem if number == 1 else f"{stem}-{number}"
        _part(account, idea.removesuffix(".path"), f"data.parts.{name}.data")


def _part(account: Account, part: str, to: str) -> None:
    """One of axolotl's data sets as a section `data`."""
    _source(account, f"{part}.path", to)
    account.use(f"{part}.subset", f"{to}.subset")
    account.use(f"{part}.split", f"{to}.train")
    if f"{part}.files" in account.ideas:
        account.use(f"{part}.files", f"{to}.train")
    account.use(f"{part}.messages", f"{to}.columns.messages")
    account.use(f"{part}.field", f"{to}.columns.text")
    _columns(account, f"{part}.type", to)


def _columns(account: Account, idea: str, to: str) -> None:
    """The columns that a type of data sets stands for."""
    kind = str(account.said(idea, ""))
    if kind.startswith("alpaca"):
        if set(ALPACA) <= ROLES.keys():
            account.drop(idea, "instruction, input and output: columns of these names", "derived")
            return
        account.lay(f"{to}.columns.prompt", ALPACA[0])
        account.lay(f"{to}.columns.completion", ALPACA[2])
        account.drop(idea, "without the column input, which no recipe can read", "derived")
    elif kind.startswith(("sharegpt", "chat_template")):
        if kind.startswith("sharegpt") and account.at((*to.split("."), "columns")) is None:
            account.lay(f"{to}.columns.messages", "conversations")
        account.drop(idea, "chats: the column messages", "derived")
    elif kind.startswith("completion"):
        account.drop(idea, "text: the column text", "derived")
    else:
        account.drop(idea, _NAMED)

"""Which data the words of other tools name."""

from pathlib import Path

from zoo.importing.account import Account
from zoo.importing.dialects.values import DATASETS_OF_TASKS


def settle_data(account: Account) -> None:
    """Lays the section `data`: a set of the hub, a file, or a fragment of the catalog."""
    task = str(account.said("data.task", "")).lower()
    if task in DATASETS_OF_TASKS:
        account.lay("data.base", f"glue-{task}")
        account.ideas["data.task"][1].to = "data.base"
    elif "data.name" in account.ideas:
        _source(account, str(account.said("data.name")), "data.name")
        account.use("data.subset", "data.subset")
    elif "data.train_file" in account.ideas:
        _source(account, str(account.said("data.train_file")), "data.train_file")
    parts = [one for one in account.ideas if one.startswith("part.") and one.endswith(".path")]
    if len(parts) == 1:
        _part(account)
    for idea in parts if len(parts) > 1 else []:
        account.drop(idea, "several sets: name them as data.source=mixture")
    account.drop("data.registered", "a name of dataset_info.json: name data yourself")
    if not account.sections.get("data"):
        for idea in account.ideas:
            said = account.ideas[idea][1]
            if idea.startswith(("data.", "part.", "column.")) and said.how != "not possible":
                account.drop(idea, "no data of a recipe follow")
        return
    for idea in ("train", "valid"):
        account.use(f"data.{idea}", f"data.{idea}")
    account.use("data.valid_file", "data.valid")
    account.use("data.test_file", "data.test")
    if "valid" not in account.sections["data"]:
        account.use("data.share", "data.valid")
    for idea, role in (("column.text", "text"), ("column.label", "label")):
        account.use(idea, f"data.columns.{role}")


def _source(account: Account, name: str, idea: str) -> None:
    """The hub's set of a name, or a file."""
    if Path(name).suffix in (".csv", ".json", ".jsonl", ".txt", ".tsv", ".parquet"):
        account.lay("data.source", "files")
        account.lay("data.folder", "/" if name.startswith("/") else ".")
        account.use(idea, "data.train", name.lstrip("/"))
    else:
        account.lay("data.source", "hub")
        account.use(idea, "data.name")


def _part(account: Account) -> None:
    _source(account, str(account.said("part.0.path")), "part.0.path")
    account.use("part.0.subset", "data.subset")
    account.use("part.0.split", "data.train")
    account.use("part.0.messages", "data.columns.messages")
    account.use("part.0.field", "data.columns.text")
    account.drop("part.0.files", "name them: data.train")
    if str(account.said("part.0.type", "")).startswith("alpaca"):
        account.lay("data.columns.prompt", "instruction")
        account.lay("data.columns.completion", "output")

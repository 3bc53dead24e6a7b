"""Which data the words of other tools name."""

import re
from pathlib import Path

from zoo.importing.account import Account
from zoo.importing.columns import roles_of, settle_columns, settle_template
from zoo.importing.dialects.scripts import OF_TRL
from zoo.importing.dialects.values import DATASETS_OF_TASKS
from zoo.importing.models import trained_by

FILES = (".csv", ".json", ".jsonl", ".txt", ".tsv", ".parquet", ".arrow")

READ = {
    "column.text": ("source", "transcript", "tokens", "text"),
    "column.label": ("tags", "label"),
}
"""What the scripts' columns of texts and labels are to the kinds of tasks, the likeliest first."""


def settle_data(account: Account) -> None:
    """Lays the section `data`: a set of the hub, files, several of them, or a fragment."""
    parts = [one for one in account.ideas if re.fullmatch(r"part\..+\.path", one)]
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
        _part(account, parts[0].removesuffix(".path"), "data")
    settle_template(account, parts)
    if not is_glue(account):
        account.drop("data.task", "no fragment of the catalog: name the data")
    if parts:
        account.drop("data.registered", "as dataset_info.json says", "derived")
    account.drop("data.registered", "no dataset_info.json here: name the data yourself")
    account.drop("data.dir", "where dataset_info.json is looked for", "no effect")
    if not account.sections.get("data"):
        for idea in list(account.ideas):
            said = account.ideas[idea][1]
            if (
                idea.startswith(("data.", "part.", "column.", "do_eval"))
                and said.how != "not possible"
            ):
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
            account.use("data.share", f"data.parts.{name}.data.valid")
        return
    for idea in ("train", "valid"):
        account.use(f"data.{idea}", f"data.{idea}")
    account.use("data.valid_file", "data.valid")
    account.use("data.test_file", "data.test")
    if account.at(("data", "valid")) is None:
        account.use("data.share", "data.valid")
    else:
        account.drop("data.share", "a set of its own is scored", "no effect")
    _scored(account)
    roles = roles_of(account)
    for idea, known in READ.items():
        if role := next((one for one in known if one in roles), ""):
            account.use(idea, f"data.columns.{role}")
        else:
            account.drop(idea, f"rows hold {', '.join(roles)}")


def _scored(account: Account) -> None:
    """The split that a script scores, where it scores at all and no file says another."""
    asked = "do_eval" in account.ideas or account.at(("run", "eval_every"))
    unsaid = account.at(("data", "valid")) is None and account.at(("data", "source")) == "hub"
    if not (asked and unsaid and "script" in account.ideas):
        account.drop("do_eval", "what data.valid names is scored", "no effect")
        return
    split = "test" if trained_by(account) in OF_TRL else "validation"
    account.lay("data.valid", split, None, "the split that the script scores")
    account.use("do_eval", "data.valid", split)


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
        own = idea.removeprefix("part.").removesuffix(".path")
        called = Path(str(account.said(idea))).stem if own.isdigit() else own
        stem = re.sub(r"[^\w-]+", "-", called).strip("-") or "part"
        number = next(n for n in range(1, len(parts) + 1) if f"{stem}-{n}" not in taken)
        taken.add(f"{stem}-{number}")
        name = stem if number == 1 else f"{stem}-{number}"
        _part(account, idea.removesuffix(".path"), f"data.parts.{name}.data")


def _part(account: Account, part: str, to: str) -> None:
    """One of several data sets as a section `data`."""
    _source(account, f"{part}.path", to)
    account.use(f"{part}.subset", f"{to}.subset")
    account.use(f"{part}.revision", f"{to}.revision")
    account.use(f"{part}.split", f"{to}.train")
    account.use(f"{part}.files", f"{to}.train")
    settle_columns(account, part, to)

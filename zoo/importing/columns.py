"""Which columns the data sets of other tools have, by what those call a set's type."""

from zoo.importing.account import Account
from zoo.importing.models import PREFERENCE
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.kinds.losses import LOSSES
from zoo.recipe.vocabulary.roles import ROLES
from zoo.recipe.vocabulary.scores import PAIRS

ALPACA = ("instruction", "input", "output")
"""Columns of Stanford's Alpaca, and of most sets of instructions after it."""
PREFERRED: dict[str, tuple[str, ...]] = {
    "intel": ("question", "chosen", "rejected"),
    "icr": ("input", "chosen", "rejected"),
    "argilla": ("instruction", "chosen_response", "rejected_response"),
    "prompt_pairs": ("prompt", "chosen", "rejected"),
    "ultra": ("prompt", "chosen", "rejected"),
    "argilla_chat": ("prompt", "chosen", "rejected"),
}
"""The columns of a prompt and of two answers, by what stands behind the dot of axolotl's types."""
INSTEAD = {"instruction": "prompt", "output": "completion"}
"""What Alpaca's columns are to a task that has no roles of their names."""
PAIR = ("prompt", "chosen", "rejected")


def settle_columns(account: Account, part: str, to: str) -> None:
    """Lays the columns of one data set: those that its type stands for, and those that are named.

    What no recipe can read is noted.
    """
    kind = str(account.said(f"{part}.type", ""))
    behind = kind.rpartition(".")[2]
    if kind.startswith("alpaca"):
        columns = dict(zip(ALPACA, ALPACA, strict=True))
    elif behind in PREFERRED:
        columns = dict(zip(PAIR, PREFERRED[behind], strict=True))
    elif kind.startswith(("sharegpt", "chat_template")):
        columns = {"messages": "conversations" if kind.startswith("sharegpt") else "messages"}
    else:
        columns = {"text": "text"} if kind.startswith("completion") else {}
    why = f"columns {', '.join(columns.values())}" if columns else "name the columns: data.columns"
    account.drop(f"{part}.type", why, "derived" if columns else "not possible")
    roles = roles_of(account)
    for name, column in columns.items():
        role = name if name in roles else INSTEAD.get(name, "")
        if role in roles and role != column:
            account.lay(f"{to}.columns.{role}", column)
    if columns and "input" in columns and "input" not in roles:
        path = account.said(f"{part}.path")
        account.notes.append(f"of {path} the column input is not read, if it has one")
    for idea in [one for one in account.ideas if one.startswith(f"{part}.column.")]:
        name = idea.rpartition(".")[2]
        role = name if name in roles else INSTEAD.get(name, "")
        if role in roles:
            account.use(idea, f"{to}.columns.{role}")
        else:
            account.drop(idea, f"rows hold {', '.join(roles)}")


def settle_template(account: Account, parts: list[str]) -> None:
    """Writes instructions as axolotl's type `alpaca` does, where all that is learned is of it."""
    numbered = [one for one in parts if one.split(".")[1].isdigit()]
    types = [str(account.said(one.removesuffix("path") + "type")) for one in numbered]
    alike = bool(types) and all(one.startswith("alpaca") for one in types)
    unsaid = account.at(("model", "chat_template")) is None
    known = "alpaca" in account.choices("model.chat_template") and "instruction" in roles_of(
        account
    )
    if alike and unsaid and known:
        account.lay("model.chat_template", "alpaca", None, "as axolotl writes alpaca's columns")


def roles_of(account: Account) -> tuple[str, ...]:
    """What rows may hold for the kind of task, or for any."""
    kind = account.at(("task", "kind"))
    known = KINDS[kind].roles if kind in KINDS else (tuple(ROLES),)
    if kind == PREFERENCE:
        known = LOSSES[account.at(("task", "loss")) or "dpo"].roles
    if account.at(("task", "problem")) == "pairs":
        known = PAIRS
    return tuple(dict.fromkeys(role for roles in known for role in roles))

"""Which columns of a table a task reads, and what is said where it cannot."""

from collections.abc import Mapping, Sequence

from zoo.data.faults import Faults
from zoo.data.sources.opened import Wanted
from zoo.errors import near
from zoo.recipe.instead import built_in_data, instead
from zoo.recipe.vocabulary.roles import ROLES, How

_KINDS: dict[How, str] = {
    "text": "a column of text",
    "value": "a column of class names, ids or numbers",
    "messages": "a column of chats",
    "image": "a column of images: bytes or paths",
    "objects": "a column of objects: lists of bbox and category",
    "mask": "a column of masks: bytes or paths of images",
    "audio": "a column of clips: bytes or paths",
    "words": "a column of words: lists, or texts that are cut at spaces",
    "tags": "a column of tags: a list of names or ids a row",
    "spans": "a column of stretches: lists of start, end and label",
    "answers": "a column of answers: text and answer_start",
}

OTHER_NAMES = {"conversations": "messages", "conversation": "messages"}
"""Columns of other tools' data that are a role, by what those call them."""


def roles_to_read(
    here: Mapping[str, str],
    odd: Mapping[str, str],
    names: Sequence[str],
    entry: str,
    wanted: Wanted,
    faults: Faults,
) -> tuple[str, ...] | None:
    """The first choice of roles that a table has whole; None after noting what is wrong.

    `here` has the column of each role, `odd` says of a role why no row of it can be read, `names`
    are all columns, and `entry` is what the table is called in a message.
    """
    choice = wanted.chosen(here.keys() - odd.keys())
    if choice is not None:
        return choice
    others = {OTHER_NAMES[name]: name for name in names if name in OTHER_NAMES}
    told = here.keys() | others.keys()
    nearest = max(wanted.choices, key=lambda one: (len(told & set(one)), -len(one)))
    proposed: set[str] = set()
    for role in nearest:
        if role not in here:
            free = sorted(set(names) - set(here.values()))
            left = [name for name in free if name not in proposed] or free
            meant = others.get(role) or near(role, left) or next(iter(left), "")
            proposed.add(meant)
            _say_missing(role, free, meant, entry, wanted, faults)
        elif role in odd:
            found = f"{here[role]} ({odd[role]})"
            way = built_in_data(faults.recipe)
            faults.add(f"columns.{role}", found, _KINDS[ROLES[role].how], way=way)
    return None


def _say_missing(
    role: str, free: Sequence[str], meant: str, entry: str, wanted: Wanted, faults: Faults
) -> None:
    rows = " or ".join(" and ".join(choice) for choice in wanted.choices)
    found = f"no column {role} in {entry}, though rows need {rows}"
    allowed = "the one that it is, of" if free else "a table that has it: all of its are taken"
    key = f"columns.{role}"
    recipe = faults.recipe
    way = instead(recipe, f"{faults.at}.{key}", meant) if meant else built_in_data(recipe)
    faults.add(key, found, allowed, free, way=way)

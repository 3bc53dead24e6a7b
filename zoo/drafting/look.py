"""A look at a user's data: its files, its columns, and which kinds of task they can serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data.sources.finding import kind_of
from zoo.drafting.columns import LOOKED_AT, Column, columns_of, files_of, first_records
from zoo.drafting.places import Places, fault, places_of
from zoo.drafting.roles import SURE, TOLD, Fit, fitted
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.roles import MEDIA, ROLES

OF_FILES = {
    "class-folders": ("image", "label"),
    "masks": ("image", "mask"),
    "text": ("text",),
}
"""The roles of formats whose files are examples themselves."""
CLOSED = ("arrow", "webdataset")
"""Formats that are not looked into: their columns must have the names of roles."""


def guessed(kind_and_roles: tuple[str, tuple[str, ...]]) -> tuple[int, int, int]:
    """How special the roles of a kind are: those that tell more of what data is for come first."""
    roles = kind_and_roles[1]
    media = sum(ROLES[role].how in MEDIA for role in roles)
    sure = sum(role in (*SURE, *TOLD) and role != "label" for role in roles)
    return (-media, -sure, -len(roles))


GUESSES = sorted(
    ((kind, roles) for kind, entry in KINDS.items() for roles in entry.roles), key=guessed
)
"""What data may be for, the more special first."""


@dataclass(frozen=True)
class Look:
    """What was found: the files, and the columns of their first train rows (none of files that are
    examples themselves); `more` says that there are more rows than were looked at.
    """

    places: Places
    columns: Mapping[str, Column]
    rows: int
    more: bool = False

    def fit(self, roles: Sequence[str]) -> Fit | None:
        """The columns of these roles, if the data has them."""
        own = OF_FILES.get(self.places.kind)
        if own is not None:
            here = {role: role for role in roles if role in own}
            return Fit(dict(here), len(here)) if len(here) == len(roles) else None
        if self.places.kind in CLOSED:
            return Fit({role: role for role in roles}, len(roles))
        return fitted(roles, self.columns)

    def fit_of_kind(self, kind: str) -> Fit | None:
        """The columns of the choice of a kind's roles that names tell best."""
        fits = [fit for roles in KINDS[kind].roles if (fit := self.fit(roles))]
        return max(
            fits, key=lambda one: (one.named == len(one.columns), len(one.columns)), default=None
        )

    def guesses(self) -> list[str]:
        """The kinds of task that the data may be for, the likeliest first."""
        if self.places.kind in CLOSED:
            return []
        found: list[tuple[tuple[int, ...], str]] = []
        for kind, roles in GUESSES:
            fit = self.fit(roles)
            if fit and (fit.named == len(roles) or _need_no_names(roles)):
                found.append(((*guessed((kind, roles)), fit.named < len(roles)), kind))
        return list(dict.fromkeys(kind for _, kind in sorted(found, key=lambda one: one[0])))


def _need_no_names(roles: Sequence[str]) -> bool:
    """Whether what columns hold tells these roles apart, whatever they are called."""
    return len([role for role in roles if role not in SURE]) < 2


def look(named: Sequence[Path]) -> Look:
    """Opens what was named and reads its first rows; raises ConfigError."""
    places = places_of(named)
    if places.kind in OF_FILES or places.kind in CLOSED:
        return Look(places, {}, _files(places) if places.kind in OF_FILES else 0)
    rows: list[dict[str, object]] = []
    folder = places.folder
    for path in files_of(places, "train"):
        folder = path.parent if not rows else folder
        rows += first_records(path, kind_of(str(path)) or places.kind, LOOKED_AT + 1 - len(rows))
        if len(rows) > LOOKED_AT:
            break
    if not rows:
        raise fault(f"{folder} without a row that can be read", "a table of rows with columns")
    more = len(rows) > LOOKED_AT
    return Look(places, columns_of(rows[:LOOKED_AT], folder), min(len(rows), LOOKED_AT), more)


def _files(places: Places) -> int:
    """How many train files there are."""
    from zoo.data.sources.finding import found

    kind = "text" if places.kind == "text" else "class-folders"
    each = [found(places.folder, entry, kind) for entry in places.entries["train"]]
    return sum(len(one.files) for one in each if one)

"""One opened piece of a split, with what is known of its labels before they become class ids."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from zoo.data.faults import Faults
from zoo.data.rows import Row, Rows, Wrapped, digest
from zoo.data.sources.values import reading
from zoo.recipe.vocabulary.kinds import Kind
from zoo.recipe.vocabulary.roles import ROLES


@dataclass(frozen=True)
class Wanted:
    """What a task reads of a row: one of `choices` of roles, whole; the first that is there."""

    choices: tuple[tuple[str, ...], ...]
    classes: bool = False
    """Labels name classes; else they are numbers."""
    may_be_blank: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: Kind) -> "Wanted":
        """What the rows of a kind of task must hold."""
        return cls(kind.roles, kind.classes, kind.may_be_blank)

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role of any choice, each once."""
        return tuple(dict.fromkeys(role for choice in self.choices for role in choice))

    def reading(self, role: str, names: Sequence[str] | None = None) -> Callable[[Any], Any]:
        """What makes of a raw value what `role` reads; see values.reading."""
        return reading(role, self.classes, role in self.may_be_blank, names)

    def chosen(self, roles: Collection[str]) -> tuple[str, ...] | None:
        """The first choice that is there whole, if one is."""
        return next((choice for choice in self.choices if set(choice) <= set(roles)), None)

    def as_in(self, roles: Collection[str]) -> "Wanted":
        """The same for a set that has to hold what another one does."""
        choice = self.chosen(roles)
        return replace(self, choices=(choice,)) if choice else self


@dataclass(frozen=True)
class Opened:
    """Rows whose labels stand as in the data; `label_names` if the data set names its classes."""

    rows: Rows
    label_values: frozenset[Any] = field(default=frozenset())
    label_names: tuple[str, ...] | None = None


Columns = Mapping[Any, str]  # role to column


class SplitReader(Protocol):
    """Opens what a split key of the data section names."""

    def read(self, key: str, entry: str, wanted: Wanted) -> Opened | None:
        """The rows that `entry` names under `data.<key>`; None after noting what is wrong."""


class RenamedRows(Wrapped):
    """Rows whose columns carry other names than their roles."""

    def __init__(self, rows: Rows, columns: Columns) -> None:
        super().__init__(rows)
        self.columns = roles_of(rows.roles, columns)
        self.roles = frozenset(self.columns)
        self.fingerprint = digest("renamed", rows.fingerprint, sorted(self.columns.items()))

    def __getitem__(self, index: int) -> Row:
        row = self.rows[index]
        chosen = {role: row[column] for role, column in self.columns.items()}
        return {**{key: row[key] for key in row if key not in self.rows.roles}, **chosen}

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        return self.rows.pieces(index, self.columns[role])


def roles_of(names: frozenset[str], columns: Columns) -> dict[str, str]:
    """The column of each role: as `columns` says, else its namesake if that is still free."""
    taken = set(columns.values())
    own = {role: role for role in ROLES if role in names and role not in taken}
    return {**own, **columns}


def check_columns(names: frozenset[str], columns: Columns, faults: Faults) -> bool:
    """Notes every column that the data does not have; true if all are there."""
    missing = {role: column for role, column in columns.items() if column not in names}
    for role, column in missing.items():
        faults.add(f"columns.{role}", column, "one of", sorted(names))
    return not missing

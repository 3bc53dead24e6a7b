"""One opened piece of a split, with what is known of its labels before they become class ids."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from zoo.data.faults import Faults
from zoo.data.reading.roles import reading
from zoo.data.rows import Row, Rows, Wrapped, digest
from zoo.data.sources.values import as_flag, as_labels, as_numbers, as_said
from zoo.errors import near
from zoo.recipe.instead import instead
from zoo.recipe.vocabulary.kinds import Kind
from zoo.recipe.vocabulary.roles import ROLES


@dataclass(frozen=True)
class Wanted:
    """What a task reads of a row: one of `choices` of roles, whole; the first that is there."""

    choices: tuple[tuple[str, ...], ...]
    classes: bool = False
    """Labels name classes; else they are numbers."""
    may_be_blank: tuple[str, ...] = ()
    several: bool = False
    """A row may have several labels: it gives all of them, in a tuple."""
    flags: bool = False
    """Labels say yes or no: they become 1 and 0."""
    may_be_chats: tuple[str, ...] = ()
    """Roles whose texts may be chats: those become lists of messages."""
    beside: tuple[str, ...] = field(default=(), repr=False)
    """Columns that are no roles, which a filter asks of the rows (Rows.beside); in no digest, as
    without them rows are the same."""

    @classmethod
    def of(cls, kind: Kind) -> "Wanted":
        """What the rows of a kind of task must hold."""
        several, flags = kind.several, kind.flags
        return cls(kind.roles, kind.classes, kind.may_be_blank, several, flags, kind.may_be_chats)

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role of any choice, each once."""
        return tuple(dict.fromkeys(role for choice in self.choices for role in choice))

    def reading(self, role: str, names: Sequence[str] | None = None) -> Callable[[Any], Any]:
        """What makes of a raw value what `role` reads; see values.reading."""
        if self.labels_of(role):
            return partial(as_labels, names=names) if self.classes else as_numbers
        if self.flags and ROLES[role].how == "value":
            return as_flag
        if role in self.may_be_chats:
            return partial(as_said, may_be_blank=role in self.may_be_blank)
        return reading(role, self.classes, role in self.may_be_blank, names)

    def labels_of(self, role: str) -> bool:
        """Whether a role gives a tuple of labels."""
        return self.several and ROLES[role].how == "value"

    def chosen(self, roles: Collection[str]) -> tuple[str, ...] | None:
        """The first choice that is there whole, if one is."""
        return next((choice for choice in self.choices if set(choice) <= set(roles)), None)

    def naming(self, roles: Collection[str]) -> "Wanted":
        """The same, but that of the choices those which hold all of `roles` are asked for first:
        somebody named a column for each.
        """
        return replace(
            self, choices=tuple(sorted(self.choices, key=lambda c: not {*roles} <= {*c}))
        )

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
    names: tuple[str, ...] = ()
    """Every column of the data, where it has others than roles."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many rows each rule of `data.filter`, and `data.deduplicate`, let go."""


Column = str | tuple[str, ...]
"""The name of a column, or of several that hold one label each."""
Columns = Mapping[Any, Column]  # role to column


def names_of(column: Column) -> tuple[str, ...]:
    """The columns that a role is read from."""
    return (column,) if isinstance(column, str) else column


def taken_by(columns: Columns) -> frozenset[str]:
    """Every column that is some role's."""
    return frozenset(name for column in columns.values() for name in names_of(column))


class SplitReader(Protocol):
    """Opens what a split key of the data section names."""

    def read(self, key: str, entry: str, wanted: Wanted) -> Opened | None:
        """The rows that `entry` names under `data.<key>`; None after noting what is wrong."""


class RenamedRows(Wrapped):
    """Rows whose columns carry other names than their roles, one each."""

    def __init__(self, rows: Rows, columns: Columns) -> None:
        super().__init__(rows)
        self.columns = {role: str(name) for role, name in roles_of(rows.roles, columns).items()}
        self.roles = frozenset(self.columns)
        self.fingerprint = digest("renamed", rows.fingerprint, sorted(self.columns.items()))

    def __getitem__(self, index: int) -> Row:
        row = self.rows[index]
        chosen = {role: row[column] for role, column in self.columns.items()}
        return {**{key: row[key] for key in row if key not in self.rows.roles}, **chosen}

    def value(self, index: int, role: str) -> Any:
        return self.rows.value(index, self.columns[role])

    def between(self, name: str, begin: int, end: int) -> list[Any]:
        return self.rows.between(self.columns[name], begin, end)

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        return self.rows.pieces(index, self.columns[role])


def roles_of(names: frozenset[str], columns: Columns) -> dict[str, Column]:
    """The column of each role: as `columns` says, else its namesake if that is still free."""
    taken = taken_by(columns)
    own: dict[str, Column] = {role: role for role in ROLES if role in names and role not in taken}
    return {**own, **columns}


def check_columns(
    names: frozenset[str], columns: Columns, faults: Faults, several: bool = False
) -> bool:
    """Notes every column that the data does not have, and where a role has several but may not;
    true if all are there.
    """
    for role, column in columns.items():
        if not several and not isinstance(column, str):
            faults.add(f"columns.{role}", "a list", "one column, of", sorted(names), column[0])
            return False
    missing = [(role, n) for role, column in columns.items() for n in names_of(column)]
    missing = [(role, name) for role, name in missing if name not in names]
    free = sorted(names - taken_by(columns)) or sorted(names)
    for role, name in missing:
        key, listed = f"columns.{role}", sorted(names)
        meant = near(name, listed) or near(role, free) or next(iter(free), "")
        way = instead(faults.recipe, f"{faults.at}.{key}", meant, name) if meant else ""
        faults.add(key, name, "one of", listed, way=way)
    return not missing

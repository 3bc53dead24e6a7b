"""Source `files` where rows lie in shards: of parquet, of Arrow, or tars as WebDataset's."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from zoo.data.faults import Faults
from zoo.data.remote.places import served, shown
from zoo.data.remote.trying import Unreachable
from zoo.data.rows import CorruptExample
from zoo.data.sources.columns import roles_to_read
from zoo.data.sources.finding import IMAGES
from zoo.data.sources.opened import Columns as Named
from zoo.data.sources.opened import Opened, Wanted, check_columns, names_of, taken_by
from zoo.data.sources.parquet import classes_in
from zoo.data.sources.shards.arrows import OpenArrow
from zoo.data.sources.shards.columns import Columns, looked
from zoo.data.sources.shards.listing import Listing
from zoo.data.sources.shards.rows import ShardRows
from zoo.data.sources.shards.shard import Facts, Shard
from zoo.data.sources.shards.store import Store
from zoo.data.sources.values import Odd
from zoo.recipe.derived.amounts import bytes_of
from zoo.recipe.instead import built_in_data
from zoo.recipe.spec.data import FilesData
from zoo.recipe.spec.words import is_url
from zoo.recipe.vocabulary.roles import ROLES, role_of_classes

_AT_ONCE = 4  # shards that are fetched and looked through at a time
_LOOKED = 16  # rows that tell whether a column can be read at all
# By how a role is read: the columns of a tar that it may be, beside its own name.
_MEMBERS: dict[str, tuple[str, ...]] = {
    "image": tuple(suffix.removeprefix(".") for suffix in IMAGES),
    "audio": ("flac", "wav", "mp3", "ogg", "opus", "sph", "m4a"),
    "mask": ("mask.png", "seg.png"),
    "value": ("cls",),
    "text": ("txt", "text"),
}


class ShardReader:
    """Opens shards below a folder, which is a path or a URL."""

    def __init__(self, data: FilesData, root: Path, faults: Faults) -> None:
        self.data, self.faults = data, faults
        limit = bytes_of(data.cache_limit) if data.streaming else None
        self.store = Store(root, limit, data.timeout)
        here = str(Path(data.folder).expanduser())
        self.folder = data.folder if is_url(data.folder) else here
        self.listing: Listing | None = None

    def read(self, key: str, entry: str, wanted: Wanted) -> Opened | None:
        if self.listing is None:
            data = self.data
            try:
                served(self.folder, data.timeout)
            except (ImportError, ValueError) as error:
                allowed = "a path, or a URL of a server that fsspec and its packages here know"
                self.faults.add("folder", f"{shown(self.folder)} ({error})", allowed)
                self.faults.end()
            self.listing = Listing(self.folder, data.format, data.timeout, self.faults)
        shards = self.listing.shards(key, entry)
        if shards is None:
            return None
        try:
            return self._read(shards, entry, wanted)
        except Unreachable as error:
            way = built_in_data(self.faults.recipe)
            self.faults.add(key, str(error), "shards that can be read", way=way)
            return None

    def _read(self, shards: Sequence[Shard], entry: str, wanted: Wanted) -> Opened | None:
        """The rows of the shards; None after noting what is wrong; raises Unreachable."""
        assert self.listing is not None
        names, classes = self._names(shards[0], wanted)
        classes = self.listing.index.classes or classes
        given = self.data.columns
        if not check_columns(frozenset(names), given, self.faults, True):
            return None
        tar = shards[0].kind == "webdataset"
        sources = _sources(given, wanted, names, tar)
        together = frozenset(role for role, column in given.items() if not isinstance(column, str))
        beside = [name for name in wanted.beside if name in names]
        store = self._store({*beside, *(name for ones in sources.values() for name in ones)})
        every = Columns(sources, together, classes, wanted)
        odd = _odd(every, store, shards[0])
        here = {role: ", ".join(columns) for role, columns in sources.items()}
        roles = roles_to_read(here, odd, names, entry, wanted, self.faults)
        if roles is None:
            return None
        columns = Columns({role: sources[role] for role in roles}, together, classes, wanted)
        role = role_of_classes(roles)
        named = self.faults.recipe.data.labels or classes
        asks = bool(role and wanted.classes and not named) or "audio" in roles
        facts: list[Facts] = []
        if asks or any(shard.rows is None for shard in shards):
            facts = self._facts(shards, columns, store)
        counts = [one.rows for one in facts] or [shard.rows or 0 for shard in shards]
        rows = ShardRows(shards, counts, facts, columns, store, self.data.streaming, beside)
        if role is None or not wanted.classes:
            return Opened(rows, names=tuple(names))
        values = frozenset(value for one in facts for value in one.values)
        if not facts:  # what is named is what there is; a row of another class is found when read
            values = frozenset(named or ())
        together_names = given.get(role)
        several = together_names if isinstance(together_names, tuple) else None
        return Opened(rows, values, several or classes, tuple(names))

    def _names(
        self, shard: Shard, wanted: Wanted
    ) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
        """(the columns of a shard, the class names that its metadata holds)."""
        if shard.kind == "parquet":
            schema = self.store.schema(shard)
        else:
            opened = self.store.open(shard)
            names = opened.names()
            opened.close()
            if not isinstance(opened, OpenArrow):
                return names, None
            schema = opened.schema
        role = role_of_classes(wanted.roles) or ""
        columns = names_of(self.data.columns.get(role, role))
        classes = [found for name in columns if (found := classes_in(schema, name))]
        return tuple(schema.names), classes[0] if classes else None

    def _store(self, columns: Collection[str]) -> Store:
        """Where shards lie of which these columns are kept."""
        old = self.store
        return Store(old.root, old.cache.limit, old.seconds, tuple(columns))

    def _facts(self, shards: Sequence[Shard], columns: Columns, store: Store) -> list[Facts]:
        """What is in every shard; each is fetched for it where that was never done here."""
        what = (
            sorted(columns.of.items()),
            sorted(columns.together),
            columns.classes,
            columns.wanted,
        )

        def facts(shard: Shard) -> Facts:
            return store.facts(shard, partial(looked, columns), what)

        largest = max([store.room(shard) for shard in shards])
        room = _AT_ONCE if store.cache.limit is None else store.cache.limit // max(largest, 1)
        with ThreadPoolExecutor(min(max(room, 1), _AT_ONCE)) as pool:
            return list(pool.map(facts, shards))


def _sources(
    given: Named, wanted: Wanted, names: Sequence[str], tar: bool
) -> dict[str, tuple[str, ...]]:
    """The columns that are there for each role: those that the recipe names, else its own name, or
    the members of a tar that it may be.
    """
    taken, found = taken_by(given), dict[str, tuple[str, ...]]()
    for role in wanted.roles:
        own = (role, *(_MEMBERS.get(ROLES[role].how, ()) if tar else ()))
        free = tuple(name for name in own if name in names and name not in taken)
        columns = names_of(given[role]) if role in given else free
        if columns:
            found[role] = columns
    return found


def _odd(columns: Columns, store: Store, shard: Shard) -> Mapping[str, str]:
    """The roles that none of the first rows has anything for, and why, as the first says it."""
    opened = store.open(shard)
    found: dict[str, list[str]] = {role: [] for role in columns.of}
    looked_at = min(_LOOKED, len(opened))
    for place in range(looked_at):
        for role, names in columns.of.items():
            try:
                value = columns.value(role, opened.raw(place, names))
                if value is None and not ROLES[role].optional:
                    found[role].append(f"{opened.place(place)}: nothing")
            except (Odd, ValueError, CorruptExample) as error:
                found[role].append(f"{opened.place(place)}: {error}")
    opened.close()
    return {
        role: f"{why[0]}, and so in every row that was looked at"
        for role, why in found.items()
        if looked_at and len(why) == looked_at
    }

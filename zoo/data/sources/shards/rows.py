"""Rows that lie in shards: one is opened when a row of it is read, and few are open at once."""

import os
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.audio import Stretch
from zoo.data.reading.marked import misfit
from zoo.data.remote.ahead import Ahead
from zoo.data.remote.places import shown
from zoo.data.rows import UNREADABLE, CorruptExample, Row, Rows, digest, pieces_of_text
from zoo.data.sources.shards.columns import Columns
from zoo.data.sources.shards.shard import Facts, Shard
from zoo.data.sources.shards.store import OpenShard, Store
from zoo.data.sources.table import decoded
from zoo.data.sources.values import Odd
from zoo.recipe.spec.words import is_url
from zoo.recipe.vocabulary.roles import MEDIA, ROLES

_OPEN = 160  # shards; a window of every lane and some
_USED = 1.0  # seconds between two notes that an open shard is in use


class ShardRows(Rows):
    """The rows of shards, one shard after the other.

    `counts` are their rows. With `streaming` they are to be read in the order of shards, which are
    brought near ahead of it. A shard that cannot be had raises Unreachable.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        counts: Sequence[int],
        facts: Sequence[Facts],
        columns: Columns,
        store: Store,
        streaming: bool,
        beside: Collection[str] = (),
    ) -> None:
        self.beside = frozenset(beside)
        self.shards, self.columns, self.store, self.facts = shards, columns, store, facts
        self.sizes = np.asarray(counts, dtype=np.int64)
        self.ends = np.cumsum(self.sizes)
        self.streaming, self.roles = streaming, frozenset(columns.of)
        named = [
            (shard.name, shard.size, count) for shard, count in zip(shards, counts, strict=True)
        ]
        self.fingerprint = digest("shards", named, sorted(columns.of.items()), columns.classes)
        self.ahead = Ahead(self._bring)
        self._forget()

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> Row:
        row = self._row(index, sorted(self.roles))
        media = {role: self._media(index, row[role]) for role in row if ROLES[role].how in MEDIA}
        try:
            row = decoded(row | media)
        except CorruptExample as error:
            raise CorruptExample(f"{self.name(index)}: {error}") from error.__cause__
        if odd := misfit(row):
            raise CorruptExample(f"{self.name(index)} ({odd})")
        return row

    def name(self, index: int) -> str:
        number, place = self._place(index)
        return f"{shown(self.shards[number].place)} {self._opened(number).place(place)}"

    def value(self, index: int, role: str) -> Any:
        if ROLES[role].how in ("image", "audio"):
            return self[index][role]
        return self._row(index, [role])[role]

    def between(self, name: str, begin: int, end: int) -> list[Any]:
        return [self._read(index, name) for index in range(begin, end)]

    def _read(self, index: int, name: str) -> Any:
        """See `between`."""
        number, place = self._place(index)
        names = (name,) if name in self.beside else self.columns.of[name]
        try:
            raw = self._opened(number).raw(place, names)
            if name in self.beside:
                value = raw.get(name)
                return value.decode() if isinstance(value, bytes) else value
            found = self.columns.value(name, raw)
            if found is None or ROLES[name].how not in MEDIA:
                return found
            return self._media(index, found)
        except (Odd, ValueError, CorruptExample):
            return UNREADABLE

    def files_here(self) -> str:
        return digest([self.store.name(shard) for shard in self.shards])

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        yield from pieces_of_text(self._row(index, [role])[role])

    def lengths(self) -> np.ndarray | None:
        lengths = [facts.lengths() for facts in self.facts]
        known = [one for one in lengths if one is not None]
        return np.concatenate(known) if known and len(known) == len(self.shards) else None

    def shard_sizes(self) -> np.ndarray | None:
        return self.sizes if self.streaming else None

    def shard_bytes(self) -> tuple[np.ndarray, int] | None:
        if not self.streaming:
            return None
        held = [facts.held for facts in self.facts] or [shard.size or 0 for shard in self.shards]
        return np.array(held, dtype=np.int64), max(map(self.store.beside, self.shards))

    def expect(self, shards: Sequence[int]) -> None:
        if not self.streaming:
            return
        if not shards and self.ahead.idle:
            return
        self.store.claim([self.shards[number] for number in shards])
        self.ahead.want(shards)

    def _bring(self, number: int) -> None:
        self.store.file(self.shards[number], patient=True)

    def _row(self, index: int, roles: Sequence[str]) -> Row:
        """The roles of a row as they are read, media as bytes or a path."""
        number, place = self._place(index)
        opened = self._opened(number)
        names = dict.fromkeys(name for role in roles for name in self.columns.of[role])
        try:
            raw = opened.raw(place, names)
        except ValueError as error:
            raise CorruptExample(f"{self.name(index)} ({error})") from None
        row: Row = {}
        for role in roles:
            column = ", ".join(self.columns.of[role])
            try:
                row[role] = self.columns.value(role, raw)
            except Odd as odd:
                raise CorruptExample(f"{self.name(index)} ({column}: {odd})") from None
            if row[role] is None and not ROLES[role].optional:
                raise CorruptExample(f"{self.name(index)} (no {column})")
        return row

    def _place(self, index: int) -> tuple[int, int]:
        """(shard, row in it)."""
        number = int(np.searchsorted(self.ends, index, side="right"))
        return number, index - int(self.ends[number] - self.sizes[number])

    def _media(self, index: int, value: Any) -> Any:
        """Bytes; a path in a column is one on this machine, from where the shard lies."""
        if isinstance(value, Stretch):
            return value._replace(source=self._media(index, value.source))
        if isinstance(value, bytes):
            return value
        shard = self.shards[self._place(index)[0]]
        if is_url(shard.place):
            raise CorruptExample(f"{self.name(index)} (a path, {value[:80]!r}, and no bytes)")
        return Path(shard.place).parent / value

    def _opened(self, number: int) -> OpenShard:
        """A shard that is open, and noted as in use: others must not remove it for its age."""
        if self.pid != os.getpid():
            self._forget()  # a forked process reads by its own files
        found = self.open.pop(number, None)
        if found is None:
            for old in [old for old, (one, _) in self.open.items() if one.gone]:
                self.open.pop(old)[0].close()  # else its bytes stay on the disk
            found = self.store.open(self.shards[number]), time.monotonic()
            if len(self.open) >= _OPEN:
                self.open.popitem(last=False)[1][0].close()
        elif time.monotonic() > found[1] + _USED:
            self.store.used(self.shards[number])
            found = found[0], time.monotonic()
        self.open[number] = found
        return found[0]

    def _forget(self) -> None:
        self.pid = os.getpid()
        self.open: OrderedDict[int, tuple[OpenShard, float]] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """What another process starts with: no open file."""
        return {**self.__dict__, "open": OrderedDict()}

"""Which shards an entry of a recipe names, below a folder that is a path or a URL.

A `shards.json` in the folder is believed instead of a listing: `{"shards": [{"name", "bytes",
"rows", "sha256"}], "classes": [...]}`, of which only the names must be there. With rows and classes
in it nothing is read before the first batch; a folder that grows does not change what it names.
"""

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo.data.faults import Faults
from zoo.data.remote.fetching import fetch
from zoo.data.remote.places import (
    WITHOUT_LISTING,
    below,
    expanded,
    is_named,
    listed,
    protocol,
    shown,
    stat,
)
from zoo.data.remote.trying import Denied, Unreachable, tried
from zoo.data.sources.shards.shard import KINDS, Shard, kind_of
from zoo.errors import near
from zoo.recipe.instead import built_in_data, instead

INDEX = "shards.json"
_AT_ONCE = 16  # servers are asked for so many sizes at a time


@dataclass(frozen=True)
class Index:
    """What a `shards.json` says, by name; without one nothing."""

    shards: dict[str, dict[str, Any]]
    classes: tuple[str, ...] | None = None


class Listing:
    """The shards of one folder; it and its index are asked for once."""

    def __init__(self, folder: str, kind: str | None, seconds: float, faults: Faults) -> None:
        self.folder, self.kind, self.seconds, self.faults = folder, kind, seconds, faults
        self.index = self._index()
        self.names: list[str] | None = None

    def shards(self, key: str, entry: str) -> list[Shard] | None:
        """What `entry` names under `data.<key>`, sorted; None after noting what is wrong."""
        try:
            names = self._names(entry)
            if names is None:
                allowed = "names by a range, as in train-{00000..00009}.tar, or a shards.json there"
                self.faults.add(
                    key, f"{entry} at {shown(self.folder)}, which lists nothing", allowed
                )
                return None
            kinds = {kind_of(name) for name in names} - {""}
            if self.kind is not None:
                kinds &= {self.kind}
            if len(kinds) > 1:
                self.faults.add(key, entry, "one of its formats by data.format:", sorted(kinds))
                return None
            names = [name for name in names if kind_of(name) in kinds]
            if not names:
                self._say_none(key, entry)
                return None
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                return list(pool.map(self._shard, names))
        except Unreachable as error:
            self.faults.add("folder", str(error), "shards that can be read")
            return None

    def _names(self, entry: str) -> list[str] | None:
        """The names that an entry means; None where nobody can tell."""
        if self.index.shards:
            self.names = list(self.index.shards)
        elif protocol(self.folder) in WITHOUT_LISTING:
            exact = not any(letter in entry for letter in "*?[") and kind_of(entry)
            return expanded(entry) if exact else None
        if self.names is None:
            place, seconds = self.folder, self.seconds
            self.names = tried(place, lambda again: listed(place, seconds, again), seconds)
        return sorted(name for name in self.names if is_named(name, entry) and kind_of(name))

    def _say_none(self, key: str, entry: str) -> None:
        kinds = [self.kind] if self.kind else list(KINDS)
        known = [name for name in self.names or () if kind_of(name) in kinds]
        suffixes = ", ".join(suffix for ones in KINDS.values() for suffix in ones)
        allowed = f"shards ({suffixes}) in {shown(self.folder)}"
        recipe, meant = self.faults.recipe, near(entry, known) or next(iter(known), "")
        way = instead(recipe, f"{self.faults.at}.{key}", meant) if meant else built_in_data(recipe)
        self.faults.add(key, entry, f"{allowed}:" if known else allowed, known, way=way)

    def _shard(self, name: str) -> Shard:
        place, said = below(self.folder, name), self.index.shards.get(name, {})
        shard = Shard(name, place, kind_of(name), sha256=said.get("sha256"), rows=said.get("rows"))
        if said.get("bytes") is not None:
            return replace(shard, size=said["bytes"])
        found = tried(place, lambda again: stat(place, self.seconds, again), self.seconds)
        return replace(shard, size=found.size, tag=found.tag)

    def _index(self) -> Index:
        """The folder's index, if it has one."""
        place = below(self.folder, INDEX)
        with tempfile.TemporaryDirectory() as beside:
            file = Path(beside) / INDEX
            try:
                fetch(place, file, None, None, self.seconds)
                return _read(file)
            except Denied:
                pass  # no index, and often nobody may know whether there is one
            except Unreachable as error:
                self.faults.add("folder", str(error), "a server that answers")
                self.faults.end()
            except (ValueError, TypeError, KeyError) as error:
                found = f"{shown(place)} ({error})"
                self.faults.add("folder", found, '{"shards": [{"name": ...}, ...]} in it')
        return Index({})


def _read(file: Path) -> Index:
    """Raises ValueError, TypeError or KeyError for what is no index of shards."""
    document = json.loads(file.read_text(encoding="utf-8"))
    shards = document["shards"]
    if not isinstance(shards, Sequence) or not all(_is_shard(one) for one in shards):
        raise ValueError("a shard without a name, or whose bytes or rows are no whole number")
    classes = document.get("classes")
    return Index({one["name"]: one for one in shards}, None if classes is None else tuple(classes))


def _is_shard(one: Any) -> bool:
    counts = [one.get(key) for key in ("bytes", "rows")]
    return isinstance(one["name"], str) and all(n is None or type(n) is int for n in counts)

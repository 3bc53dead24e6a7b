"""Shards on this machine: the file that rows are read from, and what was found in it."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from zoo.data.cache import cached
from zoo.data.remote.cache import ShardCache
from zoo.data.remote.fetching import fetch
from zoo.data.remote.places import shown
from zoo.data.remote.trying import Unreachable, tried
from zoo.data.rows import digest
from zoo.data.sources.records import UnreadableFile
from zoo.data.sources.shards.arrows import OpenArrow, into_arrow
from zoo.data.sources.shards.columnwise import bring_columns, footer
from zoo.data.sources.shards.shard import Facts, Shard
from zoo.data.sources.shards.tars import OpenTar, indexed
from zoo.recipe.spec.words import is_url

_VERSION = 1
_TRIES = 5  # to open a file that others may remove
OpenShard = OpenTar | OpenArrow
Look = Callable[[OpenShard], tuple[list[Any], np.ndarray | None]]
"""(every class in the rows of a shard once, the rows' lengths if they have one)."""


class Store:
    """Shards below `root`, in `limit` bytes (None: no end); `seconds` is `data.timeout`.

    Of parquet the `columns` are kept, as Arrow, and of one on a server they alone are fetched where
    they are few. Tars and Arrow that are files here stay where they
    lie. All methods raise Unreachable, also for a shard that is none.
    """

    def __init__(
        self, root: Path, limit: int | None, seconds: float, columns: Sequence[str] = ()
    ) -> None:
        self.root, self.seconds, self.columns = root, seconds, tuple(sorted(columns))
        self.cache = ShardCache(root / "shards", limit)

    def file(self, shard: Shard, patient: bool = False) -> Path:
        """The file that rows are read from, brought here first.

        It may be gone a moment later, for others that need the room. Raises NoRoom where it is
        `patient` and there is none beside what is claimed.
        """
        if self._stays(shard):
            return Path(shard.place)
        make = lambda part: self._make(shard, part)  # noqa: E731
        return self.cache.path(self.name(shard), self.room(shard), make, patient)

    def room(self, shard: Shard) -> int:
        """The bytes that it may take while it is brought, as far as they are known."""
        return (shard.size or 0) + self.beside(shard)

    def beside(self, shard: Shard) -> int:
        """The bytes of a parquet file that comes whole: it lies beside the Arrow made of it."""
        return (shard.size or 0) if shard.kind == "parquet" and is_url(shard.place) else 0

    def claim(self, shards: Sequence[Shard]) -> None:
        """These are read or about to be, the soonest first; see ShardCache."""
        self.cache.claim([self.name(shard) for shard in shards if not self._stays(shard)])

    def used(self, shard: Shard) -> None:
        """Notes that a file is in use, if it is still there."""
        if not self._stays(shard):
            self.cache.used(self.name(shard))

    def open(self, shard: Shard) -> OpenShard:
        """The rows of a shard."""
        for _ in range(_TRIES):
            path = self.file(shard)
            try:
                if shard.kind == "webdataset":
                    return OpenTar(path, *self._index(shard, path))
                return OpenArrow(path)
            except FileNotFoundError:
                continue
            except UnreadableFile as error:
                raise Unreachable(f"{shown(shard.place)} ({error})") from None
        raise Unreachable(f"{path} is removed as soon as it is there (data.cache_limit)")

    def facts(self, shard: Shard, look: Look, what: object) -> Facts:
        """What a shard holds, looked at once; `what` tells one `look` from another."""

        def build(folder: Path) -> None:
            opened = self.open(shard)
            values, lengths = look(opened)
            if lengths is not None:
                np.save(folder / "lengths.npy", lengths)
            found = {"rows": len(opened), "held": opened.size, "values": values}
            (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")
            opened.close()

        name = digest("facts", _VERSION, self.name(shard), what)
        folder = cached(self.root / "shard-facts", name, build)
        found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
        return Facts(folder, found["rows"], found["held"], tuple(found["values"]))

    def schema(self, shard: Shard) -> pyarrow.Schema:
        """The columns of a shard of parquet, by its footer alone where its server gives parts."""

        def build(folder: Path) -> None:
            schema = tried(shard.place, partial(footer, shard, self.seconds), self.seconds)
            if schema is None:
                whole = folder / "whole"
                fetch(shard.place, whole, shard.size, shard.sha256, self.seconds)
                schema = pyarrow.parquet.read_schema(whole)
                whole.unlink()
            (folder / "schema").write_bytes(schema.serialize().to_pybytes())

        folder = cached(self.root / "shard-facts", digest("schema", self.name(shard)), build)
        with pyarrow.OSFile(str(folder / "schema")) as file:
            return pyarrow.ipc.read_schema(file)

    def name(self, shard: Shard) -> str:
        """What a shard is called in the cache: this one, as it was when it was listed."""
        kept = self.columns if shard.kind == "parquet" else ()
        words = digest(shard.place, shard.size, shard.tag, shard.sha256, kept)
        return f"{words}.{'tar' if shard.kind == 'webdataset' else 'arrow'}"

    def _stays(self, shard: Shard) -> bool:
        """Whether rows are read where the shard lies."""
        return not is_url(shard.place) and shard.kind != "parquet"

    def _make(self, shard: Shard, part: Path) -> None:
        """Writes the file that rows are read from."""
        if shard.kind != "parquet":
            fetch(shard.place, part, shard.size, shard.sha256, self.seconds)
            return
        fetched = part.with_suffix(".whole.part")
        try:
            if is_url(shard.place):
                if self._by_columns(shard, part):
                    return
                fetch(shard.place, fetched, shard.size, shard.sha256, self.seconds)
            into_arrow(fetched if is_url(shard.place) else Path(shard.place), self.columns, part)
        except UnreadableFile as error:
            raise Unreachable(f"{shown(shard.place)} ({error})") from None
        finally:
            fetched.unlink(missing_ok=True)

    def _by_columns(self, shard: Shard, part: Path) -> bool:
        """Whether the columns of a shard were written without the rest of it. One whose sha256 is
        known comes whole, to be proved; and so do all of a folder once one had to, whichever
        process asked for it.
        """
        folder = shard.place.removesuffix(shard.name)
        whole = self.root / "shard-facts" / digest("whole", folder, self.columns)
        if not shard.size or shard.sha256 is not None or whole.exists():
            return False
        found = bring_columns(shard.place, shard.size, self.columns, part, self.seconds)
        if not found:
            whole.parent.mkdir(parents=True, exist_ok=True)
            whole.touch()
        return found

    def _index(self, shard: Shard, path: Path) -> tuple[list[str], np.ndarray]:
        """Where the members of a tar's rows lie, found once; mapped."""

        def build(folder: Path) -> None:
            columns, extents = indexed(path)
            np.save(folder / "extents.npy", extents)
            (folder / "columns.json").write_text(json.dumps(columns), encoding="utf-8")

        folder = cached(self.root / "shard-facts", digest("tar", self.name(shard)), build)
        columns = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
        return columns, np.load(folder / "extents.npy", mmap_mode="r")

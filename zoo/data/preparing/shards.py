"""The shards of a set under one name in the cache: by whom they are written, and when they are all
there.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo.data.cache import cached, filled_together
from zoo.data.corrupt import CorruptLimit
from zoo.data.preparing.crew import crew
from zoo.data.preparing.pool import worked
from zoo.data.preparing.shares import LEAST, Share, shares_of
from zoo.data.preparing.telling import told
from zoo.data.preparing.writing import Refused, Shard, Work, read_shard
from zoo.data.rows import Rows, digest
from zoo.data.tokens.scheme import Scheme
from zoo.data.tokens.words import WordEncoder

VERSION = 5
INDEX = "shards.json"
_STILL = 60.0  # seconds without a change after which others' shares are taken over
_POLL = 0.5


def token_shards(
    rows: Rows, scheme: Scheme, root: Path, limit: CorruptLimit, least: int = LEAST
) -> Path:
    """The folder of .bin/.idx shards and `shards.json` of the texts of `rows`, kept under `root`.

    A start after a kill goes on with the shards that are not whole. The bytes are the same whoever
    writes them. Raises ConfigError if more texts cannot be read than `limit` allows.
    """
    name = f"tokens-{digest('tokens', VERSION, rows.fingerprint, scheme.name, least)}"

    def build(folder: Path) -> None:
        building = _Building(rows, scheme, folder, limit, least)
        building.write(building.missing())
        building.finish()

    def share(folder: Path) -> None:
        _Building(rows, scheme, folder, limit, least).together(root / name)

    def finish(folder: Path) -> None:
        _Building(rows, scheme, folder, limit, least).finish()

    if crew().world > 1:
        return filled_together(root, name, share, finish)
    return cached(root, name, build, whole=False)


class _Building:
    """One folder on its way."""

    def __init__(
        self, rows: Rows, scheme: Scheme, folder: Path, limit: CorruptLimit, least: int
    ) -> None:
        self.rows, self.scheme, self.folder, self.limit = rows, scheme, folder, limit
        apart = isinstance(scheme.encode, WordEncoder) and scheme.encode.by_words
        shares, self.total = shares_of(rows, apart, least)
        self.shares: Mapping[int, Share] = dict(enumerate(shares))
        self.work = Work(rows, scheme, folder, limit.allowed)
        self.large = self.total > 2 * least

    def together(self, whole: Path) -> None:
        """Writes this process's shards and waits for those of others; one process on each machine
        writes those that nobody seems to write.
        """
        here = crew()
        since, seen = time.monotonic(), self._state()
        try:
            self.write({n: s for n, s in self.missing().items() if n % here.world == here.rank})
            while not whole.is_dir() and (missing := self.missing()):
                time.sleep(_POLL)
                if (now := self._state()) != seen:
                    since, seen = time.monotonic(), now
                elif here.last and time.monotonic() - since > _STILL:
                    number = next(iter(missing))
                    self.write({number: missing[number]})
        except FileNotFoundError:
            if not whole.is_dir():  # else somebody took a shard over, and all was whole
                raise

    def missing(self) -> dict[int, Share]:
        """The shares whose shards are not there."""
        there = {path.name for path in self.folder.glob("*.json")}
        if INDEX in there:
            return {}
        return {n: share for n, share in self.shares.items() if f"{n:05d}.json" not in there}

    def write(self, missing: Mapping[int, Share]) -> None:
        """Writes shards, in several processes where there is much."""
        done = self.total * (len(self.shares) - len(missing)) // max(1, len(self.shares))
        found: dict[int, str] = {}
        with told("tokenizing", self.total, done) as tell:
            try:
                for shard in self._written(missing):
                    tell(shard.text_bytes)
                    found |= {len(found) + n: why for n, why in enumerate(shard.corrupt)}
                    self.limit.add(found.items())
            except Refused as error:
                self.limit.add((len(found) + n, why) for n, why in enumerate(error.args[0]))
                raise

    def _written(self, missing: Mapping[int, Share]) -> Iterator[Shard]:
        processes = min(crew().size, len(missing))
        if processes > 1 and self.large:
            return worked(self.work, iter(missing.items()), processes)
        return (self.work(*one) for one in missing.items())

    def _state(self) -> Any:
        """What changes while somebody works in the folder."""
        found = []
        for path in self.folder.glob("*"):
            with suppress(OSError):
                found.append((path.name, path.stat().st_size))
        return sorted(found)

    def finish(self) -> None:
        """Writes shards.json, last of all."""
        file = self.folder / INDEX
        if file.is_file():
            return
        shards = [read_shard(self.folder, f"{number:05d}") for number in self.shares]
        whole = [shard for shard in shards if shard is not None]
        assert len(whole) == len(shards)
        for path in self.folder.glob("*.part.*"):  # of processes that were killed
            path.unlink(missing_ok=True)
        part = file.with_name(f"{INDEX}.part")
        part.write_text(json.dumps(described(self.scheme, whole), indent=1), encoding="utf-8")
        part.replace(file)
        for shard in whole:
            (self.folder / f"{shard.name}.json").unlink(missing_ok=True)


def described(scheme: Scheme, shards: list[Shard]) -> dict[str, Any]:
    """What shards.json says."""
    before, after = (list(ids) for ids in scheme.frame)
    told = [asdict(shard) for shard in shards]
    corrupt = [why for one in told for why in one.pop("corrupt")]
    return {
        "version": VERSION,
        "tokenizer": scheme.fingerprint,
        "vocab_size": scheme.vocab_size,
        "before": before,
        "after": after,
        "dtype": scheme.dtype.name,
        "tokens": sum(shard.tokens for shard in shards),
        "text_bytes": sum(shard.text_bytes for shard in shards),
        "corrupt": corrupt,
        "shards": told,
    }

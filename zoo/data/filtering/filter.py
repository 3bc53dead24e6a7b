"""Which rows of a set stay: `data.filter` asked of each, then `data.deduplicate`; found once."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.cache import cached
from zoo.data.faults import Faults
from zoo.data.filtering.conditions import Condition, Judged
from zoo.data.filtering.duplicates import hashed, repeated
from zoo.data.filtering.values import Tokens, names_of
from zoo.data.loading.shards import in_turn
from zoo.data.objects import Objects
from zoo.data.preparing.crew import Crew, crew, prepared_by
from zoo.data.preparing.measuring import measured
from zoo.data.reading.marked import names_in
from zoo.data.rows import UNREADABLE, CorruptExample, Rows, Subset, digest
from zoo.data.sources.opened import Opened, roles_of, taken_by
from zoo.errors import near
from zoo.recipe.instead import renamed
from zoo.recipe.spec.data import OneSource
from zoo.recipe.spec.filters import said
from zoo.recipe.vocabulary.roles import ROLES, role_of_classes

DUPLICATES = "deduplicate"
"""What rows that are equal to an earlier one are counted under."""
_VERSION = 1
_STRETCH, _BLOCK = 1024, 2048  # rows that are asked at a time, and by a process before another
_LONG = 5.0  # seconds of one process


def columns_beside(data: OneSource, roles: Collection[str]) -> tuple[str, ...]:
    """The columns that a filter names and none of the roles reads."""
    named = {*data.filter, *(data.deduplicate if isinstance(data.deduplicate, tuple) else ())}
    return tuple(sorted(named - taken_by(data.columns) - set(roles)))


def filtered(
    one: Opened, data: OneSource, key: str, faults: Faults, root: Path, tokens: Tokens | None
) -> Opened:
    """The rows of a set that `data.filter` and `data.deduplicate` let stay, in their order.

    Of those that want the set on a machine one asks the rows, by as many processes as its crew has;
    what they find is kept under `root`.
    Notes a fault for a column that is not there, one that a condition is not for, and where no row
    is left.
    """
    if key not in data.filter_sets or not (data.filter or data.deduplicate):
        return one
    asked = _asked(one, data, faults)
    if asked is None:
        return one
    words = [(c.name, c.asks, c.value, tokens and tokens.fingerprint) for c in asked.conditions]
    made_of = (one.rows.fingerprint, one.rows.files_here(), words, asked.equal, one.label_names)
    name = digest("filter", _VERSION, *made_of)

    def build(folder: Path) -> None:
        found = _found(one, asked, tokens, folder)
        np.save(folder / "kept.npy", found.kept)
        content = hashlib.sha256(found.kept.tobytes()).hexdigest()
        told = {"left_out": found.left_out, "values": found.values, "kept": content}
        (folder / "found.json").write_text(json.dumps(told), encoding="utf-8")

    folder = cached(root, f"filter-{name}", build)
    told = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    kept = np.load(folder / "kept.npy", mmap_mode="r")
    if not len(kept):
        _say_nothing_left(one, key, asked, told["left_out"], faults)
    if len(kept) == len(one.rows) or not len(kept):
        return one
    values = one.label_values if told["values"] is None else frozenset(told["values"])
    rows = Subset(one.rows, kept, told["kept"])
    return replace(one, rows=rows, label_values=values, left_out=told["left_out"])


@dataclass(frozen=True)
class _Asked:
    """What is asked of the rows: the conditions in order, and the columns of equal rows."""

    conditions: tuple[Condition, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """int64 places of the rows that stay, how many go by which rule, and the classes of those that
    stay (None: as before).
    """

    kept: np.ndarray
    left_out: dict[str, int]
    values: list[Any] | None


def _asked(one: Opened, data: OneSource, faults: Faults) -> _Asked | None:
    """The filter of a section for these rows; None after noting what is wrong."""
    before = len(faults.found)
    conditions = []
    for written, rule in data.filter.items():
        name = _column(one, data, written, f"filter.{written}", faults)
        for asks, value in said(rule).items():
            condition = Condition(written, name, asks, value)
            if name and (misfit := condition.misfit(name in one.rows.roles)):
                how = ROLES[name].how if name in one.rows.roles else "a column of no role"
                faults.add(f"filter.{condition.rule}", f"{written}, which is {how}", misfit)
            conditions.append(condition)
    named = data.deduplicate if isinstance(data.deduplicate, tuple) else ()
    equal = tuple(_column(one, data, column, DUPLICATES, faults) for column in named)
    every = tuple(sorted(one.rows.roles)) if data.deduplicate is True else ()
    found = _Asked(tuple(conditions), equal or every)
    return found if len(faults.found) == before else None


def _column(one: Opened, data: OneSource, written: str, key: str, faults: Faults) -> str:
    """What the rows call a column: its role, or itself; nothing after noting that it is none."""
    roles = one.rows.roles
    if written in roles or written in one.rows.beside:
        return written
    columns = roles_of(frozenset(one.names), data.columns)
    role = next((role for role in roles if columns.get(role) == written), "")
    if not role:
        choices = sorted({*roles, *one.names} - {written})
        spelled = near(written, choices) if key != DUPLICATES else ""
        way = renamed(faults.recipe, f"{faults.at}.{key}", spelled) if spelled else ""
        faults.add(key, written, "a column of the data:", choices, way=way)
    return role


def _found(one: Opened, asked: _Asked, tokens: Tokens | None, folder: Path) -> _Found:
    """Asks every row; `folder` is for what is needed on the way."""
    rows, seconds = one.rows, None
    if any(condition.asks.endswith("_seconds") for condition in asked.conditions):
        seconds, lengths = folder / "seconds.npy", rows.lengths()
        assert lengths is not None
        np.save(seconds, lengths)
    judged = Judged(rows, asked.conditions, tokens, one.label_names, seconds)
    asking = _Asking(rows, judged, asked.equal)
    # Shards are fetched and opened one after the other, by one process.
    several = rows.shard_sizes() is None and _takes_long(asking, len(rows))
    with prepared_by(crew() if several else Crew(1)):
        parts = measured("filtering", asking, len(rows), _BLOCK)
    if seconds is not None:
        seconds.unlink()
    first, compared, hashes = (np.concatenate(every) for every in zip(*parts, strict=True))
    stays = first < 0
    left_out = {c.rule: int((first == number).sum()) for number, c in enumerate(asked.conditions)}
    if asked.equal:
        again = np.flatnonzero(compared)[repeated(hashes)]
        stays[again] = False
        left_out[DUPLICATES] = len(again)
    kept = np.flatnonzero(stays)
    left_out = {rule: count for rule, count in left_out.items() if count}
    return _Found(kept, left_out, _classes(one, kept) if left_out else None)


@dataclass(frozen=True)
class _Asking:
    """Asks rows from one to another, in whatever process: (the first condition that each breaks or
    -1, int16; which are compared with others, bool; the hashes of those, uint64).
    """

    rows: Rows
    judged: Judged
    equal: tuple[str, ...]

    def __call__(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first = np.full(stop - start, -1, dtype=np.int16)
        compared = np.zeros(stop - start, dtype=bool)
        hashes = [np.zeros(0, dtype=np.uint64)]
        for begin in in_turn(self.rows, range(start, stop, _STRETCH)):
            end = min(begin + _STRETCH, stop)
            broken, unread = self.judged.broken(begin, end)
            here = slice(begin - start, end - start)
            first[here] = broken
            if self.equal:
                there = (broken < 0) & ~unread
                own, compared[here] = _hashes(self.rows, self.equal, begin, end, there)
                hashes.append(own)
        return first, compared, np.concatenate(hashes)


def _takes_long(asking: _Asking, count: int) -> bool:
    """Whether other processes are worth their start, as far as the first rows tell."""
    few, begun = min(count, _STRETCH), time.perf_counter()
    asking(0, few)
    return (time.perf_counter() - begun) * count > _LONG * few


def _hashes(
    rows: Rows, names: Sequence[str], begin: int, end: int, there: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(hashes of those of rows [begin, end) that are `there` and can be read, which these are)."""
    columns = [rows.between(name, begin, end) for name in names]
    found, read = [], there.copy()
    for place in np.flatnonzero(there).tolist():
        values = [column[place] for column in columns]
        read[place] = not any(value is UNREADABLE for value in values)
        if read[place]:
            try:
                found.append(hashed(values))
            except CorruptExample:
                read[place] = False
    return np.array(found, dtype=np.uint64), read


def _classes(one: Opened, kept: np.ndarray) -> list[Any] | None:
    """Every class that the kept rows name, once; None where they name none."""
    role = role_of_classes(one.rows.roles)
    if role is None or not one.label_values:
        return None
    found: set[Any] = set()
    begins = kept[::_STRETCH].tolist()
    for number, begin in enumerate(in_turn(one.rows, begins)):
        places = kept[number * _STRETCH : (number + 1) * _STRETCH]
        end = int(places[-1]) + 1
        values = one.rows.between(role, begin, end)
        for place in (places - begin).tolist():
            value = values[place]
            if value is not None and value is not UNREADABLE:
                found |= names_in(value.classes if isinstance(value, Objects) else value)
    return sorted(found & one.label_values, key=str)


def _say_nothing_left(
    one: Opened, key: str, asked: _Asked, left_out: dict[str, int], faults: Faults
) -> None:
    """Notes the rule that most rows break, and the nearest of the values that are there."""
    rule = max(left_out, key=lambda name: left_out[name])
    condition = next(c for c in asked.conditions if c.rule == rule)
    counted = ", ".join(f"{count} {name}" for name, count in left_out.items())
    here: Counter[str] = Counter()
    if condition.asks == "allowed":
        for value in one.rows.between(condition.name, 0, min(_STRETCH, len(one.rows))):
            if value is not None and value is not UNREADABLE:
                here.update(names_of(value, one.label_names))
    choices = [name for name, _ in here.most_common()]
    meant = str(condition.value[0]) if choices else ""
    found = f"none of {len(one.rows)} examples of {key} is left: {counted}"
    allowed = "values that are there:" if choices else "at least one example that is left"
    faults.add(f"filter.{rule}", found, allowed, choices, meant)

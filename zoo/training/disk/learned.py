"""What a run learns from, in digests that its checkpoints hold: rows, labels, tokenizer, and of an
adapter the base.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.filtering.duplicates import content
from zoo.data.rows import CorruptExample, Rows, spread
from zoo.errors import ResumeError
from zoo.models.adapters.digest import ACCEPT, base_digest
from zoo.tasks.task import Task

FEW, MANY = 64, 4096
"""How many rows are read for a digest where media are decoded, and where not."""
PIECES = 256
"""How many pieces of texts (1 MiB each) are read for one."""

BASE = "base"

Learned = dict[str, Any]
"""`rows` (how many, the fingerprint of their files, a digest of what a spread of them holds), what
the task tells: `labels`, `tokenizer`, and of an adapter's base BASE."""


def learned(train: Rows, task: Task, base: Sequence[Path] = ()) -> Learned:
    """The digests of the train rows, of what the task makes of them, and of the files of the base
    that an adapter stands on.
    """
    rows = {"count": len(train), "fingerprint": train.fingerprint, "sample": sample(train)}
    return {"rows": rows, **task.digests(), **({BASE: base_digest(base)} if base else {})}


def sample(rows: Rows) -> str:
    """A digest of what evenly spread rows hold, wherever their files lie and whenever written."""
    most = FEW if rows.roles & {"image", "audio"} else MANY
    places = spread(rows, most)
    parts = _text_parts(rows, places) if rows.roles == {"text"} else _row_parts(rows, places)
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:32]


def _text_parts(rows: Rows, places: np.ndarray) -> Iterator[bytes]:
    """Texts, of which each may be a file of any size: PIECES of them in all, then their sizes."""
    left = PIECES
    for index in places.tolist():
        with suppress(CorruptExample):
            for piece in islice(rows.pieces(index), left):
                left -= 1
                yield f"{index} ".encode() + piece.encode()
        if not left:
            lengths = rows.lengths()
            yield b"" if lengths is None else lengths.tobytes()
            return


def _row_parts(rows: Rows, places: np.ndarray) -> Iterator[bytes]:
    """What rows hold, role by role; nothing of one that cannot be read."""
    for index in places.tolist():
        with suppress(CorruptExample):
            row = rows[index]
            for role in sorted(row):
                yield f"{index} {role} ".encode() + content(row[role])


def differences(old: Mapping[str, Any], new: Mapping[str, Any], who: str = "the run") -> list[str]:
    """What is no longer what a checkpoint was trained on, a line each; older ones do not tell."""
    lines = []
    for name in old.keys() & new.keys():
        then, now = old[name], new[name]
        if name == "rows" and not _same_rows(then, now):
            other = " with other content" if then["count"] == now["count"] else ""
            lines.append(f"train rows: the run has {then['count']}, now {now['count']}{other}")
        elif name != "rows" and then != now:
            lines.append(f"{name}: the run has digest {then[:12]}, now {now[:12]}")
    return sorted(lines)


def _same_rows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Files that were copied or touched are the same rows, if those that are read are equal."""
    if old["fingerprint"] == new["fingerprint"]:
        return bool(old["count"] == new["count"])
    return bool(old["count"] == new["count"] and old["sample"] == new["sample"])


def refuse_others(
    where: str, old: Mapping[str, Any], new: Mapping[str, Any], any_data: bool = False,
    any_base: bool = False,
) -> None:  # fmt: skip
    """Raises a ResumeError that says what changed and is not accepted, and the ways out."""
    lines = differences(old, new)
    base = [line for line in lines if line.startswith(f"{BASE}:") and not any_base]
    data = [line for line in lines if not line.startswith(f"{BASE}:") and not any_data]
    others: dict[str, str] = {}
    if data:
        others["data"] = "--accept-data"
    if base:
        others["weights of its base"] = ACCEPT
    if others:
        ways = f"{' '.join(others.values())} goes on, --fresh starts over beside it"
        told = f"{where} was trained on other {' and '.join(others)} ({ways}):"
        raise ResumeError("\n".join([told, *data, *base]))


def equal_everywhere(data: Learned) -> dict[str, str]:
    """The digests that must be the same on every rank, where copies of files have times of their
    own.
    """
    rows, others = data["rows"], {name: one for name, one in data.items() if name != "rows"}
    return others | {"train split": f"{rows['count']} {rows['sample']}"}

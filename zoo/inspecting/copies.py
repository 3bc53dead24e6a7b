"""Which examples of a validation or test set stand in train too."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from zoo.data.filtering.duplicates import content
from zoo.data.rows import CorruptExample, Rows, spread
from zoo.recipe.vocabulary.roles import MEDIA, ROLES


def copies(sets: Mapping[str, Rows], most: int) -> dict[str, dict[str, int]]:
    """For each set but train how many of its examples hold exactly what one of train does.

    Compared are images and clips where rows have them, else all that a row holds but its classes.
    "of" says how many of the set were looked for, "among" in how many rows of train: at most `most`
    each, evenly spread (of rows in shards over the first).
    """
    train = sets["train"]
    others = {name: rows for name, rows in sets.items() if name != "train" and len(rows)}
    if not others or not len(train):
        return {}
    known = set(digests(train, most))
    found = {}
    for name, rows in others.items():
        own = list(digests(rows, most))
        again = sum(digest in known for digest in own)
        found[name] = {"copies": again, "of": len(own), "among": len(spread(train, most))}
    return found


def digests(rows: Rows, most: int) -> Iterator[bytes]:
    """16 bytes for what each of the rows holds; nothing of one that cannot be read."""
    roles = compared(rows)
    for index in spread(rows, most).tolist():
        found = hashlib.blake2b(digest_size=16)
        try:
            for role in roles:
                for part in parts(rows, index, role):
                    found.update(part)
                found.update(b"\0")
        except CorruptExample:
            continue
        yield found.digest()


def compared(rows: Rows) -> list[str]:
    """The roles by which two rows are the same example."""
    media = [role for role in sorted(rows.roles) if role in ROLES and ROLES[role].how in MEDIA]
    inputs = [role for role in media if ROLES[role].how != "mask"]
    others = [role for role in sorted(rows.roles) if role in ROLES and not ROLES[role].names]
    return inputs or others or sorted(rows.roles)


def parts(rows: Rows, index: int, role: str) -> Iterator[bytes]:
    """What one role of a row holds; a text piece by piece, as it may be a file of any size."""
    if role in ROLES and ROLES[role].how == "text":
        yield from (piece.encode() for piece in rows.pieces(index, role))
    else:
        value: Any = rows.value(index, role)
        yield content(value)

"""From texts to blocks of tokens: tokenized once, kept, cut anew for every length."""

from pathlib import Path

from zoo.data.corrupt import CorruptLimit
from zoo.data.preparing.shards import token_shards
from zoo.data.rows import Rows
from zoo.data.tokens.packing import PackedRows, read_shards
from zoo.data.tokens.scheme import Scheme
from zoo.errors import ConfigError, Fault


def pack(
    rows: Rows,
    scheme: Scheme,
    length: int,
    overlap: int,
    root: Path,
    corrupt: CorruptLimit | None = None,
) -> PackedRows:
    """The text of `rows` as blocks of tokens, tokenized once and kept under `root`.

    Raises ConfigError if the text is shorter than one block, or if more documents cannot be read
    than `corrupt` allows (none without it).
    """
    limit = corrupt or CorruptLimit()
    folder = token_shards(rows, scheme, root, limit)
    tokens, found = read_shards(folder)
    limit.add(enumerate(found["corrupt"]))
    packed = PackedRows(tokens, folder.name, found["text_bytes"], length, overlap)
    refuse_short(packed, len(rows))
    return packed


def refuse_short(packed: PackedRows, texts: int) -> None:
    """Raises ConfigError where there is not one block."""
    count = len(packed.tokens)
    if not count:
        found = f"{texts} texts without a token"
        raise ConfigError([Fault("recipe", "data", found, "texts with something in them")])
    if not len(packed):
        found = f"{packed.length} for a text of {count} tokens"
        raise ConfigError([Fault("recipe", "task.sequence_length", found, f"at most {count}")])
